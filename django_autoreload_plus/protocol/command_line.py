"""How a Python program was started, so that it can be started again.

``python [flags] script.py args``, ``python [flags] -m module args``,
``python [flags] -c code args``, a zip archive or a directory with a
``__main__``, and the launchers that pip writes. The shapes are those of
https://docs.python.org/3/using/cmdline.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType

from ..paths import absolute, working_directory
from ..records import dataclass

SCRIPT, MODULE, CODE, EXECUTABLE = "script", "module", "code", "executable"


class EntryError(RuntimeError):
    """There is no way to start this program a second time."""


@dataclass(frozen=True)
class Entry:
    """A program and its arguments."""

    #: ``"script"``, ``"module"``, ``"code"``, or ``"executable"`` for a
    #: Windows launcher that brings its own interpreter.
    kind: str
    target: str
    arguments: tuple[str, ...] = ()
    #: Interpreter options such as ``-X dev`` and ``-W error``.
    flags: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The words that follow the interpreter and its options."""
        prefix = {MODULE: ["-m"], CODE: ["-c"]}.get(self.kind, [])
        return [*prefix, self.target, *self.arguments]

    def folders(self) -> tuple[str, ...]:
        """The folders in which the project may be looked for: where it is run, and its script's."""
        here = working_directory()
        return (here, os.path.dirname(absolute(self.target))) if self.kind == SCRIPT else (here,)

    @classmethod
    def parse(cls, words: Sequence[str], flags: Sequence[str] = ()) -> Entry:
        """Read ``[-m module | -c code | script] [args]``."""
        if not words:
            raise EntryError("nothing to run: give a script and its arguments, or -m and a module")
        if words[0] in ("-m", "-c"):
            if len(words) < 2:
                raise EntryError(f"nothing to run: {words[0]} needs a value")
            kind = MODULE if words[0] == "-m" else CODE
            return cls(kind, words[1], tuple(words[2:]), tuple(flags))
        return cls(SCRIPT, words[0], tuple(words[1:]), tuple(flags))


def detect(main: ModuleType, argv: Sequence[str], orig_argv: Sequence[str]) -> Entry:
    """How this process was started.

    ``orig_argv`` tells exactly, but a program may have changed ``sys.argv`` or be
    embedded; then the parts are put together from ``__main__`` and ``sys.argv``.
    """
    arguments = tuple(argv[1:])
    flags = interpreter_flags(argv, orig_argv)
    spec = getattr(main, "__spec__", None)
    launcher = os.path.splitext(argv[0])[0] + ".exe"
    if spec is not None and not os.path.exists(launcher):
        return _detect_module(main, argv, arguments, flags)
    if argv[0] == "-c":
        code = _inline_code(argv, orig_argv)
        if code is None:
            raise EntryError("the code given to python -c is no longer known")
        return Entry(CODE, code, arguments, flags)
    return _detect_script(argv[0], launcher, arguments, flags)


def interpreter_flags(argv: Sequence[str], orig_argv: Sequence[str]) -> tuple[str, ...]:
    """The options given to the interpreter itself, ``-u`` and ``-X`` included."""
    head = _head(argv, orig_argv)
    if head is None:
        import subprocess

        return tuple(subprocess._args_from_interpreter_flags())  # type: ignore[attr-defined]
    if len(head) >= 2 and _is_cluster(head[-2]):
        cluster = head[-2][:-1]
        return (*head[:-2], *([cluster] if len(cluster) > 1 else []))
    return tuple(head[:-1])


def _head(argv: Sequence[str], orig_argv: Sequence[str]) -> list[str] | None:
    arguments = list(argv[1:])
    rest = len(orig_argv) - len(arguments)
    if rest < 2 or list(orig_argv[rest:]) != arguments:
        return None
    return list(orig_argv[1:rest])


def _is_cluster(word: str) -> bool:
    """``-m``, ``-c`` or short options that end in one of them, such as ``-Im``."""
    return word[:1] == "-" and word[1:2] != "-" and word[1:].isalpha() and word[-1] in "mc"


def split_python(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options of a Python command line, and the words from the program on.

    ``words``: what follows the interpreter. Raises :class:`EntryError` where no program is
    named, as for an interactive interpreter.
    """
    flags: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if _is_cluster(word):
            flags += [word[:-1]] if len(word) > 2 else []
            return tuple(flags), (f"-{word[-1]}", *rest)
        flags.append(word)
        if word in ("-W", "-X", "--check-hash-based-pycs"):
            flags += rest[:1]
            del rest[:1]
    if not rest or rest[0] == "-":
        raise EntryError("the command line names no program")
    return tuple(flags), tuple(rest)


def _inline_code(argv: Sequence[str], orig_argv: Sequence[str]) -> str | None:
    head = _head(argv, orig_argv)
    if not head:
        return None
    if len(head) >= 2 and _is_cluster(head[-2]):
        return head[-1]
    return head[-1][2:] if head[-1].startswith("-c") else None


def _detect_module(
    main: ModuleType, argv: Sequence[str], arguments: tuple[str, ...], flags: tuple[str, ...]
) -> Entry:
    spec = main.__spec__
    assert spec is not None
    if spec.name == "__main__" and not spec.parent:
        # A zip archive or a directory: the interpreter was given its path.
        return Entry(SCRIPT, argv[0], arguments, flags)
    name = spec.name
    if name == "__main__" or name.endswith(".__main__"):
        name = spec.parent or name
    return Entry(MODULE, name, arguments, flags)


def _detect_script(
    script: str, launcher: str, arguments: tuple[str, ...], flags: tuple[str, ...]
) -> Entry:
    if os.path.exists(script):
        return Entry(SCRIPT, script, arguments, flags)
    if os.path.exists(launcher):
        return Entry(EXECUTABLE, launcher, arguments)
    beside = f"{script}-script.py"
    if os.path.exists(beside):
        return Entry(SCRIPT, beside, arguments, flags)
    raise EntryError(
        f"Script {script} does not exist, so it cannot be started again: "
        "has the program changed its working directory or sys.argv[0]?"
    )


def current() -> Entry:
    """How the running process was started."""
    main = sys.modules.get("__main__") or ModuleType("__main__")
    return detect(main, sys.argv or [""], sys.orig_argv)


def package_root() -> str:
    """The directory of this package."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
