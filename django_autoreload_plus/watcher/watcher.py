"""The watcher: one thread that turns file events and scans into "may have changed"."""

from __future__ import annotations

import errno
import math
import os
import stat
import threading
import time
from typing import TYPE_CHECKING

from .advice import Advice
from .engine import Kind, make_engine
from .holds import STILL, Holds
from .mounts import Mounts
from .patterns import Glob, IgnoreRules
from .place import Folders
from .places import PlaceMap
from .rounds import EVERYWHERE, Rounds
from .stillness import Stillness
from .targets import Diagnostics, PolledTree
from .writers import is_being_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django_autoreload_plus.protocol.options import Options

    from .engine import Engine, Event
    from .place import Folder, Place
    from .targets import Targets

#: A deleted file gets this long to come back as part of a replacement, in seconds.
_RETURN = 0.02
#: So many events are dealt with before the first result is handed on.
_SLICE = 64
#: Watches are kernel memory of about 1 KiB each; beyond this the rest is polled.
_WATCH_LIMIT = 16_384
#: Files with several names get a watch of their own, up to this number.
_LINK_LIMIT = 256


class Watcher:
    """Calls ``notify`` with the paths that may have changed.

    Args:
        notify: called on the watcher's own thread with target paths, spelled
            as in :class:`Targets`. It must return quickly and not raise.
        options: ``watch``, ``ignore``, ``polling`` and the intervals apply.
        warn: called with a message for the user, cause and cure, each at most
            once; on any thread.
        roots: the project's directories; the first one is where relative
            globs start. Files below them that are no libraries are checked
            most often.
    """

    def __init__(
        self,
        notify: Callable[[frozenset[str]], None],
        options: Options,
        *,
        warn: Callable[[str], None],
        roots: Sequence[str] = (),
    ) -> None:
        self._notify = notify
        self._options = options
        self._roots = tuple(roots) or (os.getcwd(),)
        self._advice = Advice(warn, options)
        self._ignored = IgnoreRules(options.ignore, self._roots[0])
        self._map = PlaceMap(Folders(self._arm, self._release), self._is_unwanted)
        self._rounds = Rounds(self._map, options, self._roots)
        self._mounts = Mounts()
        self._lock = threading.RLock()
        self._engine: Engine = Stillness()
        self._opened = False
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._files: frozenset[str] = frozenset()
        self._globs: frozenset[Glob] = frozenset()
        self._written: frozenset[str] = frozenset()
        self._holds = Holds(self._map.look)
        self._linked: dict[str, Place] = {}
        self._pending: set[str] = set()
        self._missed = 0

    # For the supervisor

    def open(self, former: Watcher | None = None) -> None:
        """Open the source of events; nothing is read from it before :meth:`start`.

        That of a ``former`` watcher, which ends with this, is taken over where it can
        be: what happens meanwhile waits there, and others go on looking at the same
        descriptor.
        """
        self._opened = True
        polling = self._options.polling is True
        if former is not None and former._engine.event_descriptor >= 0 and not polling:
            self._engine = former._give_up()
            self._pending |= former._unreported()
            return
        if former is not None:
            former.stop()
        try:
            self._engine = make_engine(polling=polling, roots=self._roots)
        except OSError as error:
            self._advice.no_engine(error)
            self._rounds.poll(EVERYWHERE, error.strerror or str(error))

    def start(self) -> None:
        """Begin to listen."""
        if not self._opened:
            self.open()
        self._thread = threading.Thread(target=self._run, name="file-watcher", daemon=True)
        self._thread.start()

    def share(self, reading: Callable[[bool], None]) -> int:
        """A descriptor that is readable while a change waits to be read, or -1.

        ``reading`` is called in the watcher's thread, with true before events are
        taken and with false when everything about them has been notified: whoever
        looks first at the descriptor and then at that state misses no change.
        """
        self._engine.reading = reading
        return self._engine.event_descriptor

    def stop(self) -> None:
        """Stop listening and give everything back; may be called twice."""
        self._give_up().close()

    def _give_up(self) -> Engine:
        """Stop listening; the source of events is the caller's from now on."""
        thread, self._thread = self._thread, None
        self._stopping = True
        self._engine.wake()
        if thread is not None:
            thread.join()
        with self._lock:
            engine, self._engine = self._engine, Stillness()
        return engine

    def watch(self, targets: Targets) -> frozenset[str]:
        """Watch exactly ``targets``, besides what the ``watch`` option asks for.

        On return everything is being watched: what changes from now on is
        reported. A path in ``missing`` that exists by now is reported at once.
        Returns what matches globs that were not watched before.
        """
        with self._lock:
            self._written = targets.written
            wanted = (targets.files | targets.missing) - targets.written
            wanted = frozenset(path for path in wanted - self._files if not self._ignored(path)) | (
                wanted & self._files
            )
            globs = frozenset(Glob.parse(*glob) for glob in targets.globs) | self._own_globs()
            added = [self._map.want(path) for path in wanted - self._files]
            for path in self._files - wanted:
                self._map.unwant(path)
            matches = {place for glob in globs - self._globs for place in self._map.want_glob(glob)}
            for glob in self._globs - globs:
                self._map.unwant_glob(glob)
            self._files, self._globs = wanted, globs
            self._unwatch_linked()
            self._watch_linked(added)
            appeared = {p.path for p in added if p.path in targets.missing and p.stamp}
            self._pending |= appeared
            self._rounds.renew()
        # What is due next may be due sooner than the thread expects.
        self._engine.wake()
        return frozenset(place.path for place in matches if place.globbed)

    def ignores(self, path: str) -> bool:
        """Whether the ``ignore`` option excepts a file."""
        return self._ignored(path)

    def diagnostics(self) -> Diagnostics:
        """Return what is in use at this moment."""
        with self._lock:
            engine = self._engine
            return Diagnostics(
                engine=engine.name,
                files=sum(1 for _ in self._map.targets()),
                directories=len(self._map.folders),
                watches=engine.watches,
                threads=engine.threads + (1 if self._thread else 0),
                descriptors=engine.descriptors,
                polled=tuple(PolledTree(*item) for item in sorted(self._rounds.trees.items())),
                missed=self._missed,
            )

    def _own_globs(self) -> frozenset[Glob]:
        return frozenset(
            Glob.parse(*_anchored(pattern, self._roots[0])) for pattern in self._options.watch
        )

    def _is_unwanted(self, path: str) -> bool:
        return path in self._written or self._ignored(path)

    # Watches, asked for by the map

    def _arm(self, folder: Folder) -> None:
        self._poll_if_silent(folder.path)
        try:
            self._add_watch(folder)
        except (FileNotFoundError, NotADirectoryError):
            return  # Its own place is looked at next, and tells.
        except OSError as error:
            self._advice.no_watch(folder.path, error)
            self._rounds.poll(folder.path, error.strerror or str(error))

    def _add_watch(self, folder: Folder) -> None:
        if self._engine.watches >= _WATCH_LIMIT:
            raise OSError(errno.E2BIG, "more directories than the watcher takes")
        self._engine.add(folder.path, everything=folder.everything)

    def _release(self, folder: Folder) -> None:
        self._engine.remove(folder.path)

    def _poll_if_silent(self, directory: str) -> None:
        mount = self._mounts.silent(directory)
        if mount and mount[0] not in self._rounds.trees:
            self._rounds.poll(mount[0], f"{mount[1]} has no file events")
            if self._options.polling is None:
                self._advice.silent(*mount)

    def _watch_linked(self, places: Iterable[Place]) -> None:
        """Watch files with several names as such: they are also written under the others."""
        for place in places:
            if place.links == 1 or not place.registered or not self._rounds.is_near(place.path):
                continue
            entry = os.path.join(place.registered, place.name)
            if len(self._linked) >= _LINK_LIMIT or not os.path.isfile(entry):
                continue
            self._linked[entry] = place
            try:
                self._engine.add(entry, everything=True)
            except OSError:
                del self._linked[entry]  # The safety net still looks at it.

    def _unwatch_linked(self) -> None:
        for entry in [e for e, place in self._linked.items() if not self._map.holds(place)]:
            del self._linked[entry]
            self._engine.remove(entry)

    def _unreported(self) -> set[str]:
        """What was read of and is still held back."""
        return self._pending | {place.path for place in self._holds.ripe(math.inf)}

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            events = self._engine.wait(self._patience())
            for start in range(0, len(events), _SLICE):
                with self._lock:
                    changed = self._digest(events[start : start + _SLICE])
                self._hand_on(changed)
            if self._patience() == 0.0:
                self._hand_on(self._tick())

    def _hand_on(self, places: Iterable[Place]) -> None:
        with self._lock:
            paths = frozenset(place.path for place in places) | self._pending
            self._pending = set()
            paths = frozenset(path for path in paths if not self._is_unwanted(path))
            for place in places:
                self._map.forget_vanished(place)
        if paths:
            self._notify(paths)

    def _patience(self) -> float | None:
        """Seconds until something is due without an event."""
        with self._lock:
            if self._pending:
                return 0.0
            due = self._holds.due() + self._rounds.due()
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _tick(self) -> set[Place]:
        now = time.monotonic()
        with self._lock:
            changed: set[Place] = set()
            for place in self._holds.ripe(now):
                changed |= self._report(place)
            for place in self._rounds.poll_round(now):
                self._holds.add(place, STILL)
            for folder in self._rounds.regrown():
                changed |= self._map.rescan(folder)
            for place in self._rounds.net_round(now):
                changed |= self._found_late(place)
        return changed

    # Events

    def _digest(self, events: Iterable[Event]) -> set[Place]:
        changed: set[Place] = set()
        for event in events:
            if event.kind is Kind.OVERFLOW:
                changed |= self._look_at_everything()
            elif event.directory in self._linked:
                # What else happens to the file, its directory tells.
                if event.kind is Kind.FINISHED:
                    changed |= self._report(self._linked[event.directory])
            else:
                changed |= self._happened(event)
        return changed

    def _happened(self, event: Event) -> set[Place]:
        folder = self._map.folders.get(event.directory)
        if folder is None:
            return set()
        if event.kind is Kind.LOST or not event.name:
            return self._concerns(self._map.owners(folder), Kind.GONE)
        places = folder.names.get(event.name, set())
        changed = self._concerns(set(places), event.kind)
        if folder.walkers and _is_final(event.kind, folder.path, event.name):
            discovered = self._map.discover(folder, event.name)
            if discovered:
                self._rounds.renew()
            changed |= discovered
        return changed

    def _concerns(self, places: Iterable[Place], kind: Kind) -> set[Place]:
        changed: set[Place] = set()
        for place in places:
            if _is_final(kind, place.registered, place.name):
                changed |= self._report(place)
            else:
                self._holds.add(place, STILL if kind is Kind.CREATED else _RETURN)
        return changed

    def _report(self, place: Place) -> set[Place]:
        self._holds.discard(place)
        if not self._map.holds(place):
            return set()
        changed = self._map.refresh(place)
        self._watch_linked(changed)
        self._rounds.edited(changed)
        return changed

    def _look_at_everything(self) -> set[Place]:
        """After lost events: whatever is not as it was has changed."""
        changed: set[Place] = set()
        for place in list(self._map.places.values()):
            if self._map.look(place) != place.stamp:
                changed |= self._report(place)
        for folder in list(self._map.folders.values()):
            if folder.walkers:
                changed |= self._map.rescan(folder)
        return changed

    def _found_late(self, place: Place) -> set[Place]:
        """Poll this tree from now on, as the safety net came first."""
        if place.links == 1 and not is_being_written(place.path):
            self._missed += 1
            tree = self._rounds.tree_of(place)
            self._rounds.poll(tree, "events were missed")
            self._advice.missed(place.path, tree)
        # Otherwise it was written under a name made since, which is watched from now on; or
        # its writer keeps it open, and the event is still to come.
        return self._report(place)


def _is_final(kind: Kind, directory: str | None, name: str) -> bool:
    """Whether no further event is to be expected for the same change.

    A new regular file is still to be written; a new directory, link or
    further name of a file is complete.
    """
    if kind is not Kind.CREATED or directory is None:
        return kind is Kind.FINISHED
    try:
        info = os.lstat(os.path.join(directory, name))
    except OSError:
        return False
    return not stat.S_ISREG(info.st_mode) or info.st_nlink > 1


def _anchored(pattern: str, root: str) -> tuple[str, str]:
    if os.path.isabs(pattern):
        drive, rest = os.path.splitdrive(pattern)
        return drive + os.sep, rest.lstrip("/\\")
    return root, pattern
