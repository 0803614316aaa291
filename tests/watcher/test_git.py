# The tools are found on the path, like everywhere in a shell.
"""Git at work is waited for, but never for ever."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from django_autoreload_plus.watcher import git_is_busy
from watcher.test_paths import write

if TYPE_CHECKING:
    from pathlib import Path


def git(directory: Path, *arguments: str) -> None:
    """Run git with an identity of its own."""
    options = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    options += ["-c", "protocol.file.allow=always"]
    subprocess.run(["git", *options, *arguments], cwd=directory, check=True, capture_output=True)


def make_repository(directory: Path) -> Path:
    """Make a repository with one commit."""
    write(directory / "app" / "m.py")
    git(directory, "init", "-q")
    git(directory, "add", ".")
    git(directory, "commit", "-qm", "one")
    return directory


def test_a_lock_above_the_path_counts(tmp_path: Path) -> None:
    """A checkout of a thousand files would reload a dozen times."""
    repository = make_repository(tmp_path / "repository")
    paths = [str(repository / "app" / "m.py"), str(tmp_path / "outside.py")]
    assert not git_is_busy(paths)
    (repository / ".git" / "index.lock").touch()
    assert git_is_busy(paths)
    assert not git_is_busy(paths[1:])


def test_a_forgotten_lock_does_not_count(tmp_path: Path) -> None:
    """After a crash of git nothing would ever reload again."""
    repository = make_repository(tmp_path / "repository")
    lock = repository / ".git" / "index.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    assert not git_is_busy([str(repository / "app" / "m.py")])
    assert git_is_busy([str(repository / "app" / "m.py")], limit=3600.0)


def test_linked_work_trees_and_submodules_have_their_own_lock(tmp_path: Path) -> None:
    """In a work tree or a submodule a checkout would reload a dozen times."""
    repository = make_repository(tmp_path / "repository")
    inner = make_repository(tmp_path / "inner")
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    git(repository, "submodule", "add", "-q", str(inner), "sub")
    locks = {
        tmp_path / "tree" / "app" / "m.py": repository / ".git" / "worktrees" / "tree",
        repository / "sub" / "app" / "m.py": repository / ".git" / "modules" / "sub",
    }
    for path, directory in locks.items():
        assert not git_is_busy([str(path)])
        (directory / "index.lock").touch()
        assert git_is_busy([str(path)])
        assert not git_is_busy([str(repository / "app" / "m.py")])


def test_a_rebase_is_one_operation_but_a_stopped_one_is_not_waited_for(tmp_path: Path) -> None:
    """Every replayed commit would reload; or nothing would, while a conflict is resolved."""
    repository = make_repository(tmp_path / "repository")
    path = str(repository / "app" / "m.py")
    (repository / ".git" / "rebase-merge").mkdir()
    os.utime(repository / ".git" / "index")
    assert git_is_busy([path])
    os.utime(repository / ".git" / "index", (time.time() - 5, time.time() - 5))
    assert not git_is_busy([path])
