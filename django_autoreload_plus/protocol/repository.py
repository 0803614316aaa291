"""The state of a git repository, as far as its commits, branches and tags are concerned.

Told by times and sizes alone: git replaces the files that count, and never changes objects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

#: Of the work tree's own directory, and of the one that all work trees share.
_OWN = ("HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD",
        "BISECT_HEAD", "config.worktree")  # fmt: skip
_SHARED = ("packed-refs", "config", "shallow", "info/grafts", "objects/info/alternates",
           "objects/pack", "reftable", "reftable/tables.list")  # fmt: skip
_PREFIX = "gitdir: "


def repository(folder: str) -> str:
    """The state of the repository that git finds from a directory; ``""``: there is none."""
    for above in _upwards(folder):
        own = _directory(above)
        if own:
            shared = os.path.join(own, _first_line(os.path.join(own, "commondir")))
            return "\n".join([own, _stamp(os.path.join(above, ".mailmap")), *_stamps(own, shared)])
    return ""


def _upwards(folder: str) -> Iterator[str]:
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def _directory(folder: str) -> str:
    """Where git keeps the repository of a work tree; ``""``: it is none."""
    entry = os.path.join(folder, ".git")
    if os.path.isdir(entry):
        return entry
    line = _first_line(entry)
    if line.startswith(_PREFIX):
        return os.path.join(folder, line.removeprefix(_PREFIX))
    # A repository without a work tree, or the inside of one with.
    is_bare = all(os.path.exists(os.path.join(folder, name)) for name in ("HEAD", "objects"))
    return folder if is_bare else ""


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def _stamps(own: str, shared: str) -> Iterator[str]:
    yield from (_stamp(os.path.join(own, name)) for name in _OWN)
    yield from (_stamp(os.path.join(shared, name)) for name in _SHARED)
    for directory in sorted({os.path.join(own, "refs"), os.path.join(shared, "refs")}):
        # A reference is changed by a file that takes the place of another one.
        yield from (f"{path} {_stamp(path)}" for path in _directories(directory))


def _directories(path: str) -> Iterator[str]:
    yield path
    try:
        with os.scandir(path) as entries:
            below = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for each in below:
        yield from _directories(each)


def _stamp(path: str) -> str:
    try:
        info = os.stat(path)
    except OSError:
        return ""
    return f"{info.st_ino} {info.st_size} {info.st_mtime_ns}"
