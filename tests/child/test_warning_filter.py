"""Taking a copy changes nothing about the warnings that a program shows."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

from django_autoreload_plus.child.frozen import fork
from django_autoreload_plus.child.warning_filter import filtered


def test_what_was_told_is_not_told_again_after_a_copy() -> None:
    """A library's deprecation would be printed once for each copy, not once for each start."""
    registry: dict[Any, Any] = {}
    filters = [*warnings.filters]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            warnings.warn_explicit("steep it", UserWarning, "tea.py", 1, registry=registry)
            pid = fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
    assert [str(each.message) for each in told] == ["steep it"]
    assert [*warnings.filters] == filters


def test_the_filter_applies_meanwhile() -> None:
    """Without it, each copy of a program with threads would warn of them."""
    filters = [*warnings.filters]
    with filtered("error", FutureWarning), pytest.raises(FutureWarning):
        warnings.warn("boiling", FutureWarning, stacklevel=1)
    assert [*warnings.filters] == filters
