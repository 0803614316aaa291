"""A server on a copy of the test project, ready to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from noticing.site import Site, add_beat, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def place(project: Path) -> Path:
    """Return the project before the server is started: what it shall begin with goes here."""
    add_beat(project)
    configure(project)
    return project


@pytest.fixture
def site(place: Path) -> Iterator[Site]:
    """Return a server that has answered and has said nothing yet."""
    with Site(place) as server:
        yield server.ready()
