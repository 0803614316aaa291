"""Which exit handlers hold a state that somebody may still need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import output_of, write_file

if TYPE_CHECKING:
    from pathlib import Path

#: Stand for the libraries, as far as their handlers go.
PILLOW = "import atexit\natexit.register(int)\n"
CERTIFI = """
import atexit
_CACERT_PATH = None

def where(path):
    global _CACERT_PATH
    _CACERT_PATH = path
    atexit.register(int)
"""
ASK = """
import atexit, sys
from django_autoreload_plus.child import exit_handlers as handlers
sys.path.insert(0, "libraries")
{statements}
"""


def output(folder: Path, statements: str) -> list[str]:
    """Run the statements in a process of their own; the words that it prints."""
    folder.mkdir(exist_ok=True)
    return output_of(ASK.format(statements=statements), cwd=folder).split()


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("import PIL.Image", "False"),
        ("import PIL.Image; atexit.register(print, 'mine')", "True mine"),
        ("import PIL.Image; handlers.hand_over_handlers()", "False"),
        # The library's own is no longer among those that wait.
        (
            "import PIL.Image; handlers.hand_over_handlers(); atexit.register(print, 'mine')",
            "True mine",
        ),
        ("import certifi.core", "False"),
        ("import certifi.core as c; c.where(c.__file__)", "False"),
        ("import certifi.core as c; c.where('/tmp/made-for-it.pem')", "True"),
    ],
)
def test_what_frees_memory_only(tmp_path: Path, statements: str, expected: str) -> None:
    """Copies could never go where a library is loaded that many projects use."""
    for package, text in (("PIL/Image", PILLOW), ("certifi/core", CERTIFI)):
        write_file(tmp_path / "libraries" / f"{package}.py", text)
        write_file((tmp_path / "libraries" / package).with_name("__init__.py"), "")
    said = output(tmp_path, f"{statements}\nprint(handlers.pending(), flush=True)")
    assert said == expected.split()


@pytest.mark.parametrize("take", ["SoftFileLock.acquire", "SoftReadWriteLock.acquire_write"])
def test_locks_that_are_held_at_the_exit(tmp_path: Path, take: str) -> None:
    """Their files would lock out the next process: filelock registers once, when imported."""
    kind, method = take.split(".")
    statements = """
import filelock, pathlib
kind = filelock.{kind}
{hand_over}
print(handlers.pending(), flush=True)
lock = kind("tea.lock")
lock.{method}()
before = set(pathlib.Path().rglob("*"))
atexit._run_exitfuncs()
print(bool(before - set(pathlib.Path().rglob("*"))), flush=True)
"""
    expected, found = (
        output(tmp_path / name, statements.format(kind=kind, method=method, hand_over=hand_over))
        for name, hand_over in (("fresh", ""), ("resumed", "handlers.hand_over_handlers()"))
    )
    assert found == expected
    assert expected[0] == "False"


def test_celery_keeps_no_state(tmp_path: Path) -> None:
    """The copies of each project with Celery would be kept as long as their line."""
    pytest.importorskip("celery")
    statements = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django_autoreload_plus.adapter.child_setup import MEMORY_FINALIZERS
from celery import Celery, signals
Celery("tea", broker="memory://").finalize()
print(handlers.pending(MEMORY_FINALIZERS), flush=True)
"""
    assert output(tmp_path, statements) == ["False"]
