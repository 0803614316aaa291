"""Which checkpoints are kept, and what an unreadable one does."""

from __future__ import annotations

from contextlib import closing

from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.supervisor.checkpoints.line import Checkpoint, Line
from django_autoreload_plus.supervisor.checkpoints.pool import CheckpointPool
from supervisor.alone import run, until


def test_a_copy_whose_message_cannot_be_read_is_dropped() -> None:
    """A fault of a frozen copy would end the command, or make it resume what nobody hears."""

    async def talk() -> None:
        lost: list[Checkpoint] = []
        pool = CheckpointPool(ended=lambda _pid, _status: None, lost=lost.append)
        ours, theirs = Channel.pair()
        pool.begin(1, None)
        copy = Checkpoint("setup", 1 << 30, ours, frozenset())
        pool.add(1, copy)
        with closing(theirs):
            theirs.socket.sendall((8).to_bytes(4, "big") + bytes([0]) + b"not JSON")
            await until(lambda: lost)
            assert lost == [copy]
            assert "not JSON" in copy.problem
            assert not pool.all()

    run(talk)


def test_the_copy_before_an_edited_module_goes_last() -> None:
    """The second edit of a module would import more than the first one did."""
    ours, theirs = Channel.pair()
    with closing(ours.socket), closing(theirs):
        copies = [
            Checkpoint(label, 1, ours, frozenset(), elapsed)
            for label, elapsed in (("settings", 0.0), ("at a", 0.1), ("at b", 5.0), ("ready", 9.0))
        ]
        assert Line(1, copies).least_useful(frees_memory=False) is copies[1]
        copies[1].precedes_edited = True
        assert Line(1, copies).least_useful(frees_memory=False) is copies[2]


def test_the_copy_goes_that_is_least_worth_its_memory() -> None:
    """Much memory would be held for little time, and the points that all edits need would go."""
    ours, theirs = Channel.pair()
    with closing(ours.socket), closing(theirs):
        copies = [
            Checkpoint(label, 1, ours, frozenset(), elapsed)
            for label, elapsed in (("settings", 0.0), ("at a", 1.0), ("at b", 2.5), ("ready", 3.0))
        ]
        line = Line(1, copies)
        assert line.least_worth({copies[1]: 10.0, copies[2]: 10.0}) is copies[2]
        assert line.least_worth({copies[1]: 40.0, copies[2]: 10.0}) is copies[1]
        copies[1].handlers = True
        assert line.least_worth({copies[1]: 40.0, copies[2]: 10.0}) is copies[2]
        line.remove(copies[2])
        assert line.least_worth({}) is None
        line.frozen[0].elapsed, line.frozen[1].precedes_edited = line.frozen[1].elapsed, True
        assert line.least_worth({}) is line.frozen[0], "the next one is as good"
