"""A watcher with other options takes over from one at work."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.noticing import Noticed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no queue that could be shared")


@pytest.fixture
def queue(noticed: Noticed) -> Iterator[int]:
    """Return the queue of events as another process holds it: by a descriptor of its own."""
    descriptor = os.dup(noticed.watcher.share(lambda _reading: None))
    yield descriptor
    os.close(descriptor)


def is_waiting(queue: int) -> bool:
    """Whether an event waits to be read."""
    poll = select.poll()
    poll.register(queue, select.POLLIN)
    return bool(poll.poll(0))


def test_what_happens_during_the_change_is_noticed(
    noticed: Noticed, queue: int, make_noticed: Callable[..., Noticed]
) -> None:
    """An edit saved just after the settings would be missed, or each request take a second."""
    module = noticed.root / "module.py"
    module.write_text("one\n")
    noticed.watch(module)
    successor = make_noticed(Options(safety_interval=3600.0, watch=("*.toml",)), start=False)
    successor.watcher.open(noticed.watcher)
    module.write_text("two\n")
    assert is_waiting(queue)
    successor.watch(module)
    successor.watcher.start()
    successor.until(module)
    (noticed.root / "rules.toml").write_text("")
    successor.until(noticed.root / "rules.toml")
    # Everybody still looks at the same queue, and the new one empties it.
    successor.everything_until_quiet()
    assert not is_waiting(queue)


def test_a_queue_that_nobody_reads_any_more_stays_empty(
    noticed: Noticed, queue: int, make_noticed: Callable[..., Noticed]
) -> None:
    """A server started before would take each edit for one that is still to be decided about."""
    module = noticed.root / "module.py"
    module.write_text("one\n")
    noticed.watch(module)
    successor = make_noticed(Options(polling=True, poll_interval=0.03), start=False)
    module.write_text("two\n")
    successor.watcher.open(noticed.watcher)
    successor.watch(module)
    successor.watcher.start()
    module.write_text("three\n")
    successor.until(module)
    assert not is_waiting(queue)
