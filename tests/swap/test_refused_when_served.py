"""Each edit that must not be swapped, through a real runserver: the answer and the reason."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints.places import Site
from harness import CAN_SWAP, copy_project
from swap.hindered import EDITS, add_hindered, freshly_started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SWAPPED = "ready, function bodies exchanged"
#: Where it can never be done, the reason is always the same.
TOO_OLD = "swapping functions needs Python 3.12 or later, this is {}.{}".format(*sys.version_info)


@pytest.fixture(scope="module")
def site(migrated_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return one server for all edits; each test puts back what it edited."""
    project = copy_project(tmp_path_factory.mktemp("hindered") / "project", migrated_project)
    add_hindered(project)
    with Site(project) as server:
        server.answer("/page/", "page 0")
        yield server


def edited(site: Site, file: str, old: str, new: str) -> tuple[str, Any, int]:
    """Edit and ask; what it was resumed from, the answer, and where its output begins."""
    mark = site.mark()
    site.edit(file, old, new)
    origin = site.origin(mark)
    return origin, json.loads(site.get("/page/").text), mark


@pytest.mark.parametrize("name", EDITS)
def test_the_answer_is_that_of_a_fresh_start(site: Site, name: str) -> None:
    """The page would show what no source describes any more, and nobody would know why."""
    edit = EDITS[name]
    before = json.loads(site.get("/page/").text)
    origin, after, mark = edited(site, edit.file, edit.old, edit.new)
    try:
        assert origin != SWAPPED
        assert before != after == freshly_started(site.root)
        reason = edit.reason.format(path=site.path(edit.file).resolve()) if CAN_SWAP else TOO_OLD
        site.wait_for_output(rf"^\S+ +imported again: {re.escape(reason)} \(AP1\d\d\)$", since=mark)
    finally:
        restored = edited(site, edit.file, edit.new, edit.old)
    assert restored[:2] != (SWAPPED, after)
    assert restored[1] == before


@pytest.mark.parametrize(("file", "text"), [("shelf.py", "cup"), ("page.py", "page")])
def test_a_body_beside_them_is_swapped(site: Site, file: str, text: str) -> None:
    """One hindered function would cost a whole file its fast reloads."""
    shown = [json.loads(site.get("/page/").text)]
    for number in range(3):
        origin, after, _ = edited(site, file, f'"{text} {number}"', f'"{text} {number + 1}"')
        assert (origin == SWAPPED) == CAN_SWAP
        assert after not in shown
        shown.append(after)
    assert shown[-1] == freshly_started(site.root)
    origin, after, _ = edited(site, file, f'"{text} 3"', f'"{text} 0"')
    assert after == shown[0]
    # Where the first text is known unchanged, there is nothing to exchange either.
    assert (origin in {SWAPPED, "ready"}) == CAN_SWAP
