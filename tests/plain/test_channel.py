"""The channel between a child and its supervisor."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.channel import Channel, ChannelClosed
from django_autoreload_plus.protocol.messages import Finished, Loaded, LoadedFile

if TYPE_CHECKING:
    from django_autoreload_plus.protocol.messages import Message


def report(number: int) -> Loaded:
    """Return a message as large as that of a hundred modules."""
    return Loaded(tuple(LoadedFile(f"/project/{number}/{n:060}.py", n) for n in range(100)))


def test_the_last_words_of_a_process_are_heard_at_once() -> None:
    """A failure told at the end of a long start would be taken for a sudden death."""
    ours, theirs = Channel.pair()
    for number in range(12):
        theirs.send(report(number))
    theirs.send(Finished(3))
    theirs.close()
    heard: list[Message] = []
    # Who hears of the end of a process listens to it once more, and never again.
    with pytest.raises(ChannelClosed):
        heard.extend(message for message, _ in ours.drain())
    ours.close()
    assert heard == [*map(report, range(12)), Finished(3)]


def test_more_than_the_buffers_hold_is_sent_in_parts() -> None:
    """A large project would hang at its first report."""
    ours, theirs = Channel.pair()

    def send() -> None:
        for number in range(200):
            theirs.send(report(number))

    sender = threading.Thread(target=send)
    sender.start()
    assert [ours.receive()[0] for _ in range(200)] == [report(n) for n in range(200)]
    sender.join()
    ours.close()
    theirs.close()
