"""Plain data: the paths to be watched, and the resources that this takes."""

from __future__ import annotations

from ..protocol.reasons import Reason
from ..records import dataclass


@dataclass(frozen=True)
class Targets:
    """Everything whose change concerns the running code; paths are absolute."""

    #: Files that exist: modules, archives, data read while starting.
    files: frozenset[str] = frozenset()
    #: Paths that were looked for and not found; creating one is a change.
    missing: frozenset[str] = frozenset()
    #: ``(directory, pattern)``, the pattern relative as in ``Path.glob``;
    #: the directory need not exist yet.
    globs: frozenset[tuple[str, str]] = frozenset()
    #: Files the project's own processes write: state, never code.
    written: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PolledTree:
    """A directory whose files are scanned, because events are not enough."""

    path: str
    reason: Reason


@dataclass(frozen=True)
class Diagnostics:
    """Resources that the watcher uses at this moment."""

    #: ``"inotify"``, ``"fsevents"``, ``"read-directory-changes"``,
    #: ``"kqueue"`` or ``"polling"``.
    backend: str
    #: Why changes are noticed in this way.
    reason: Reason
    #: Paths that are reported when they change, existing or not.
    files: int
    #: Directories looked at for them.
    directories: int
    #: Watches held in the operating system.
    watches: int
    threads: int
    descriptors: int
    polled: tuple[PolledTree, ...]
    #: Changes that no event reported, found by the safety net.
    missed: int

    def __str__(self) -> str:
        parts = [
            self.backend,
            _counted(self.watches, "watch", "watches"),
            _counted(self.threads, "thread"),
            _counted(self.descriptors, "descriptor"),
        ]
        if self.polled:
            parts.append(f"{_counted(len(self.polled), 'directory', 'directories')} scanned")
        if self.missed:
            parts.append(f"{_counted(self.missed, 'change')} found without an event")
        files, directories = (
            _counted(self.files, "file"),
            _counted(self.directories, "directory", "directories"),
        )
        return f"watching {files} in {directories}: {', '.join(parts)}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
