"""Runs the user's program as ``__main__``, the way the interpreter would."""

from __future__ import annotations

import io
import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType

from ..protocol.entry import CODE, MODULE, Entry


def run(entry: Entry) -> None:
    """Run it; whatever it raises comes out, ``SystemExit`` included."""
    sys.orig_argv = [sys.executable, *entry.flags, *entry.words()]
    if entry.kind == MODULE:
        sys.argv = ["-m", *entry.arguments]
        _prepend(os.getcwd())
        runpy._run_module_as_main(entry.target)  # type: ignore[attr-defined]
    elif entry.kind == CODE:
        sys.argv = ["-c", *entry.arguments]
        _prepend("")
        _execute(compile(entry.target, "<string>", "exec", dont_inherit=True), None)
    else:
        sys.argv = [entry.target, *entry.arguments]
        _run_script(os.path.abspath(entry.target))


def _run_script(path: str) -> None:
    if os.path.isdir(path) or _is_archive(path):
        # The interpreter does this even in isolated mode: the path is the program.
        sys.path.insert(0, path)
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
    module = ModuleType("__main__")
    names = module.__dict__
    names.update(__builtins__=sys.modules["builtins"], __package__=None, __spec__=None)
    if path is not None:
        names.update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    sys.modules["__main__"] = module
    exec(code, names)  # type: ignore[arg-type]  # noqa: S102 - this is what running a script is
