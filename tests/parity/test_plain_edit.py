"""What all ways of reloading do, so that the comparisons beside this file mean something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from parity.reloaders import ParitySite


def test_an_edit_is_served(parity_site: Callable[..., ParitySite]) -> None:
    """A comparison would prove nothing if one of the ways did not reload at all."""
    with parity_site() as server:
        server.shows("one")
        server.change("views.py", "one", "two")
        server.shows("two")
        server.change("views.py", "two", "three")
        server.shows("three")
