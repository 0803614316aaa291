"""Every order of edits, notices, looks and starts ends with the code that is on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_autoreload_plus.supervisor.state import Phase
from supervisor.virtual_time import VirtualLoop
from supervisor.world import EDITS, MOVES, world

if TYPE_CHECKING:
    from collections.abc import Coroutine

#: Ten seconds of a processor's time, which is long where many share it.
pytestmark = pytest.mark.timeout(600)

#: Each move with a number that says which of its objects it moves.
WALKS = st.lists(
    st.tuples(st.sampled_from(range(len(MOVES))), st.integers(0, len(EDITS) - 1)), max_size=40
)


# Saved, undone, saved again, each time before the last start was through.
@example(moves=[(0, 1), (1, 0), (0, 0), (1, 0), (0, 1)], serves=True, runs=True)
# Undone just after the starting process had read it.
@example(moves=[(0, 1), (1, 0), (4, 0), (0, 0), (4, 0), (4, 0), (6, 0)], serves=False, runs=True)
# The same with a file that nobody had known before.
@example(
    moves=[(4, 0), (4, 0), (0, 0), (4, 0), (6, 0), (0, 3), (4, 0), (0, 0)],
    serves=True,
    runs=False,
)
# Deleted just after it was loaded.
@example(moves=[(4, 0), (6, 0), (0, 5)], serves=True, runs=False)
# Live while another change has been noticed and not looked at.
@example(
    moves=[(0, 1), (1, 0), (0, 9), (2, 0), *[(4, 0)] * 3, *[(6, 0)] * 4], serves=True, runs=True
)
# Loaded by a start that was given up, and edited before it was watched.
@example(
    moves=[
        *((4, 0), (4, 1), (6, 0), (6, 0), (0, 1)),
        *((4, 1), (6, 0), (6, 0), (7, 0), (0, 10), (1, 0)),
    ],
    serves=True,
    runs=False,
)
# Undone and done again around its loading by a start that was then given up.
@example(
    moves=[
        *((0, 1), (1, 0), (0, 0), (4, 0), (4, 1), (6, 0), (6, 0), (0, 1)),
        *((0, 10), (1, 0)),
    ],
    serves=True,
    runs=True,
)
# Asked for the status when a mistake has just been mended.
@example(moves=[(0, 4), (1, 0), (0, 1), (10, 0)], serves=True, runs=True)
# Broken code saved twice while a debugger's prompt is open, which is then left.
@example(
    moves=[(11, 1), (6, 0), (0, 4), (1, 0), (0, 4), (1, 0), (11, 1), (6, 0), (10, 0)],
    serves=True,
    runs=True,
)
@settings(max_examples=1500, deadline=None, derandomize=True)
@given(moves=WALKS, serves=st.booleans(), runs=st.booleans())
def test_what_is_live_is_what_is_on_the_disk(
    moves: list[tuple[int, int]], *, serves: bool, runs: bool
) -> None:
    """Some order of saves would leave old code, or an old failure, until the next save."""
    run(walk(moves, serves=serves, at_once=False, runs=runs))


# Mended before the end of the process that could not start is noticed.
@example(
    moves=[(0, 3), (1, 0), (6, 0), (6, 0), (4, 0), (0, 1), (2, 0), (6, 0), (6, 0)],
    serves=False,
    runs=True,
)
@settings(max_examples=1000, deadline=None, derandomize=True)
@given(moves=WALKS, serves=st.booleans(), runs=st.booleans())
def test_a_program_that_runs_from_its_first_line(
    moves: list[tuple[int, int]], *, serves: bool, runs: bool
) -> None:
    """So would it for a worker or another server, or the command would end."""
    run(walk(moves, serves=serves, at_once=True, runs=runs))


def run(walking: Coroutine[None, None, None]) -> None:
    """Run it in a loop of its own, in which no time passes."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(walking)
    finally:
        loop.close()


async def walk(moves: list[tuple[int, int]], *, serves: bool, at_once: bool, runs: bool) -> None:
    """Make these moves, let everything come to rest, and compare."""
    async with world(serves=serves, at_once=at_once) as walked:
        if runs:
            await walked.settle()
        for move, number in moves:
            await MOVES[move](walked, number)
            walked.check()
        await walked.settle()
        walked.compare()
        if walked.state.phase is Phase.BROKEN:
            return
        assert [process.generation for process in walked.alive()] == [walked.state.live]
        admitted = walked.supervisor.traffic._admitted
        assert not serves or (admitted and admitted.generation == walked.state.live)
