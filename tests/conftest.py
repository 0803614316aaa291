"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness import NOT_INHERITED, copy_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def migrated_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the test project with a fresh database; not to be changed."""
    project = copy_project(tmp_path_factory.mktemp("pristine") / "project")
    (project / "db.sqlite3").unlink(missing_ok=True)
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    subprocess.run(
        [sys.executable, "-B", "manage.py", "migrate", "--verbosity=0"],
        cwd=project,
        env=env,
        check=True,
        timeout=120,
    )
    return project


@pytest.fixture
def project(migrated_project: Path, tmp_path: Path) -> Path:
    """Return a copy of the test project, database included, that the test may edit."""
    return copy_project(tmp_path / "project", migrated_project)
