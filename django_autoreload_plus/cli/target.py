"""Finds the program that a TARGET names, as the interpreter and the shell would.

Nothing of the program is imported: what cannot be started is refused before a process is made.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from zipfile import is_zipfile

from ..paths import working_directory
from ..protocol.command_line import CODE, MODULE, SCRIPT, Entry, EntryError

#: A kernel reads no more of a first line; what follows the launcher's first line is as short.
_HEAD = 1024
_PYTHON = ("python", "pypy")
_SHELL_TRICK = b"'''exec' "


def find(words: Sequence[str], flags: Sequence[str] = ()) -> Entry:
    """The program that ``[-m module | -c code | script | name] [args]`` starts.

    ``flags``: those of the interpreter that is to run it. Raises :class:`EntryError`, with one
    sentence, for words that start nothing.
    """
    entry = Entry.parse(_separated(words), flags)
    if entry.kind == MODULE:
        _check_module(entry.target, isolated=_is_isolated(flags))
    if entry.kind in (MODULE, CODE):
        return entry
    if os.path.isfile(entry.target):
        return _checked_file(entry)
    if os.sep not in entry.target and (program := shutil.which(entry.target)):
        return _program(entry, program)
    if os.path.isdir(entry.target):
        if not _has_main(entry.target):
            raise EntryError(f"{entry.target} is a folder without a __main__.py")
        return entry
    raise EntryError(_not_found(entry.target))


def _separated(words: Sequence[str]) -> Sequence[str]:
    """``-mmodule`` and ``-ccode`` as two words."""
    if words and len(words[0]) > 2 and words[0][:2] in ("-m", "-c"):
        return [words[0][:2], words[0][2:], *words[1:]]
    return words


def _not_found(target: str) -> str:
    if target == "-":
        return "a program on standard input cannot be started anew: save it in a file"
    if os.sep in target or target.endswith((".py", ".pyc", ".pyz")):
        return f"there is no file {target}"
    return f"there is neither a file {target} here nor a program of this name on the PATH"


def _is_isolated(flags: Iterable[str]) -> bool:
    """Whether the working directory is kept out of the module search path."""
    short = "".join(flag[1:] for flag in flags if flag[1:].isalpha())
    return bool({"I", "P"} & set(short)) or bool(os.environ.get("PYTHONSAFEPATH"))


def _has_main(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, f"__main__.{end}")) for end in ("py", "pyc"))


# -- files ------------------------------------------------------------------


def _checked_file(entry: Entry) -> Entry:
    head = _read_head(entry.target)
    if is_zipfile(entry.target) or head[:4] == importlib.util.MAGIC_NUMBER:
        return entry
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise EntryError(f"{entry.target} is a compiled program, not one in Python")
    shebang = _shebang(head)
    if shebang and not entry.target.endswith((".py", ".pyw")) and not _is_python(shebang[0]):
        raise EntryError(f"{entry.target} is a program for {shebang[0]}, not one in Python")
    return entry


def _read_head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise EntryError(f"cannot read {path}: {error.strerror}") from None


# -- programs on the PATH -----------------------------------------------------


def _program(entry: Entry, path: str) -> Entry:
    head = _read_head(path)
    words = _shebang(head)
    if is_zipfile(path) and not words:
        return Entry(SCRIPT, path, entry.arguments, entry.flags)
    if not words or not _is_python(words[0]):
        raise EntryError(
            f"{path} is no Python program: only those can be started anew when their code changes"
        )
    if not _is_this_python(words[0]):
        raise EntryError(
            f"{path} runs under {words[0]}, not under {sys.executable}:"
            " install django-autoreload-plus beside it"
        )
    return Entry(SCRIPT, path, entry.arguments, (*words[1:], *entry.flags))


def _shebang(head: bytes) -> list[str]:
    """The interpreter that a script names, and its options; empty: none.

    Launchers for an interpreter whose path is long, or has blanks, name it in their second
    line, for a shell.
    """
    first, _, rest = head.partition(b"\n")
    if not first.startswith(b"#!"):
        return []
    if rest.startswith(_SHELL_TRICK):
        first = rest[len(_SHELL_TRICK) - 2 :].partition(b"\n")[0].replace(b'"$0" "$@"', b"")
    try:
        words = shlex.split(os.fsdecode(first[2:]))
    except ValueError:
        return []
    if words and os.path.basename(words[0]) == "env":
        words = [word for word in words[1:] if word != "-S" and "=" not in word]
        words[:1] = [shutil.which(words[0]) or words[0]] if words else []
    return words


def _is_python(interpreter: str) -> bool:
    return os.path.basename(interpreter).startswith(_PYTHON)


def _is_this_python(interpreter: str) -> bool:
    """Whether it is the one that runs here, with the same installed packages.

    The interpreters of two environments are often links to the same file.
    """
    here = os.path.dirname(os.path.abspath(sys.executable))
    there = os.path.dirname(os.path.abspath(interpreter))
    return os.path.realpath(here) == os.path.realpath(there) and os.path.realpath(
        interpreter
    ) == os.path.realpath(sys.executable)


# -- modules ------------------------------------------------------------------


def _check_module(name: str, *, isolated: bool) -> None:
    """Refuse a module that is not there, as far as that is certain without an import."""
    if not all(name.split(".")):
        raise EntryError(f"{name!r} is not the name of a module")
    path: list[str] = [*sys.path] if isolated else [working_directory(), *sys.path]
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for index in range(len(parts)):
        whole = ".".join(parts[: index + 1])
        spec = _find_spec(whole, path)
        if spec is None:
            raise EntryError(f"there is no module {whole}")
        if spec.submodule_search_locations is None:
            if index + 1 < len(parts):
                raise EntryError(f"{whole} is a module, not a package: there is no {name}")
            return
        path = [*spec.submodule_search_locations]
        if _extends_its_path(spec):
            return
    if _find_spec(f"{name}.__main__", path) is None:
        raise EntryError(f"{name} is a package without a module __main__")


def _find_spec(name: str, path: list[str]) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, path)
    for finder in sys.meta_path if spec is None else ():
        # Built-in modules, and the finders of editable installs.
        spec = spec or finder.find_spec(name, path if "." in name else None)
    return spec


def _extends_its_path(spec: ModuleSpec) -> bool:
    """Whether a package may find its modules elsewhere, too: that is known when it runs."""
    if not (spec.origin and spec.origin.endswith(".py")):
        return False
    try:
        with open(spec.origin, "rb") as file:
            return b"__path__" in file.read()
    except OSError:
        return True
