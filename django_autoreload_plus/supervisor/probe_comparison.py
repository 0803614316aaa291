"""Compares the answers to a program's probes with those that it would get now."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Collection, Iterable
from functools import cache

from ..protocol.probes import (
    ENTRY,
    ENTRY_STATUS,
    EXISTS,
    LISTINGS,
    NAMES,
    SEPARATOR,
    STATUS,
    Probe,
    ask,
    failed,
)
from ..records import dataclass
from ..watcher import CLOCK_SLACK_NS
from ..watcher.mounts import Mounts

#: Files that come and go with every use of a database, and with every import.
_BY_PRODUCTS = re.compile(r".*-(journal|wal|shm)|__pycache__:|.*\.pyc|.*~|\..*\.sw.|4913")

#: File systems on which the times of a directory change with its entries, and only this machine
#: changes them.
_FAITHFUL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)

#: Device, inode, mode and both times of a path; ``None``: nothing is there.
_Status = tuple[int, int, int, int, int] | None
_Look = Callable[[str], _Status]


@dataclass(frozen=True)
class _Known:
    """An answer, and the status of everything that it depends on."""

    answer: str
    paths: tuple[str, ...]
    status: tuple[_Status, ...]


class Comparison:
    """Compares probes at every start.

    A large project has listed dozens of directories, and has looked for hundreds of files in
    others. That is asked again only where a directory's status is another one, as it is after
    every entry that has come, gone or been replaced.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}
        self._mounts: Mounts | None = None

    def differing(
        self,
        probes: Iterable[Probe],
        *,
        written: Collection[str],
        is_ignored: Callable[[str], bool],
    ) -> frozenset[Probe]:
        """Those probes that would have another answer now.

        Of what the program itself writes (``written``) only the existence counts.
        """
        # Many are about the same directories.
        look = cache(_status)
        return frozenset(
            probe
            for probe in probes
            if (now := self._ask(probe, look)) != probe.answer
            and not is_ignored(probe.path)
            and not (probe.how == NAMES and now and _same_names(probe, now, written, is_ignored))
            and not (probe.how in (STATUS, ENTRY_STATUS) and _same_kind(probe, now, written))
        )

    def _ask(self, probe: Probe, look: _Look) -> str:
        key = probe.path, probe.how
        known = self._known.get(key)
        if known is not None and tuple(map(look, known.paths)) == known.status:
            return known.answer
        self._known.pop(key, None)
        # Where nothing can be kept, one question is cheaper than a look around it.
        folder = _deciding(probe) if self._is_faithful(probe.path) else ""
        before, began = folder and _status(folder), time.time_ns()
        answer, entries = _answer(probe)
        if folder and folder == _deciding(probe):
            paths = (folder, *entries)
            status = tuple(map(_status, paths))
            if status[0] == before and self._is_certain(folder, status, began):
                self._known[key] = _Known(answer, paths, status)
        return answer

    def _is_certain(self, path: str, status: tuple[_Status, ...], began: int) -> bool:
        """Whether any later change would change the status.

        Not one in the same tick of the kernel's clock, nor one on another machine, whose
        clock and caches nobody here knows.
        """
        settled = (each is not None and began - each[-1] >= CLOCK_SLACK_NS for each in status)
        return all(settled) and self._is_faithful(os.path.realpath(path))

    def _is_faithful(self, path: str) -> bool:
        if self._mounts is None:
            self._mounts = Mounts()
        return self._mounts.kind(path) in _FAITHFUL


def _answer(probe: Probe) -> tuple[str, tuple[str, ...]]:
    """The answer of now, and the entries of the directory whose own status counts for it."""
    if probe.how not in LISTINGS:
        return ask(probe.path, probe.how), ()
    try:
        listing = LISTINGS[probe.how](probe.path)
    except OSError as error:
        return failed(error), ()
    return listing.answer, listing.entries


def _deciding(probe: Probe) -> str:
    """The path of which the status alone decides about the answer; ``""``: there is none.

    That is the directory with the last name that is there, or with the first one that is not.
    """
    if probe.how in LISTINGS:
        return probe.path
    if probe.how not in (EXISTS, ENTRY):
        return ""
    path, mode = probe.path, _mode(probe.path)
    if mode is not None:
        return "" if stat.S_ISLNK(mode) else os.path.dirname(path)
    while mode is None:
        path, former = os.path.dirname(path), path
        if path == former:
            return ""
        mode = _mode(path)
    return path


def _mode(path: str) -> int | None:
    """Of the name itself, not of what a link leads to; ``None``: nothing is there."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return None


def _status(path: str) -> _Status:
    try:
        info = os.stat(path)
    except OSError:
        return None
    # No program can set the change time, which comes last.
    return info.st_dev, info.st_ino, info.st_mode, info.st_mtime_ns, info.st_ctime_ns


def _same_kind(probe: Probe, now: str, written: Collection[str]) -> bool:
    return probe.path in written and probe.answer.partition(" ")[0] == now.partition(" ")[0]


def _same_names(
    probe: Probe, now: str, written: Collection[str], is_ignored: Callable[[str], bool]
) -> bool:
    if not probe.answer:
        return False
    for name in {*probe.answer.split(SEPARATOR)} ^ {*now.split(SEPARATOR)}:
        path = os.path.join(probe.path, name.removesuffix(":"))
        if not (path in written or is_ignored(path) or _BY_PRODUCTS.fullmatch(name)):
            return False
    return True
