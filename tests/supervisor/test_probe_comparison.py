"""What a start has found in directories is compared at every save, at little cost."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol import probes
from django_autoreload_plus.protocol.probes import ENTRY, EXISTS, INSTALLED, NAMES, Probe, ask
from django_autoreload_plus.supervisor import probe_comparison
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


def replace_and_fill(folder: Path) -> None:
    """The same with something in the directory."""
    replace(folder)
    (folder / "file" / "inner").touch()


def lead_elsewhere(folder: Path) -> None:
    """Let a link lead to a file where it led to a directory; the folder is as it was."""
    (folder.parent / "target").rmdir()
    (folder.parent / "target").touch()


def swap_folders(folder: Path) -> None:
    """Put another directory in the place of this one."""
    folder.rename(folder.parent / "former")
    (folder.parent / "other").rename(folder)


def make_deep(folder: Path) -> None:
    """Make a path of which nothing was there."""
    (folder / "new" / "inner").mkdir(parents=True)
    (folder / "new" / "inner" / "file").touch()


def make_target(folder: Path) -> None:
    """Make the directory to which a link leads, and a file in it; the folder is as it was."""
    (folder.parent / "absent").mkdir()
    (folder.parent / "absent" / "file").touch()


def swap_parents(folder: Path) -> None:
    """Put another directory in the place of the folder's parent."""
    parent = folder.parent
    parent.rename(parent.with_name("former parent"))
    (parent / folder.name).mkdir(parents=True)


#: The question, the path in the folder, and a change after which the answer is another one.
CHANGES: dict[str, tuple[str, str, Change]] = {
    "entry": (NAMES, "", lambda folder: (folder / "new").touch()),
    "gone": (NAMES, "", lambda folder: (folder / "file").unlink()),
    "replaced": (NAMES, "", replace),
    "link": (NAMES, "", lead_elsewhere),
    "folder": (NAMES, "", swap_folders),
    "package": (INSTALLED, "", lambda folder: (folder / "b-1.dist-info").mkdir()),
    "path file": (INSTALLED, "", lambda folder: os.utime(folder / "a.pth", (1, 1))),
    "file made": (EXISTS, "new", lambda folder: (folder / "new").touch()),
    "path made": (EXISTS, "new/inner/file", make_deep),
    "file gone": (EXISTS, "file", lambda folder: (folder / "file").unlink()),
    "file replaced": (EXISTS, "file", replace),
    "target replaced": (EXISTS, "link", lead_elsewhere),
    "target made": (EXISTS, "links/dangling", make_target),
    "made in target": (EXISTS, "links/dangling/file", make_target),
    "other folder": (EXISTS, "file", swap_folders),
    "other parent": (EXISTS, "file", swap_parents),
    "folder gone": (ENTRY, "file", lambda folder: folder.rename(folder.parent / "former")),
    "link made": (ENTRY, "new", lambda folder: (folder / "new").symlink_to("file")),
    "below a file": (EXISTS, "file/inner", replace_and_fill),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a directory with one entry of each kind, and another directory beside it."""
    made = tmp_path / "parent" / "folder"
    made.mkdir(parents=True)
    (made.parent / "target").mkdir()
    (made.parent / "other").mkdir()
    (made / "link").symlink_to("../target")
    (made / "links").mkdir()
    (made / "links" / "dangling").symlink_to("../../absent")
    (made / "file").touch()
    (made / "a.pth").touch()
    let_the_clock_tick(made, made / "links", made / "link", made / "a.pth", made.parent / "other")
    return made


def differs(comparison: Comparison, probe: Probe) -> bool:
    """Whether a probe would have another answer now."""
    return bool(comparison.differing([probe], written=(), is_ignored=lambda _path: False))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_where_it_was_looked_before(folder: Path, name: str) -> None:
    """A plugin that is added would not count at the second save after the start."""
    how, relative, change = CHANGES[name]
    path = str(folder / relative)
    comparison, probe = Comparison(), Probe(path, how, ask(path, how))
    assert not differs(comparison, probe)
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


@pytest.mark.skipif(sys.platform != "linux", reason="there is no mount table elsewhere")
@pytest.mark.parametrize("relative", ["file", "new", "new/inner/file"])
def test_what_has_not_changed_is_not_looked_for_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, relative: str
) -> None:
    """The same for the hundreds of files that a large project has looked for."""
    asked = []

    def counted(path: str, how: str) -> str:
        asked.append(path)
        return ask(path, how)

    monkeypatch.setattr(probe_comparison, "ask", counted)
    path = str(folder / relative)
    comparison, probe = Comparison(), Probe(path, EXISTS, ask(path, EXISTS))
    for _ in range(3):
        assert not differs(comparison, probe)
    assert asked == [path]
