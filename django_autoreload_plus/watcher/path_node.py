"""Nodes of the path index: wanted paths, and the real directories that hold them."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from .globs import Glob

#: The resolution of file times on FAT, in nanoseconds.
_COARSEST_CLOCK = 2 * 10**9

#: Type, device, inode, size and time of last change of content (the latter two
#: only where a change of them means something); ``None``: nothing is there.
EntryStamp = tuple[int, int, int, int, int]


_NO_GLOBS: Mapping[Glob, frozenset[int]] = MappingProxyType({})


class PathNode:
    """One path as it is spelled, from the root down."""

    __slots__ = (
        "children",
        "globbed",
        "globs",
        "leads_to",
        "led_by",
        "links",
        "name",
        "parent",
        "path",
        "real",
        "registered",
        "stamp",
        "walked",
        "wanted",
    )  # fmt: skip

    def __init__(self, path: str, name: str, parent: PathNode | None) -> None:
        self.path = path
        self.name = name
        self.parent = parent
        self.children: dict[str, PathNode] = {}
        #: The directory this leads to, free of links.
        self.real: str | None = None
        #: The real directory in which it is registered.
        self.registered: str | None = None
        self.stamp: EntryStamp | None = None
        #: How many names the file has.
        self.links = 1
        self.wanted = False
        self.globbed = False
        self.leads_to: PathNode | None = None
        # Of thousands of nodes few have any: these are replaced when they change, not altered.
        self.led_by: frozenset[PathNode] = frozenset()
        self.globs: Mapping[Glob, frozenset[int]] = _NO_GLOBS
        #: The real directory whose new names its globs are asked about.
        self.walked: str | None = None

    @property
    def is_target(self) -> bool:
        """Whether a change of it is reported."""
        return self.wanted or self.globbed

    @property
    def is_idle(self) -> bool:
        """Whether nothing needs it any more."""
        return not (self.is_target or self.children or self.led_by or self.globs)


class Folder:
    """One real directory and the entries in it that matter."""

    __slots__ = ("everything", "listed", "names", "path", "walkers")

    def __init__(self, path: str) -> None:
        self.path = path
        #: As a rule one node for each name.
        self.names: dict[str, tuple[PathNode, ...]] = {}
        #: Nodes through which a glob walks here.
        self.walkers: set[PathNode] = set()
        #: Whether writes and new entries matter, not only what goes away.
        self.everything = False
        #: The :func:`listing_time` before its names were first read, or last read for all
        #: globs; ``None``: they were not read.
        self.listed: int | None = None


class Folders:
    """The part of the watcher that the path index needs."""

    def __init__(self, arm: Callable[[Folder], None], release: Callable[[Folder], None]) -> None:
        self.arm = arm
        self.release = release


def listing_time(directory: str) -> int:
    """When names came or went last, in nanoseconds, to compare with a later time.

    0 if that is so recent that another name might come without another time (or if
    nothing is there): the clocks of file systems advance every 1 ms to 2 s.
    """
    changed = change_time(directory)
    return 0 if abs(time.time_ns() - changed) < _COARSEST_CLOCK else changed


def change_time(directory: str) -> int:
    """When names came or went last, in nanoseconds; 0 if nothing is there."""
    try:
        return os.stat(directory).st_mtime_ns
    except OSError:
        return 0


def reached_by(node: PathNode) -> set[PathNode]:
    """The targets that are ``node`` or lead to it."""
    seen, pending = {node}, [node]
    while pending:
        fresh = pending.pop().led_by - seen
        seen |= fresh
        pending += fresh
    return {node for node in seen if node.is_target}


def stamp_of(info: os.stat_result) -> EntryStamp:
    """Keep what of ``info`` tells that the entry is not the one it was."""
    kind = stat.S_IFMT(info.st_mode)
    if kind == stat.S_IFDIR:
        return (kind, info.st_dev, info.st_ino, 0, 0)
    return (kind, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)


def is_directory(stamp: EntryStamp | None) -> bool:
    """Whether a directory is there."""
    return stamp is not None and stamp[0] == stat.S_IFDIR
