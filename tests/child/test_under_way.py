"""What can wait waits for the requests that are being answered."""

from __future__ import annotations

import threading

from django_autoreload_plus.child.under_way import UnderWay
from harness import DEADLINE


def test_waiting_for_answers() -> None:
    """Checks would slow down the very page that somebody waits for."""
    under_way = UnderWay()
    under_way.begin()
    under_way.begin()
    waiter = threading.Thread(target=under_way.await_none, args=(DEADLINE,))
    waiter.start()
    under_way.end()
    assert (under_way.is_any, under_way.is_disturbed) == (True, False)
    under_way.end()
    waiter.join(DEADLINE)
    assert (under_way.is_any, under_way.is_disturbed) == (False, True)


def test_a_stream_is_not_waited_for() -> None:
    """The checks would never be made."""
    under_way = UnderWay()
    under_way.begin()
    under_way.await_none(0.01)
    assert under_way.is_disturbed
