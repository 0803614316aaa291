"""What noticing takes, and that nothing else takes any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from noticing.site import Site, add_view

if TYPE_CHECKING:
    from pathlib import Path

WATCHING = (
    r"watching (?P<files>[\d,]+) files in (?P<directories>[\d,]+) directories: "
    r"inotify, (?P<watches>[\d,]+) watches, (?P<threads>\d+) threads?, "
    r"(?P<descriptors>\d+) descriptors$"
)
TREES = ("node_modules", ".venv/lib/python3/site-packages", ".git/objects", "media", "static")
#: What grows with the trees grows with small ones as well.
FOLDERS, FILES = 40, 10


def counted(site: Site, since: int = 0) -> dict[str, int]:
    """Return the numbers that the diagnostics give."""
    found = site.wait_for_output(WATCHING, since=since)
    return {name: int(text.replace(",", "")) for name, text in found.groupdict().items()}


def test_trees_that_are_no_code_cost_nothing(place: Path) -> None:
    """A project with front-end packages, uploads and a history would use up all watches."""
    with Site(place, options=["--verbosity", "2"]) as site:
        site.ready()
        without = counted(site)
    for tree in TREES:
        for number in range(FOLDERS):
            folder = place / tree / f"part{number}"
            folder.mkdir(parents=True)
            for name in range(FILES):
                (folder / f"module{name}.py").touch()
    with Site(place, options=["--verbosity", "2"]) as site:
        site.ready()
        assert counted(site) == without
        assert without["watches"] <= without["directories"]
        assert (without["threads"], without["descriptors"]) == (1, 3)


def test_what_is_counted(place: Path) -> None:
    """Somebody who looks for what keeps the machine busy would be told nothing, or be flooded."""
    (place / "parts").mkdir()
    (place / "parts/one.py").write_text("", encoding="utf-8")
    add_view(place, "def text(): return 'no parts'")
    with Site(place, options=["--verbosity", "2"]) as site:
        site.ready()
        before = counted(site)
        site.news()
        assert len(re.findall("watching [0-9,]+ files", site.output)) <= 2
        since = site.mark()
        site.write("shown.py", "import parts.one\ndef text(): return 'parts'")
        site.comes_to_show("parts", "/shown/")
        site.wait_for_output("shown.py changed", since=since)
        after = counted(site, since)
        assert after["files"] > before["files"]
        assert after["watches"] == before["watches"] + 1
