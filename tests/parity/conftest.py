"""One site under every way of reloading: Django's own, ours, and ours without copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parity.reloaders import DJANGO, RELOADERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader


@pytest.fixture(params=RELOADERS, ids=str)
def reloader(request: pytest.FixtureRequest) -> Reloader:
    """Return each way of reloading in turn, Django's own among them."""
    way: Reloader = request.param
    return way


@pytest.fixture(params=[way for way in RELOADERS if way is not DJANGO], ids=str)
def our_reloader(request: pytest.FixtureRequest) -> Reloader:
    """Return the ways that are ours, for what Django's own reloader gets wrong."""
    way: Reloader = request.param
    return way


@pytest.fixture
def parity_site(tmp_path: Path, reloader: Reloader) -> Callable[..., ParitySite]:
    """Return what makes a site below ``tmp_path`` for the way under test."""
    return reloader.maker(tmp_path)
