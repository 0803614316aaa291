"""What a start has found in directories is compared at every save, at little cost."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol import probes
from django_autoreload_plus.protocol.probes import INSTALLED, NAMES, Probe, ask
from django_autoreload_plus.supervisor.probe_comparison import Comparison
from django_autoreload_plus.watcher import CLOCK_SLACK_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Path], object]


def let_the_clock_tick(*paths: Path) -> None:
    """Wait until a further change gives each of these another status."""
    while time.time_ns() - max(path.stat().st_ctime_ns for path in paths) < CLOCK_SLACK_NS:
        time.sleep(0.005)


def replace(folder: Path) -> None:
    """Put a directory where a file was."""
    (folder / "file").unlink()
    (folder / "file").mkdir()


def lead_elsewhere(folder: Path) -> None:
    """Let a link lead to a file where it led to a directory; the folder is as it was."""
    (folder.parent / "target").rmdir()
    (folder.parent / "target").touch()


def swap_folders(folder: Path) -> None:
    """Put another directory in the place of this one."""
    folder.rename(folder.parent / "former")
    (folder.parent / "other").rename(folder)


CHANGES: dict[str, tuple[str, Change]] = {
    "entry": (NAMES, lambda folder: (folder / "new").touch()),
    "gone": (NAMES, lambda folder: (folder / "file").unlink()),
    "replaced": (NAMES, replace),
    "link": (NAMES, lead_elsewhere),
    "folder": (NAMES, swap_folders),
    "package": (INSTALLED, lambda folder: (folder / "b-1.dist-info").mkdir()),
    "path file": (INSTALLED, lambda folder: os.utime(folder / "a.pth", (1, 1))),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a directory with one entry of each kind, and another directory beside it."""
    made = tmp_path / "folder"
    made.mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "other").mkdir()
    (made / "link").symlink_to("../target")
    (made / "file").touch()
    (made / "a.pth").touch()
    let_the_clock_tick(made, made / "link", made / "a.pth", tmp_path / "other")
    return made


def differs(comparison: Comparison, probe: Probe) -> bool:
    """Whether a probe would have another answer now."""
    return bool(comparison.differing([probe], written=(), is_ignored=lambda _path: False))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_in_a_directory_listed_before(folder: Path, name: str) -> None:
    """A plugin that is added would not count at the second save after the start."""
    how, change = CHANGES[name]
    comparison, probe = Comparison(), Probe(str(folder), how, ask(str(folder), how))
    assert not differs(comparison, probe)
    change(folder)
    assert differs(comparison, probe)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no mount table elsewhere")
def test_what_has_not_changed_is_not_listed_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save in a large project would list dozens of directories before the new code is live."""
    listed, names = [], probes.names

    def counted(path: str) -> probes.Listing:
        listed.append(path)
        return names(path)

    monkeypatch.setitem(probes.LISTINGS, NAMES, counted)
    comparison, probe = Comparison(), Probe(str(folder), NAMES, names(str(folder)).answer)
    for _ in range(3):
        assert not differs(comparison, probe)
    assert listed == [str(folder)]
    (folder / "new").touch()
    # In the same tick of the clock a further entry would not show.
    for count in range(3):
        (folder / f"new {count}").touch()
        now = Probe(str(folder), NAMES, names(str(folder)).answer)
        assert not differs(comparison, now)
