"""Runs the user's program as ``__main__``, the way the interpreter would."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import ModuleType

from ..paths import absolute
from ..protocol.command_line import CODE, MODULE, Entry


def set_words(entry: Entry) -> None:
    """Let the process have the command line of its program."""
    sys.orig_argv = [sys.executable, *entry.flags, *entry.words()]
    first = {MODULE: "-m", CODE: "-c"}.get(entry.kind, entry.target)
    sys.argv = [first, *entry.arguments]


def run(entry: Entry) -> None:
    """Run it; whatever it raises comes out, ``SystemExit`` included."""
    if entry.kind == MODULE:
        with contextlib.suppress(FileNotFoundError):
            # Where the working directory has been deleted, the interpreter adds none.
            _prepend(os.getcwd())
        import runpy

        _new_main()
        runpy._run_module_as_main(entry.target)  # type: ignore[attr-defined]
    elif entry.kind == CODE:
        _prepend("")
        _execute(compile(entry.target, "<string>", "exec", dont_inherit=True), None)
    else:
        _run_script(absolute(entry.target))


def _run_script(path: str) -> None:
    if os.path.isdir(path) or _is_archive(path):
        # The interpreter does this even in isolated mode: the path is the program.
        sys.path.insert(0, path)
        import runpy

        _new_main()
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
        return
    _prepend(os.path.dirname(os.path.realpath(path)))
    with io.open_code(path) as file:
        source = file.read()
    _execute(compile(source, path, "exec", dont_inherit=True), path)


def _is_archive(path: str) -> bool:
    from zipimport import ZipImportError, zipimporter

    try:
        zipimporter(path)
    except (ZipImportError, OSError):
        return False
    return True


def _prepend(folder: str) -> None:
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path.insert(0, folder)


def _execute(code: object, path: str | None) -> None:
    names = _new_main().__dict__
    names["__loader__"] = BuiltinImporter if path is None else SourceFileLoader("__main__", path)
    if path is not None:
        names["__file__"] = path
        if sys.version_info < (3, 15):
            # No module has it any more.
            names["__cached__"] = None
    exec(code, names)  # type: ignore[arg-type]  # noqa: S102 - this is what running a script is


def _new_main() -> ModuleType:
    """A module ``__main__`` as the interpreter makes it, without the names of ours."""
    ours = sys.modules["__main__"]
    module = sys.modules["__main__"] = ModuleType("__main__")
    module.__dict__.update(__builtins__=sys.modules["builtins"], __package__=None, __spec__=None)
    if "__annotations__" in ours.__dict__:
        # Of all modules up to Python 3.13.
        module.__annotations__ = {}
    return module
