"""Compares what a program has found where it looked with what is there now."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable

from ..protocol.looks import ENTRY_STATUS, LISTINGS, NAMES, SEPARATOR, STATUS, Look, ask, failed
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
    """Compares looks at every start.

    A large project has listed dozens of directories. One is listed again only when its
    status is another one, as it is after every entry that has come, gone or been replaced.
    """

    def __init__(self) -> None:
        self._listed: dict[tuple[str, str], _Listed] = {}
        self._mounts: Mounts | None = None

    def differing(
        self,
        looks: Iterable[Look],
        *,
        written: Collection[str],
        is_ignored: Callable[[str], bool],
    ) -> frozenset[Look]:
        """Those looks that would have another answer now.

        Of what the program itself writes (``written``) only the existence counts.
        """
        return frozenset(
            look
            for look in looks
            if (now := self._ask(look)) != look.answer
            and not is_ignored(look.path)
            and not (look.how == NAMES and now and _same_names(look, now, written, is_ignored))
            and not (look.how in (STATUS, ENTRY_STATUS) and _same_kind(look, now, written))
        )

    def _ask(self, look: Look) -> str:
        if look.how not in LISTINGS:
            return ask(look.path, look.how)
        key = look.path, look.how
        listed = self._listed.get(key)
        if listed is not None and _statuses(look.path, listed.entries) == listed.status:
            return listed.answer
        self._listed.pop(key, None)
        before, began = _status(look.path), time.time_ns()
        try:
            listing = LISTINGS[look.how](look.path)
        except OSError as error:
            return failed(error)
        status = _statuses(look.path, listing.entries)
        if status[0] == before and self._is_certain(look.path, status, began):
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


def _same_kind(look: Look, now: str, written: Collection[str]) -> bool:
    return look.path in written and look.answer.partition(" ")[0] == now.partition(" ")[0]


def _same_names(
    look: Look, now: str, written: Collection[str], is_ignored: Callable[[str], bool]
) -> bool:
    if not look.answer:
        return False
    for name in {*look.answer.split(SEPARATOR)} ^ {*now.split(SEPARATOR)}:
        path = os.path.join(look.path, name.removesuffix(":"))
        if not (path in written or is_ignored(path) or _BY_PRODUCTS.fullmatch(name)):
            return False
    return True
