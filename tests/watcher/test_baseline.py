"""Content decides whether a file changed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import django_autoreload_plus
from django_autoreload_plus.watcher import Baseline
from harness import at_once
from watcher.noticing import as_ordinary_user
from watcher.test_paths import write

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_autoreload_plus.watcher import Change


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., tuple[Baseline, str, Path]]:
    """Return a factory of a recorded file: its baseline, its name and itself."""

    def make(text: str | None = "one\n", *, keep: bool = True) -> tuple[Baseline, str, Path]:
        path = tmp_path / "module.py"
        if text is not None:
            path.write_text(text)
        baseline = Baseline()
        baseline.record([str(path)], keep_text=lambda _: keep)
        return baseline, str(path), path

    return make


Recorded = "Callable[..., tuple[Baseline, str, Path]]"


def expect(change: Change | None) -> Change:
    """Insist on a change."""
    assert change is not None
    return change


def test_a_touch_and_an_identical_save_change_nothing(recorded: Any) -> None:
    """``touch``, a save without an edit and a formatter with nothing to do would reload."""
    baseline, name, path = recorded()
    os.utime(path, (1, 1))
    assert baseline.compare(name) is None
    path.write_text("one\n")
    assert baseline.compare(name) is None
    other = path.with_name("other")
    other.write_text("one\n")
    other.replace(path)
    assert baseline.compare(name) is None


def test_a_change_and_its_way_back(recorded: Any) -> None:
    """A branch switched there and back would reload twice, or not at all."""
    baseline, name, path = recorded()
    path.write_text("two\n")
    change = expect(baseline.compare(name))
    assert (change.kind, change.data) == ("modified", b"two\n")
    path.write_text("one\n")
    assert baseline.compare(name) is None
    path.write_text("two\n")
    baseline.accept([expect(baseline.compare(name))])
    assert baseline.compare(name) is None
    assert baseline.text(name) == b"two\n"


def test_an_edit_within_the_same_tick_and_of_the_same_size(recorded: Any) -> None:
    """Two quick saves of equal length would leave the first one running."""
    for number in range(50):
        baseline, name, path = recorded(f"{number:02}\n")
        info = path.stat()
        path.write_text("xx\n")
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
        assert expect(baseline.compare(name)).data == b"xx\n"


def test_a_time_that_goes_backwards(recorded: Any) -> None:
    """``cp -p`` and ``git checkout`` of older content would not reload."""
    baseline, name, path = recorded()
    path.write_text("two\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    assert expect(baseline.compare(name)).kind == "modified"


def test_creation_and_deletion(recorded: Any) -> None:
    """A deleted module would stay alive, a created one would be unknown."""
    baseline, name, path = recorded(None)
    assert baseline.compare(name) is None
    path.write_text("")
    assert expect(baseline.compare(name)).kind == "created"
    path.write_text("one\n")
    created = expect(baseline.compare(name))
    assert (created.kind, created.data) == ("created", b"one\n")
    baseline.accept([created])
    path.unlink()
    deleted = expect(baseline.compare(name))
    assert (deleted.kind, deleted.data) == ("deleted", None)
    baseline.accept([deleted])
    assert baseline.compare(name) is None


def test_unknown_paths_count_as_absent(tmp_path: Path) -> None:
    """A file reported before it was recorded would be lost."""
    baseline = Baseline()
    assert baseline.compare(str(tmp_path / "none")) is None
    path = write(tmp_path / "new.py")
    assert expect(baseline.compare(str(path))).kind == "created"
    assert str(path) not in baseline


def test_an_empty_read_is_doubted(recorded: Any) -> None:
    """An editor that truncates first would make the site run with an empty module."""
    for _ in range(20):
        baseline, name, path = recorded()
        compared: list[Change | None] = []

        def compare(baseline: Baseline = baseline, name: str = name) -> None:
            compared.append(baseline.compare(name))  # noqa: B023 - it ends in this round

        reader = threading.Thread(target=compare)

        def write(reader: threading.Thread = reader, path: Path = path) -> None:
            path.write_text("")
            reader.start()
            time.sleep(0.01)
            path.write_text("two\n")

        is_soon = at_once(write, 0.03)
        reader.join()
        if is_soon:
            assert expect(compared[0]).data == b"two\n"
            return
    pytest.skip("this machine does not write twice in a moment")


def test_an_emptied_file_is_believed_in_the_end(recorded: Any) -> None:
    """Emptying a module would have no effect."""
    baseline, name, path = recorded()
    path.write_text("")
    assert expect(baseline.compare(name)).data == b""


def test_libraries_keep_no_text_until_they_are_edited(recorded: Any) -> None:
    """The sources of every library would be held in memory; a swap needs those of edited ones."""
    baseline, name, path = recorded(keep=False)
    assert baseline.text(name) is None
    path.write_text("two\n")
    change = expect(baseline.compare(name))
    baseline.accept([change])
    assert baseline.text(name) == b"two\n"
    assert baseline.compare(name) is None


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """A named pipe where a file was would block the reloader for ever."""
    path = tmp_path / "module.py"
    os.mkfifo(path)
    baseline = Baseline()
    baseline.record([str(path)], keep_text=lambda _: True)
    assert baseline.compare(str(path)) is None
    path.unlink()
    assert expect(baseline.compare(str(path))).kind == "deleted"
    path.mkdir()
    assert expect(baseline.compare(str(path))).kind == "deleted"


def test_missing_permission_is_a_change_with_a_reason(tmp_path: Path) -> None:
    """The reloader itself would end with a PermissionError."""
    script = """
