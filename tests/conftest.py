"""Fixtures that every test may use."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import NOT_INHERITED, copy_project, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves a thread, a child process or an open channel behind.

    What fixtures of a wider scope hold was there before, and may stay.
    """
    before = held_resources()
    yield
    wait_until(lambda: held_resources() <= before, Leak(before))


class Leak:
    """What is held now and was not before, told when it is asked for."""

    def __init__(self, before: set[str]) -> None:
        self.before = before

    def __str__(self) -> str:
        return f"given back: {sorted(held_resources() - self.before)}"


def held_resources() -> set[str]:
    """Return the threads, children and channels of this process, each with its identity."""
    held = {f"thread {thread.name} {thread.ident}" for thread in threading.enumerate()}
    # A descriptor may be closed, and a thread may end, while they are being listed.
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith(("socket:", "pipe:", "anon_inode:", "/dev/pt")):
                held.add(f"descriptor {descriptor.name} {target}")
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            held |= {f"child {pid}" for pid in (task / "children").read_text().split()}
    return held


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
