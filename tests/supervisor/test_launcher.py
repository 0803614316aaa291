"""Which way a start is made: from the latest copy that precedes every use of what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.virtual_time import VirtualLoop
from supervisor.world import FILES, world

if TYPE_CHECKING:
    from supervisor.world import World


async def started(walked: World, *, copies: bool) -> None:
    """Start, with a copy before each file or without any, and come to rest."""
    for _ in FILES:
        await walked.load(int(copies))
        await walked.hear(0)
    await walked.settle()


async def origin_after_edits(*edited: str, copies: bool = True) -> str:
    """Return where the child comes from that is started for an edit of these files."""
    async with world(serves=True) as walked:
        await started(walked, copies=copies)
        for path in edited:
            walked.disk.write(path, "1")
            walked.events |= {path} & walked.watched
        await walked.decide()
        child = walked.supervisor.children.get(walked.state.newest)
        assert child is not None
        return str(child.origin)


@pytest.mark.parametrize(
    ("edited", "copies", "origin"),
    [
        (FILES[2:3], True, "copy 2"),
        (FILES[1:2], True, "copy 1"),
        (FILES[:1], True, "copy 0"),
        # The earlier of two decides.
        ((FILES[2], FILES[0]), True, "copy 0"),
        (FILES[2:3], False, "start"),
    ],
)
def test_the_latest_copy_that_is_good(
    edited: tuple[str, ...], origin: str, *, copies: bool
) -> None:
    """A reload would import more than it has to, or keep what has changed."""
    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(origin_after_edits(*edited, copies=copies)) == origin
    finally:
        loop.close()
