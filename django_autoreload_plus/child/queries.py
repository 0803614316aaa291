"""Programs that only answer a question, where it is known what their answer depends on.

They hold nothing that another process could need, and the answer need not be asked for again
as long as what it depends on is as it was: the program file for ``X --version``, the
repository for ``git rev-parse``. A program that is not there is such an answer, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..paths import real, working_directory
from ..protocol import probes
from ..records import dataclass

#: What is looked at, and how, as in :class:`.protocol.probes.Probe`.
Input = tuple[str, str]

_SHELL = "/bin/sh"
_SHELLS = ("sh", "bash", "dash")
#: Output of a shell's command that is thrown away or shown with the rest.
_REDIRECTIONS = (" 2>/dev/null", " 2> /dev/null", " 2>&1")
#: Characters that a shell passes on as they are, besides letters and digits.
_PLAIN = frozenset(" _-./=@%+,:^")
_VERSION = ("--version", "-version")
_ELF = b"\x7fELF"
_MACH_O = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_MAGIC = 4

#: Commands of git that read nothing but the repository and its configuration.
_READING = ("rev-parse", "describe", "log", "rev-list", "show-ref", "for-each-ref", "name-rev")
#: Options of theirs that look at the work tree, at what time it is, at standard input, at what git
#: has noted of its own use or at other programs, or that write.
_READING_MORE = (
    "--dirty", "--broken", "--stdin", "--output", "--ext-diff", "--textconv", "--show-signature",
    "--patch", "-p", "-u", "-S", "-G", "-L", "-c", "--cc", "--stat", "--numstat", "--shortstat",
    "--relative-date", "--date=relative", "--date=human", "--since", "--until", "--after",
    "--before", "-g", "--walk-reflogs", "--reflog", "--show-superproject", ":",
)  # fmt: skip
_READING_MORE_ANYWHERE = ("@{", "FETCH_HEAD", "%G", "%ar", "%cr", "%ah", "%ch")
#: Variables by which git finds something elsewhere than described here.
_ELSEWHERE = frozenset(
    f"GIT_{name}"
    for name in (
        "DIR", "WORK_TREE", "COMMON_DIR", "INDEX_FILE", "OBJECT_DIRECTORY", "NAMESPACE", "CONFIG",
        "ALTERNATE_OBJECT_DIRECTORIES", "CONFIG_GLOBAL", "CONFIG_SYSTEM", "REPLACE_REF_BASE",
        "SHALLOW_FILE", "GRAFT_FILE",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A program that is about to be run."""

    words: Sequence[str]
    #: The file that is run, or the name by which it is looked for.
    file: str
    folder: str
    environment: Mapping[str, str]
    #: A shell runs it, which has commands of its own.
    by_shell: bool = False


def is_query(event: str, args: tuple[Any, ...]) -> bool:
    """Whether the program that an audit event tells of does no more than answer."""
    return inputs(event, args) is not None


def inputs(event: str, args: tuple[Any, ...]) -> list[Input] | None:
    """What the answer of a program depends on; ``None``: that is not known."""
    run = _run(event, args)
    if run is None:
        return None
    found = [(run.folder, probes.EXISTS)]
    for path in _candidates(run):
        # A program of this name that appears here would be run instead of a later one.
        found.append((path, probes.STATUS))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            more = _inputs(run, path)
            return None if more is None else [*found, *more]
    return None if run.by_shell else found


def _run(event: str, args: tuple[Any, ...]) -> Run | None:
    folder: Any = None
    environment: Any = None
    if event == "subprocess.Popen":
        file, words, folder, environment = args
    elif event == "os.posix_spawn" and os.path.dirname(args[0]):
        file, words, environment = args
    elif event == "os.system":
        file, words = _SHELL, [_SHELL, "-c", args[0]]
    else:
        return None
    try:
        run = Run(
            [os.fsdecode(word) for word in words],
            os.fsdecode(file),
            os.path.join(working_directory(), "" if folder is None else os.fsdecode(folder)),
            os.environ if environment is None else _decoded(environment),
        )
    except (TypeError, ValueError, AttributeError, OSError):
        return None
    if not run.words or any("\0" in text for text in (*run.words, run.file, run.folder)):
        return None
    is_command = os.path.basename(run.file) in _SHELLS and "-c" in run.words
    return _in_shell(run) if is_command else run


def _inputs(run: Run, path: str) -> list[Input] | None:
    if not _is_itself(path, os.path.basename(run.words[0])):
        return None
    if os.path.basename(run.file) == "git":
        return _of_git(run)
    return [] if len(run.words) == 2 and run.words[1] in _VERSION else None


def _candidates(run: Run) -> Iterator[str]:
    folders: Sequence[str] = [""]
    if not os.path.dirname(run.file):
        folders = os.get_exec_path(run.environment)
    for folder in folders:
        yield os.path.normpath(os.path.join(run.folder, folder, run.file))


def _is_itself(path: str, name: str) -> bool:
    """Whether the file is the whole program: no script, and none that stands in for others."""
    path = real(path)
    if name not in os.path.basename(path):
        return False
    try:
        # git has all its commands in one file.
        return (os.stat(path).st_nlink == 1 or name == "git") and _is_binary(path)
    except OSError:
        return False


def _is_binary(path: str) -> bool:
    with open(path, "rb") as file:
        begin = file.read(_MAGIC)
    return begin == _ELF or begin in _MACH_O


def _of_git(run: Run) -> list[Input] | None:
    words = [*run.words[1:]]
    folder = run.folder
    while words and words[0] in ("-C", "--no-pager", "-P"):
        if words.pop(0) == "-C" and words:
            folder = os.path.join(folder, words.pop(0))
    if words in (["version"], ["--version"]):
        return []
    if not words or not _only_reads(words[0], words[1:]) or _ELSEWHERE & run.environment.keys():
        return None
    home = run.environment.get("HOME", "")
    general = run.environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    files = (
        os.path.join(home, ".gitconfig"),
        os.path.join(general, "git", "config"),
        "/etc/gitconfig",
    )
    configuration = [(path, probes.STATUS) for path in files if os.path.isabs(path)]
    return [*configuration, (os.path.normpath(folder), probes.REPOSITORY)]


def _only_reads(command: str, options: Sequence[str]) -> bool:
    if any(mark in option for option in options for mark in _READING_MORE_ANYWHERE):
        return False
    if command == "branch":
        return [*options] == ["--show-current"]
    if command == "symbolic-ref":
        return sum(not option.startswith("-") for option in options) == 1 and not (
            {"-d", "--delete"} & {*options}
        )
    return command in _READING and not any(option.startswith(_READING_MORE) for option in options)


def _in_shell(run: Run) -> Run | None:
    """The one program that a shell is to run, if all that it does is to run it."""
    command = run.words[-1].strip()
    if run.words[1:-1] != ["-c"]:
        return None
    for redirection in _REDIRECTIONS:
        command = command.removesuffix(redirection)
    words = command.split()
    if not words or "=" in words[0] or not all(c.isalnum() or c in _PLAIN for c in command):
        return None
    return Run(words, words[0], run.folder, run.environment, by_shell=True)


def _decoded(environment: Mapping[Any, Any]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
