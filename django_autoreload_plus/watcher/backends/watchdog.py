# The methods are documented once, in interface.py.
# ruff: noqa: D102
"""macOS, Windows and others: watchdog's observer on a few whole trees.

There one recursive watch costs the same however large the tree is, while each
watch of its own costs a thread; so directories are gathered below few tops.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from ...own_code import package_folder
from ...paths import real
from .interface import Event, Kind, by_events, unheard

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import ObservedWatch

_NAMES = {"darwin": "fsevents", "win32": "read-directory-changes", "linux": "inotify"}
_KINDS = {
    "created": Kind.FINISHED,
    "modified": Kind.FINISHED,
    "closed": Kind.FINISHED,
    "deleted": Kind.GONE,
}


class WatchdogBackend(FileSystemEventHandler):
    """Events of watchdog's observer for this platform."""

    name = _NAMES.get(sys.platform, "kqueue")
    reason = by_events(name)
    has_events = True
    event_descriptor = -1

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.reading: Callable[[bool], None] = unheard
        self._roots = tuple(real(root) for root in roots)
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._tops: dict[str, ObservedWatch] = {}
        self._users: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        self._observer = Observer()
        self._observer.start()

    @property
    def watches(self) -> int:
        return len(self._tops)

    @property
    def threads(self) -> int:
        return len(self._tops) + 1

    @property
    def descriptors(self) -> int:
        return len(self._tops)

    def add(self, path: str, *, everything: bool) -> None:
        if not everything:
            return  # Directories on the way are covered where their files are.
        if not os.path.isdir(path):
            raise NotADirectoryError(path)
        with self._lock:
            top = self._top_for(path)
            self._users.setdefault(top, set()).add(path)
            if top not in self._tops:
                self._tops[top] = self._observer.schedule(self, top, recursive=True)

    def _top_for(self, path: str) -> str:
        for top in (*self._tops, *self._roots):
            if path == top or path.startswith(top.rstrip(os.sep) + os.sep):
                return top
        return package_folder(path) or path

    def remove(self, path: str) -> None:
        with self._lock:
            for top, users in list(self._users.items()):
                users.discard(path)
                if not users:
                    del self._users[top]
                    watch = self._tops.pop(top, None)
                    if watch is not None:
                        self._observer.unschedule(watch)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type == "moved":
            self._put(Kind.GONE, event.src_path)
            self._put(Kind.FINISHED, event.dest_path)
        elif event.event_type in _KINDS:
            self._put(_KINDS[event.event_type], event.src_path)

    def _put(self, kind: Kind, path: bytes | str) -> None:
        if path:
            directory, name = os.path.split(os.fsdecode(path))
            self._events.put(Event(kind, directory, name))

    def wait(self, timeout: float | None) -> list[Event]:
        events: list[Event | None] = []
        try:
            events.append(self._events.get(timeout=timeout))
            while True:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return [event for event in events if event is not None]

    def wake(self) -> None:
        self._events.put(None)

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()
