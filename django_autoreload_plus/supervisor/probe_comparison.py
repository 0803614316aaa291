"""Compares the answers to a program's probes with those that it would get now."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable

from ..protocol.probes import ENTRY_STATUS, LISTINGS, NAMES, SEPARATOR, STATUS, Probe, ask, failed
from ..records import dataclass
from ..watcher import CLOCK_SLACK_NS
from ..watcher.mounts import Mounts

#: Files that come and go with every use of a database, and with every import.
_BY_PRODUCTS = re.compile(r".*-(journal|wal|shm)|__pycache__:|.*\.pyc|.*~|\..*\.sw.|4913")

#: Device, inode, mode and both times of a path; ``None``: nothing is there.
_Status = tuple[int, int, int, int, int] | None


@dataclass(frozen=True)
class _Listed:
    """A directory that was listed, and the status of everything that the answer depends on."""

    answer: str
    entries: tuple[str, ...]
    status: tuple[_Status, ...]


class Comparison:
    """Compares probes at every start.

    A large project has listed dozens of directories. One is listed again only when its
    status is another one, as it is after every entry that has come, gone or been replaced.
    """

    def __init__(self) -> None:
        self._listed: dict[tuple[str, str], _Listed] = {}
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
        return frozenset(
            probe
            for probe in probes
            if (now := self._ask(probe)) != probe.answer
            and not is_ignored(probe.path)
            and not (probe.how == NAMES and now and _same_names(probe, now, written, is_ignored))
            and not (probe.how in (STATUS, ENTRY_STATUS) and _same_kind(probe, now, written))
        )

    def _ask(self, probe: Probe) -> str:
        if probe.how not in LISTINGS:
            return ask(probe.path, probe.how)
        key = probe.path, probe.how
        listed = self._listed.get(key)
        if listed is not None and _statuses(probe.path, listed.entries) == listed.status:
            return listed.answer
        self._listed.pop(key, None)
        before, began = _status(probe.path), time.time_ns()
        try:
            listing = LISTINGS[probe.how](probe.path)
        except OSError as error:
            return failed(error)
        status = _statuses(probe.path, listing.entries)
        if status[0] == before and self._is_certain(probe.path, status, began):
            self._listed[key] = _Listed(listing.answer, listing.entries, status)
        return listing.answer

    def _is_certain(self, path: str, status: tuple[_Status, ...], began: int) -> bool:
        """Whether any later change would change the status.

        Not one in the same tick of the kernel's clock, nor one on another machine, whose
        clock and caches nobody here knows.
        """
        if self._mounts is None:
            self._mounts = Mounts()
        settled = (each is not None and began - each[-1] >= CLOCK_SLACK_NS for each in status)
        is_local = self._mounts.is_known and self._mounts.silent(path) is None
        return all(settled) and is_local


def _statuses(path: str, entries: Iterable[str]) -> tuple[_Status, ...]:
    return (_status(path), *map(_status, entries))


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
