"""Code objects that wait in memory for the import of their modules."""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus.child.code_cache import CodeCache
from harness import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("kept_plain", "kept_edited", "kept_touched", "kept_shadowed", "kept_twice", "kept_gone")
import_system: Any = sys.modules["_frozen_importlib_external"]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """Return two folders on the path, the second one with compiled modules."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    for name in NAMES:
        write_file(second / f"{name}.py", "VALUE = 1\ndef function():\n    return VALUE\n")
        py_compile.compile(str(second / f"{name}.py"), doraise=True)
    monkeypatch.syspath_prepend(str(second))
    monkeypatch.syspath_prepend(str(first))
    yield first, second
    for name in NAMES:
        sys.modules.pop(name, None)


def test_only_what_the_disk_holds_is_taken(folders: tuple[Path, Path]) -> None:
    """A module would be made from the code of yesterday, or could not be imported."""
    first, second = folders
    cache, original = CodeCache(), import_system._compile_bytecode
    for _ in cache.read([*(str(second / f"{name}.py") for name in NAMES), str(second / "no.py")]):
        pass
    assert len(cache) == len(NAMES)
    write_file(second / "kept_edited.py", "VALUE = 'edited'\n")
    old = (second / "kept_touched.py").stat()
    # As large as before and, a second later, compiled by another process.
    write_file(second / "kept_touched.py", "VALUE = 2\ndef function():\n    return VALUE\n")
    os.utime(second / "kept_touched.py", (old.st_atime, old.st_mtime + 1))
    py_compile.compile(str(second / "kept_touched.py"), doraise=True)
    write_file(first / "kept_shadowed.py", "VALUE = 'shadow'\n")
    (second / "kept_gone.py").unlink()
    importlib.invalidate_caches()
    cache.install()
    try:
        found = {name: importlib.import_module(name) for name in NAMES[:-1]}
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("kept_gone")
        before = found["kept_twice"].function.__code__
        assert importlib.reload(found["kept_twice"]).function.__code__ is not before
    finally:
        cache.remove()
    values = {name: module.VALUE for name, module in found.items()}
    assert values == {
        "kept_plain": 1,
        "kept_edited": "edited",
        "kept_touched": 2,
        "kept_shadowed": "shadow",
        "kept_twice": 1,
    }
    plain = found["kept_plain"]
    assert plain.function.__code__.co_filename == plain.__file__ == str(second / "kept_plain.py")
    # Those of which nobody has asked for the code.
    assert len(cache) == len({"kept_edited", "kept_shadowed", "kept_gone"})
    assert import_system._compile_bytecode is original
