"""A child without a process, for the tests of what is said and decided about one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.supervisor.child import Child

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def child() -> Iterator[Child]:
    """Return a child that nobody is at the other end of."""
    ours, theirs = Channel.pair()
    yield Child(2, 0, ours, origin="at urls")
    ours.close()
    theirs.close()
