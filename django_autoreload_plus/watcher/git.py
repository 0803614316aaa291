"""Whether git is still at work, so that a checkout counts as one change."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Older locks were left behind by a git that crashed, in seconds.
_STALE = 10.0
#: A rebase takes and gives back the index lock for every commit it replays.
_REBASE_STEP = 0.15
_REBASING = ("rebase-merge", "rebase-apply")


def git_is_busy(paths: Iterable[str], *, limit: float = _STALE) -> bool:
    """Whether a git operation is under way in a work tree that holds one of ``paths``.

    Linked work trees and submodules are followed to their own git directory.
    A lock older than ``limit`` seconds is taken for a leftover, so waiting
    while this is true always comes to an end.
    """
    seen: dict[str, str | None] = {}
    directories = {_git_directory(os.path.dirname(path), seen) for path in paths}
    return any(_is_busy(directory, limit) for directory in directories if directory)


def _is_busy(git: str, limit: float) -> bool:
    age = _age(os.path.join(git, "index.lock"))
    if age is not None and age < limit:
        return True
    if not any(os.path.isdir(os.path.join(git, name)) for name in _REBASING):
        return False
    age = _age(os.path.join(git, "index"))
    return age is not None and age < _REBASE_STEP


def _age(path: str) -> float | None:
    try:
        return abs(time.time() - os.stat(path).st_mtime)
    except OSError:
        return None


def _git_directory(directory: str, seen: dict[str, str | None]) -> str | None:
    climbed = []
    found = None
    while directory not in seen:
        climbed.append(directory)
        entry = os.path.join(directory, ".git")
        found = entry if os.path.isdir(entry) else _pointed_to(entry)
        parent = os.path.dirname(directory)
        if found or parent == directory:
            break
        directory = parent
    else:
        found = seen[directory]
    seen.update(dict.fromkeys(climbed, found))
    return found


def _pointed_to(entry: str) -> str | None:
    """The directory named by a ``.git`` file, as in work trees and submodules."""
    try:
        with open(entry, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline().strip()
    except OSError:
        return None
    prefix, _, path = line.partition(": ")
    return os.path.join(os.path.dirname(entry), path) if prefix == "gitdir" else None
