"""Fixtures of the tests with broken code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broken.demo import Demo
from broken.mistakes import add_library_folder, add_middleware, add_setting
from harness import copy_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import DevServer


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory, migrated_project: Path) -> Iterator[Demo]:
    """Return a demo in which every mistake can be made."""
    yield from _demo(tmp_path_factory, migrated_project, "")


@pytest.fixture(scope="package")
def plain_demo(tmp_path_factory: pytest.TempPathFactory, migrated_project: Path) -> Iterator[Demo]:
    """Return one that starts completely at every reload."""
    yield from _demo(tmp_path_factory, migrated_project, 'AUTORELOAD_PLUS["CHECKPOINTS"] = False')


@pytest.fixture
def server(demo: Demo) -> Iterator[DevServer]:
    """Return a running server, shared with other tests; what is edited is put back."""
    yield demo.server()
    demo.restore()


def _demo(factory: pytest.TempPathFactory, source: Path, setting: str) -> Iterator[Demo]:
    project = copy_project(factory.mktemp("demo") / "project", source)
    add_middleware(project)
    add_library_folder(project)
    if setting:
        add_setting(project, setting)
    demo = Demo(project)
    # Here, so that it is not taken for something the first test has left behind.
    demo.server()
    yield demo
    demo.close()
