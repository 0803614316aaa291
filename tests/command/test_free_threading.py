"""A Python without the global interpreter lock takes the plain start, and says why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from django_autoreload_plus.child.fork.safety import Safety
from django_autoreload_plus.protocol.reasons import Reason
from django_autoreload_plus.swap.support import unavailable

if TYPE_CHECKING:
    import pytest


def test_no_copies_and_no_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference counts prove nothing there, and nobody has proved that a fork is exact."""
    monkeypatch.setattr(sys, "abiflags", "t", raising=False)
    text = "forked copies need a Python with the global interpreter lock"
    assert Safety().refusal() == Reason("AP202", text)
    expected = "Python with the global interpreter lock" if sys.version_info >= (3, 12) else "3.12"
    assert expected in str(unavailable())
