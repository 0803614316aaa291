"""The small interface behind which every source of file events stands."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from ...protocol.reasons import Reason
from ...records import dataclass


class Kind(enum.Enum):
    """The kind of an event, for one name in a directory."""

    #: A write was finished, or a file or directory was moved here.
    FINISHED = enum.auto()
    #: The name is new; its content may still be being written.
    CREATED = enum.auto()
    #: Only the inode changed: permissions, times, number of links.
    TOUCHED = enum.auto()
    #: The name was deleted or moved away.
    GONE = enum.auto()
    #: The watched directory itself was deleted, moved or unmounted.
    LOST = enum.auto()
    #: The kernel dropped events; anything may have changed.
    OVERFLOW = enum.auto()


@dataclass(frozen=True)
class Event:
    """One event; ``directory`` is the path the watch was made with."""

    kind: Kind
    directory: str = ""
    name: str = ""


def unheard(_busy: bool, /) -> None:  # noqa: FBT001 - the shape of ``reading``
    """Stand for a ``reading`` that nobody has asked for."""


def by_events(name: str) -> Reason:
    """The reason of a backend to which the system reports changes."""
    return Reason("AP301", f"the system tells of each change ({name})")


class Backend(Protocol):
    """A source of file events.

    ``add``, ``remove`` and ``wake`` may be called from any thread, ``wait``
    only from the one thread that reads.
    """

    name: str
    #: Why changes are noticed in this way.
    reason: Reason
    #: Whether it hears of changes; where it does not, the watcher scans all that is watched.
    has_events: bool
    #: A descriptor that is readable while events wait to be read, or -1.
    event_descriptor: int
    #: Called with true before events are taken from that descriptor, and with
    #: false once all of them have been acted on.
    reading: Callable[[bool], None]

    def add(self, path: str, *, everything: bool) -> None:
        """Watch a directory, or one file under all its names.

        Without ``everything`` only entries that go away and the fate of the
        directory itself are of interest. Adding a path again renews its watch.

        Raises :class:`OSError` if the path cannot be watched, or a limit is reached.
        """

    def remove(self, path: str) -> None:
        """Stop watching ``path``; unknown and vanished paths are fine."""

    def wait(self, timeout: float | None) -> list[Event]:
        """The next events; none after ``timeout`` seconds or a ``wake``."""

    def wake(self) -> None:
        """Make a ``wait`` under way, or the next one, return."""

    def close(self) -> None:
        """Give everything back to the system."""

    @property
    def watches(self) -> int:
        """Watches held in the operating system."""

    @property
    def threads(self) -> int:
        """Threads besides the one that calls ``wait``."""

    @property
    def descriptors(self) -> int:
        """File descriptors held open."""
