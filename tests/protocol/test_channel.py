"""The channel between a child and its supervisor."""

from __future__ import annotations

import itertools
import os
import resource
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from django_autoreload_plus.protocol.channel import Channel, ChannelClosed, ChannelFull
from django_autoreload_plus.protocol.codec import MessageError, decode, encode
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.protocol.messages import Adopt, Failed, Finished, Loaded, LoadedFile
from django_autoreload_plus.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_autoreload_plus.protocol.messages import Message


@dataclass(frozen=True)
class Question:
    """A message that knows two numbers."""

    number: Literal[1, 2]


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


def test_an_unknown_word_is_refused() -> None:
    """Another version's kind of failure would be shown as one that it is not."""
    failed = Failed(Failure("syntax", "NameError: tea", "Traceback\n"))
    registry: dict[str, type[Any]] = {"Failed": Failed, "Question": Question}
    assert decode(encode(failed), registry) == failed
    of_another = encode(failed).replace(b'"syntax"', b'"weather"')
    with pytest.raises(MessageError, match=r"Failed\.failure\.kind: expected 'exception' or .*"):
        decode(of_another, registry)
    assert decode(encode(Question(1)), registry) == Question(1)
    for wrong in (b"3", b"true", b"[]", b"null", b"1.0"):
        with pytest.raises(MessageError, match=r"Question\.number: expected 1 or 2, not "):
            decode(encode(Question(1)).replace(b"1", wrong), registry)


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


def descriptors() -> set[str]:
    """Return the open descriptors of this process."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def post_until_full(channel: Channel, attached: Sequence[int] = ()) -> int:
    """Send to a peer that reads nothing, until no more can wait; returns how many were taken."""
    for number in itertools.count():
        try:
            channel.post(report(number), attached)
        except ChannelFull:
            return number
    raise AssertionError


def test_what_waits_for_a_peer_that_reads_nothing_is_bounded() -> None:
    """A stopped process would fill the memory and use up the descriptors of the command."""
    before = descriptors()
    ours, theirs = Channel.pair()
    with closing(theirs), closing(ours):
        sent = post_until_full(ours)
        # What was accepted until then arrives, whole and in order.
        received: list[Message] = []
        while len(received) < sent:
            ours.flush()
            received += [message for message, _ in theirs.drain()]
        assert received == [report(number) for number in range(sent)]
        assert post_until_full(ours, [0]) < 200
        assert len(descriptors()) < len(before) + 40
    assert descriptors() == before


def test_no_descriptor_is_lost_where_there_are_no_more() -> None:
    """A process at its limit of open files would lose one more with each message."""
    ours, theirs = Channel.pair()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(theirs), closing(ours):
        while ours.post(report(0)):
            pass
        before = descriptors()
        # Room for one of the two copies.
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, limits[1]))
        try:
            with pytest.raises(ChannelFull):
                ours.post(Adopt(), [0, 1])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert descriptors() == before


def test_what_a_peer_has_to_say_can_be_left_unread() -> None:
    """Whatever a process sends that has nothing to say would count as its end."""
    ours, theirs = Channel.pair()
    with closing(ours):
        theirs.socket.sendall(b"not a frame" * 1000)
        ours.skip()
        theirs.post(Adopt(), [0])
        before = descriptors()
        ours.skip()
        assert descriptors() == before
        theirs.close()
        with pytest.raises(ChannelClosed):
            ours.skip()