import os, sys
from django_autoreload_plus.watcher import Baseline
baseline = Baseline()
baseline.record([sys.argv[1]], keep_text=lambda _: True)
os.chmod(sys.argv[1], 0)
change = baseline.compare(sys.argv[1])
assert change.kind == "modified" and change.data is None, change
assert "Permission denied" in change.problem
assert change.stamp == baseline.present_stamp(sys.argv[1])
baseline.accept([change])
assert baseline.compare(sys.argv[1]) is None
os.chmod(sys.argv[1], 0o644)
assert baseline.compare(sys.argv[1]).data == b"one\\n"
"""
    package = Path(django_autoreload_plus.__file__).parent.parent
    path = write(tmp_path / "module.py")
    result = subprocess.run(  # noqa: PLW1510 - what it printed says more
        [*as_ordinary_user(), sys.executable, "-c", script, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


def test_edits_while_the_code_was_loading(recorded: Any) -> None:
    """A file saved while the server started would be shown as live though it is not."""
    baseline, name, path = recorded()
    wait_for_the_clock()
    loading = time.time_ns()
    assert not baseline.edited_since([(name, loading)])
    path.write_text("two\n")
    os.utime(path, (1, 1))
    assert baseline.edited_since([(name, loading)])
    path.unlink()
    assert baseline.edited_since([(name, loading)])
    assert not baseline.edited_since([(str(path.with_name("never")), loading)])


def test_links_switched_while_the_code_was_loading(tmp_path: Path) -> None:
    """A link pointed elsewhere while the server started would go unnoticed."""
    old, new = write(tmp_path / "old" / "m.py"), write(tmp_path / "new" / "m.py", "two\n")
    link = tmp_path / "current"
    link.symlink_to(old.parent)
    baseline = Baseline()
    wait_for_the_clock()
    loading = time.time_ns()
    spelled = str(link / "m.py")
    assert not baseline.edited_since([(spelled, loading)])
    link.unlink()
    link.symlink_to(new.parent)
    assert baseline.edited_since([(spelled, loading)])


def wait_for_the_clock() -> None:
    """Let the clock that stamps files leave the present moment behind it."""
    start = time.monotonic()
    while time.monotonic() - start < 0.05:
        time.sleep(0.01)
