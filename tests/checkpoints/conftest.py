"""A project whose copies stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkpoints.places import KEEPS_IN_MEMORY, add_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(project: Path) -> Path:
    """Return the project of the name, with any amount of memory for copies.

    What a process takes differs from machine to machine, and so would the copies that are let go.
    """
    add_settings(project, KEEPS_IN_MEMORY)
    return project
