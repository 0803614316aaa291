# The methods are documented once, in interface.py.
# ruff: noqa: D102
"""Linux: any number of directories on one descriptor, read by one thread.

watchdog's own observer starts a thread for every watch and holds moves back
for half a second, so only its bindings to the C library are used here; they
are the same in watchdog 6 and 7.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import select
import struct
import threading
from typing import TYPE_CHECKING

from watchdog.observers.inotify_c import (
    InotifyConstants,
    inotify_add_watch,
    inotify_init,
    inotify_rm_watch,
)

from .interface import Event, Kind, by_events, unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GOING = (
    InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
)
_EVERYTHING = (
    _GOING
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_ATTRIB
    # A deleted file that a process still writes to concerns nobody.
    | InotifyConstants.IN_EXCL_UNLINK
)
_SELF = (
    InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_IGNORED
    | InotifyConstants.IN_UNMOUNT
)
_FINISHED = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO
_GONE = InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM
_HEADER = struct.Struct("iIII")
_BUFFER = 64 * 1024


def _kind(mask: int) -> Kind:
    if mask & _FINISHED:
        return Kind.FINISHED
    if mask & InotifyConstants.IN_CREATE:
        return Kind.CREATED
    if mask & _GONE:
        return Kind.GONE
    if mask & _SELF:
        return Kind.LOST
    return Kind.TOUCHED


def _parse(data: bytes) -> Iterator[tuple[int, int, str]]:
    offset = 0
    while offset < len(data):
        watch, mask, _cookie, length = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        yield watch, mask, os.fsdecode(data[offset : offset + length].rstrip(b"\0"))
        offset += length


class InotifyBackend:
    """Events of the Linux kernel."""

    name = "inotify"
    reason = by_events(name)
    has_events = True
    threads = 0
    descriptors = 3

    def __init__(self) -> None:
        self._fd = inotify_init()
        if self._fd == -1:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        os.set_inheritable(self._fd, False)
        os.set_blocking(self._fd, False)
        self.event_descriptor = self._fd
        self.reading: Callable[[bool], None] = unheard
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)
        self._lock = threading.Lock()
        self._watch_of: dict[str, int] = {}
        # Bind mounts give one directory several paths, hence the tuple.
        self._paths_of: dict[int, tuple[str, ...]] = {}

    @property
    def watches(self) -> int:
        return len(self._paths_of)

    def add(self, path: str, *, everything: bool) -> None:
        mask = (_EVERYTHING if everything else _GOING) | InotifyConstants.IN_MASK_ADD
        with self._lock:
            watch = inotify_add_watch(self._fd, os.fsencode(path), mask)  # type: ignore[arg-type,unused-ignore]
            if watch == -1:
                code = ctypes.get_errno()
                self._drop(path)
                raise OSError(code, os.strerror(code), path)
            if self._watch_of.get(path) != watch:
                self._drop(path)
                self._watch_of[path] = watch
                self._paths_of[watch] = (*self._paths_of.get(watch, ()), path)

    def remove(self, path: str) -> None:
        with self._lock:
            self._drop(path)

    def _drop(self, path: str) -> None:
        watch = self._watch_of.pop(path, None)
        if watch is None:
            return
        others = tuple(p for p in self._paths_of.get(watch, ()) if p != path)
        if others:
            self._paths_of[watch] = others
        elif self._paths_of.pop(watch, None):
            inotify_rm_watch(self._fd, watch)  # type: ignore[arg-type,unused-ignore]

    def wait(self, timeout: float | None) -> list[Event]:
        # Asked for the next events, the reader is done with the last ones.
        self.reading(False)
        milliseconds = None if timeout is None else max(0, math.ceil(timeout * 1000))
        ready = {fd for fd, _ in self._poll.poll(milliseconds)}
        if self._wake_read in ready:
            self._read(self._wake_read)
        if self._fd not in ready:
            return []
        self.reading(True)
        data = self._read(self._fd)
        with self._lock:
            return [event for item in _parse(data) for event in self._events(*item)]

    def _events(self, watch: int, mask: int, name: str) -> Iterator[Event]:
        if mask & InotifyConstants.IN_Q_OVERFLOW:
            yield Event(Kind.OVERFLOW)
            return
        kind = _kind(mask)
        for path in self._paths_of.get(watch, ()):
            yield Event(kind, path, name)
        if mask & InotifyConstants.IN_IGNORED:
            for path in self._paths_of.pop(watch, ()):
                if self._watch_of.get(path) == watch:
                    del self._watch_of[path]

    @staticmethod
    def _read(fd: int) -> bytes:
        try:
            return os.read(fd, _BUFFER)
        except BlockingIOError:
            return b""

    def wake(self) -> None:
        try:
            os.write(self._wake_write, b"!")
        except OSError as error:
            # A full pipe wakes as well; a closed one has nobody to wake.
            if error.errno not in (errno.EAGAIN, errno.EBADF):
                raise

    def close(self) -> None:
        # Other processes may have the inotify queue open, too: no event is to be added any more.
        with self._lock:
            for watch in self._paths_of:
                inotify_rm_watch(self._fd, watch)  # type: ignore[arg-type,unused-ignore]
        while self._read(self._fd):
            pass
        for fd in (self._fd, self._wake_read, self._wake_write):
            os.close(fd)
        self._watch_of.clear()
        self._paths_of.clear()
