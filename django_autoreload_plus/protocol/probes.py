"""Probes: what a program has asked the file system without opening a file, and the answer.

They are compared with the file system of a later moment.

An answer is a short text; an empty one says that nothing is there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from typing import TypeVar

from ..records import dataclass
from .repository import repository

#: What ``os.path.exists()``, ``isfile()`` and ``isdir()`` tell.
EXISTS = "exists"
#: The same of the name itself: a symbolic link, and where it leads.
ENTRY = "entry"
#: Size, time and mode, too, through a link and of the name itself.
STATUS = "status"
ENTRY_STATUS = "entry status"
#: The names in a directory.
NAMES = "names"
#: Those of them that stand for installed packages and for what the interpreter runs first.
INSTALLED = "installed"
#: What git tells of the repository in which a directory is.
REPOSITORY = "repository"
#: ``os.access()``, followed by its mode.
ACCESS = "access "

#: Between the names of a listing: no name has it.
SEPARATOR = "/"
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_Item = TypeVar("_Item")
_INSTALLED = (".dist-info", ".egg-info", ".egg", ".egg-link", ".pth")


@dataclass(frozen=True)
class Probe:
    """One question, and the answer to it."""

    path: str
    how: str
    answer: str


def renewed(items: Iterable[_Item | Probe], changed: Iterable[Probe]) -> frozenset[_Item | Probe]:
    """The same items; probes among them have the answers of now."""
    newer = {(probe.path, probe.how): probe for probe in changed}
    return frozenset(
        newer.get((item.path, item.how), item) if isinstance(item, Probe) else item
        for item in items
    )


def ask(path: str, how: str) -> str:
    """The answer as it is now."""
    try:
        if how in (EXISTS, STATUS):
            return describe(os.stat(path), path, how)
        if how in LISTINGS:
            return LISTINGS[how](path).answer
        if how == REPOSITORY:
            return repository(path)
        if how.startswith(ACCESS):
            return "yes" if os.access(path, int(how[len(ACCESS) :])) else ""
        return describe(os.lstat(path), path, how)
    except OSError as error:
        return failed(error)


def describe(info: os.stat_result, path: str, how: str) -> str:
    """The part of a status that a probe of this kind can see.

    Of a directory its time does not count: it changes with every file in it.
    """
    mode = info.st_mode
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISLNK(mode):
        return f"link to {os.readlink(path)}"
    kind = "file" if stat.S_ISREG(mode) else f"{stat.S_IFMT(mode):o}"
    if how in (STATUS, ENTRY_STATUS):
        return f"{kind} {mode:o} {info.st_size} {info.st_mtime_ns}"
    return kind


def failed(error: OSError) -> str:
    """The answer where a probe raised."""
    return "" if error.errno in _ABSENT else f"error {error.errno}"


@dataclass(frozen=True)
class Listing:
    """What a directory holds."""

    answer: str
    #: Entries whose own status counts, too: for the others, that of the directory is enough.
    entries: tuple[str, ...]


def names(path: str) -> Listing:
    """The names in a directory, those of directories marked."""
    found, links = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            found.append(f"{entry.name}{':' if entry.is_dir() else ''}")
            if entry.is_symlink():
                links.append(entry.path)
    return Listing(SEPARATOR.join(["", *sorted(found)]), tuple(links))


def installed(path: str) -> Listing:
    """The names that stand for installed packages; with times where the content counts."""
    found, dated = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.endswith(_INSTALLED):
                time: int | str = ""
                if entry.name.endswith((".pth", "-link")):
                    time = entry.stat().st_mtime_ns
                    dated.append(entry.path)
                found.append(f"{entry.name} {time}")
    return Listing(SEPARATOR.join(["", *sorted(found)]), tuple(dated))


#: Kinds of probes that list a directory. They raise :class:`OSError`.
LISTINGS = {NAMES: names, INSTALLED: installed}
