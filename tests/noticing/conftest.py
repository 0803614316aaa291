"""Servers on copies of the test project, ready to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import copy_project
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


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory, migrated_project: Path) -> Path:
    """Return the project that a module's tests share; a module may add to it."""
    project = copy_project(tmp_path_factory.mktemp("shared") / "project", migrated_project)
    add_beat(project)
    configure(project)
    return project


@pytest.fixture(scope="module")
def shared_site(shared_place: Path) -> Iterator[Site]:
    """Return a running server for all tests of a module: each edits files of its own."""
    with Site(shared_place) as server:
        yield server.ready()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """Return the shared server, with nothing under way and nothing said yet."""
    shared_site.beat()
    return shared_site
