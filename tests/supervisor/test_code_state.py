"""What is known of the files while several things happen at once."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol.messages import LoadedFile
from django_autoreload_plus.supervisor.code_state import CodeState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_only_what_was_offered_is_taken(tmp_path: Path) -> None:
    """An edit made while the program answers would be lost: it was never told of it."""
    path = tmp_path / "tea.txt"
    path.write_text("one")
    code = CodeState(OwnCode([str(tmp_path)]))
    code.baseline.record([str(path)], keep_text=code.is_own)
    path.write_text("two")
    code.compare([str(path)])
    offered = list(code.dirty.values())
    path.write_text("three")
    # As for another report of the program that comes meanwhile.
    code.compare([])
    code.take(offered)
    assert [change.data for change in code.dirty.values()] == [b"three"]


def test_a_further_name_is_no_edit(tmp_path: Path) -> None:
    """An installer that links files into another environment would cost reloads and copies."""
    path, other = tmp_path / "library.py", tmp_path / "other.py"
    path.write_text("one")
    code = CodeState(OwnCode([str(tmp_path)]))
    item = LoadedFile(str(path), time.time_ns())
    code.baseline.record([str(path)], keep_text=code.is_own)
    code.start()
    acts: list[Callable[[], None]] = [
        lambda: other.hardlink_to(path),
        other.unlink,
        lambda: path.chmod(0o600),
    ]
    for act in acts:
        act()
        code.compare([str(path)])
        assert not code.record([item])
        assert not code.since_start()
        assert not code.dirty


def test_a_file_written_and_given_its_time_back_is_edited(tmp_path: Path) -> None:
    """A start may have loaded what was there for a moment."""
    path = tmp_path / "tea.py"
    path.write_text("one")
    code = CodeState(OwnCode([str(tmp_path)]))
    code.baseline.record([str(path)], keep_text=code.is_own)
    code.start()
    before = path.stat().st_mtime_ns
    # What tells it is the time of change, which the kernel's clock has to move on first.
    while path.stat().st_ctime_ns == before:
        path.write_text("two")
        path.write_text("one")
        os.utime(path, ns=(before, before))
    assert code.record([LoadedFile(str(path), time.time_ns())]) == {str(path)}
