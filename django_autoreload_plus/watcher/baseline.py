"""Deciding by content whether a file differs from what the running code was made of."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..records import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Libraries are told apart by their times alone above this size, in bytes:
#: reading a large extension module at every start would cost more than the
#: needless reload after a ``touch``.
_LARGE = 8 * 1024 * 1024
#: The kernel stamps files with a clock that advances every 1 to 10 ms.
CLOCK_SLACK_NS = 20_000_000
#: An editor that truncates first usually writes within a millisecond.
_EMPTY_RETRIES = 10
_EMPTY_PAUSE = 0.005

#: Windows would translate line ends.
_BINARY = getattr(os, "O_BINARY", 0)


class Stamp(NamedTuple):
    """What a status tells of a file; times in nanoseconds since the epoch."""

    device: int
    inode: int
    size: int = 0
    written: int = 0
    #: No program can set it; changes with everything else, too.
    changed: int = 0
    links: int = 0
    mode: int = 0
    user: int = 0
    group: int = 0

    def only_labelled_since(self, former: Stamp) -> bool:
        """Whether names, rights or owners explain why the time of change is another one.

        An installer links a file into another environment; ``chmod`` is the same case.
        """
        return self[:4] == former[:4] and self[5:] != former[5:]


@dataclass(frozen=True)
class _Version:
    """One state of one path; no signature means it does not exist."""

    signature: Stamp | None
    digest: bytes | None = None
    data: bytes | None = field(default=None, repr=False)
    problem: str | None = None
    seen_ns: int = 0

    def same_content(self, other: _Version) -> bool:
        if self.signature is None or other.signature is None:
            return self.signature is other.signature
        if self.problem or other.problem:
            return self.problem == other.problem
        if self.digest is None or other.digest is None:
            same = self.signature == other.signature
            return same or self.signature.only_labelled_since(other.signature)
        return self.digest == other.digest


#: Has the content of no file, not even of an absent one.
_UNKNOWN = _Version(Stamp(0, 0), problem="not known")


@dataclass(frozen=True)
class Change:
    """A path whose content is no longer what the running code was made of."""

    path: str
    kind: Literal["modified", "created", "deleted"]
    #: The new content; ``None`` when deleted, unreadable or too large to keep.
    data: bytes | None = field(default=None, repr=False)
    #: Why the file that is there cannot be read, in words.
    problem: str | None = None
    version: _Version = field(default=_Version(None), repr=False, compare=False)

    @property
    def stamp(self) -> Stamp | None:
        """Identity and times of the file: they change with each write, also of the same bytes."""
        return self.version.signature


def _signature(info: os.stat_result) -> Stamp:
    return Stamp(
        info.st_dev,
        info.st_ino,
        info.st_size,
        info.st_mtime_ns,
        info.st_ctime_ns,
        info.st_nlink,
        info.st_mode,
        info.st_uid,
        info.st_gid,
    )


def _look(path: str) -> _Version | None:
    """The state of ``path`` without its content; ``None`` when there is a file to read."""
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return _Version(None)
    except OSError as error:
        return _Version(Stamp(0, 0), problem=error.strerror)
    if stat.S_ISDIR(info.st_mode):
        return _Version(None)
    if not stat.S_ISREG(info.st_mode):
        # Opening a pipe or a device could block or have an effect.
        return _Version(Stamp(info.st_dev, info.st_ino), digest=b"")
    return None


def _read_once(path: str) -> _Version:
    state = _look(path)
    if state is not None:
        return state
    try:
        # Thousands of files are read at a start: what a file object costs would show.
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
    except FileNotFoundError:
        return _Version(None)
    except OSError as error:
        return _unreadable(path, error)
    try:
        return _read_open(descriptor)
    except OSError as error:
        return _unreadable(path, error)
    finally:
        os.close(descriptor)


def _unreadable(path: str, error: OSError) -> _Version:
    try:
        return _Version(_signature(os.stat(path)), problem=error.strerror)
    except OSError:
        return _Version(Stamp(0, 0), problem=error.strerror)


def _read_open(descriptor: int) -> _Version:
    while True:
        before = _signature(os.fstat(descriptor))
        seen = time.time_ns()
        if before.size > _LARGE:
            return _Version(before, seen_ns=seen)
        data = os.read(descriptor, before.size + 1)
        # A writer that is at work moves the signature; its last state counts.
        if len(data) == before.size and _signature(os.fstat(descriptor)) == before:
            break
        if not data:
            break
        os.lseek(descriptor, 0, os.SEEK_SET)
    return _Version(before, hashlib.blake2b(data, digest_size=16).digest(), data, seen_ns=seen)


def _read(path: str, *, doubt_empty: bool) -> _Version:
    version = _read_once(path)
    for _ in range(_EMPTY_RETRIES if doubt_empty else 0):
        if version.data != b"":
            break
        time.sleep(_EMPTY_PAUSE)
        version = _read_once(path)
    return version


class Baseline:
    """The contents from which the running code was made, path by path.

    Not safe for use from several threads at once.
    """

    def __init__(self) -> None:
        self._versions: dict[str, _Version] = {}
        self._keeps_text: set[str] = set()

    def record(self, paths: Iterable[str], *, keep_text: Callable[[str], bool]) -> None:
        """Take the present state of ``paths`` for what the running code was made of.

        ``paths`` are absolute; one that does not exist is recorded as absent. ``keep_text``
        says whether the bytes of a path are kept, for :meth:`text`.
        """
        for path in paths:
            if keep_text(path):
                self._keeps_text.add(path)
            self._store(path, _read_once(path))

    def _store(self, path: str, version: _Version) -> None:
        if path not in self._keeps_text:
            version = _Version(
                version.signature, version.digest, None, version.problem, version.seen_ns
            )
        self._versions[path] = version

    def doubt(self, paths: Iterable[str]) -> None:
        """Let ``paths`` differ from whatever is there, or is not: what was loaded is unknown."""
        for path in paths:
            self._versions[path] = _UNKNOWN

    def __contains__(self, path: str) -> bool:
        return path in self._versions

    def compare(self, path: str) -> Change | None:
        """How the content of ``path`` differs from the baseline, if it does.

        A path never recorded counts as absent. An empty read of a file that
        had content is repeated for up to 50 ms before it is believed. Missing
        permission is a change with a ``problem``, not an exception.
        """
        old = self._versions.get(path, _Version(None))
        if self._surely_untouched(path, old):
            return None
        new = _read(path, doubt_empty=old.signature is not None and old.signature.size > 0)
        if old.same_content(new):
            if path in self._versions:
                self._store(path, new)
            return None
        if new.signature is None:
            return Change(path, "deleted", version=new)
        kind: Literal["modified", "created"] = "created" if old.signature is None else "modified"
        return Change(path, kind, new.data, new.problem, new)

    @staticmethod
    def _surely_untouched(path: str, old: _Version) -> bool:
        """Whether the inode alone proves that nothing was written since.

        No program can set the change time, so only a write within the same
        tick of the kernel's clock could hide behind an equal signature.
        """
        if old.signature is None or old.problem:
            return False
        if old.seen_ns - old.signature.changed < CLOCK_SLACK_NS:
            return False
        try:
            return _signature(os.stat(path)) == old.signature
        except OSError:
            return False

    def accept(self, changes: Iterable[Change]) -> None:
        """From now on the running code is made from these."""
        for change in changes:
            # Edited once, it is likely to be edited again.
            self._keeps_text.add(change.path)
            self._store(change.path, change.version)

    def text(self, path: str) -> bytes | None:
        """The recorded bytes of ``path``, where they are kept."""
        version = self._versions.get(path)
        return version.data if version else None

    def stamp(self, path: str) -> Stamp | None:
        """The stamp of the recorded state, ``None`` when it is absent or unknown."""
        version = self._versions.get(path)
        return version.signature if version else None

    @staticmethod
    def present_stamp(path: str) -> Stamp | None:
        """The stamp of ``path`` as it is now: equal to the recorded one if nobody wrote."""
        state = _look(path)
        try:
            return _signature(os.stat(path)) if state is None else state.signature
        except OSError:
            return None

    def is_rewritten(self, path: str) -> bool:
        """Whether ``path`` may have been written since its recorded state, were it the same.

        Where it has only been given another name, other rights or another owner, its content
        decides, and the stamp is renewed.
        """
        known, present = self.stamp(path), self.present_stamp(path)
        if known is None or present is None or not present.only_labelled_since(known):
            return known != present
        now = _read_once(path)
        if not self._versions[path].same_content(now):
            return True
        self._store(path, now)
        return False

    def edited_since(self, loaded: Iterable[tuple[str, int]]) -> set[str]:
        """The paths that may have been edited at or after their time.

        Each comes with ``time.time_ns()`` of the moment its code began to load.
        Errs towards "edited" by the granularity of the kernel's clock; links
        count where they stand and where they lead. A path that is gone is
        edited when it was recorded as existing.
        """
        links: dict[str, tuple[str, ...]] = {}
        return {path for path, time_ns in loaded if self._is_edited(path, time_ns, links)}

    def _is_edited(self, path: str, time_ns: int, links: dict[str, tuple[str, ...]]) -> bool:
        limit = time_ns - CLOCK_SLACK_NS
        try:
            info = os.lstat(path)
            changed = info.st_ctime_ns
            if stat.S_ISLNK(info.st_mode):
                changed = max(changed, os.stat(path).st_ctime_ns)
            on_the_way = _links(os.path.dirname(path), links)
            return max([changed, *(os.lstat(link).st_ctime_ns for link in on_the_way)]) >= limit
        except OSError:
            recorded = self._versions.get(path)
            return recorded is not None and recorded.signature is not None


def _links(directory: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The symbolic links that ``directory`` is spelled with."""
    if directory not in known:
        head = os.path.dirname(directory)
        above = _links(head, known) if head != directory else ()
        known[directory] = (*above, directory) if os.path.islink(directory) else above
    return known[directory]
