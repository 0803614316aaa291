"""Dispatch that the type checker proves complete."""

from __future__ import annotations

from typing import NoReturn


def assert_never(value: NoReturn) -> NoReturn:
    """Mark what no value can reach; a case that is missing above is a type error here.

    The convention is that of :func:`typing.assert_never`, which Python 3.10 does not have.
    """
    raise AssertionError(f"unexpected: {value!r}")
