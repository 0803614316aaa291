"""The watcher: one thread that turns file events and scans into "may have changed"."""

from __future__ import annotations

import errno
import math
import os
import select
import stat
import threading
import time
from typing import TYPE_CHECKING

from ..paths import working_directory
from ..protocol.reasons import Reason
from ..records import dataclass
from .backends import make_backend
from .backends.interface import Kind
from .backends.polling import PollingBackend
from .debounce import STILL, Debouncer
from .globs import Glob, IgnoreRules
from .hints import Hints
from .mounts import Mounts
from .open_files import is_being_written
from .path_index import PathIndex
from .path_node import Folders
from .scanner import EVERYWHERE, Scanner
from .targets import Diagnostics, PolledTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..options import Options
    from .backends.interface import Backend, Event
    from .path_node import Folder, PathNode
    from .targets import Targets

#: A deleted file gets this long to come back as part of a replacement, in seconds.
_RETURN = 0.02
#: The number of events that are handled before the first result is passed on.
_SLICE = 64
#: Watches are kernel memory of about 1 KiB each; beyond this the rest is polled.
_WATCH_LIMIT = 16_384
#: Files with several names get a watch of their own, up to this number.
_LINK_LIMIT = 256
#: Of so many files it is found out whether a process has them open: each takes milliseconds.
_MOST_OPEN = 16


@dataclass(eq=False)
class _Question:
    """Somebody waits until everything saved by now has been notified."""

    answer: Callable[[], None]
    #: What was held back when all events up to the question had been read; ``None``: they have not.
    held: set[PathNode] | None = None


class Watcher:
    """Calls ``notify`` with the paths that may have changed.

    ``notify`` is called on the watcher's own thread with target paths, spelled as in
    :class:`Targets`; it must return quickly and not raise. Of the ``options``, ``watch``,
    ``ignore``, ``polling`` and the intervals apply. ``warn`` is called on any thread with a
    message for the user, cause and cure, each at most once. ``roots`` are the project's
    directories: relative globs start at the first one, and files below them that are no
    libraries are checked most often.
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
        self._roots = tuple(roots) or (working_directory(),)
        self._hints = Hints(warn, options)
        self._ignored = IgnoreRules(options.ignore, self._roots[0])
        self._map = PathIndex(Folders(self._arm, self._release), self._is_unwanted)
        self._scanner = Scanner(self._map, options, self._roots)
        self._mounts = Mounts()
        self._lock = threading.RLock()
        self._backend: Backend = PollingBackend()
        self._opened = False
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._files: frozenset[str] = frozenset()
        self._globs: frozenset[Glob] = frozenset()
        self._written: frozenset[str] = frozenset()
        self._debouncer = Debouncer(self._map.current_stamp)
        self._linked: dict[str, PathNode] = {}
        self._pending: set[str] = set()
        self._questions: list[_Question] = []
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
        if former is not None:
            self._questions += (_Question(question.answer) for question in former._questions)
        if former is not None and former._backend.event_descriptor >= 0 and not polling:
            self._backend = former._give_up()
            self._pending |= former._unreported()
            return
        if former is not None:
            former.stop()
        try:
            self._backend = make_backend(polling=polling, roots=self._roots)
        except OSError as error:
            self._hints.no_backend(error)
            self._backend = PollingBackend(Reason("AP304", error.strerror or str(error)))
        if not self._backend.has_events:
            self._scanner.poll(EVERYWHERE, self._backend.reason)

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
        # An event that is held back, in case the file returns, counts as being read.
        self._backend.reading = lambda on: reading(on or self._debouncer.has_gone)
        return self._backend.event_descriptor

    def stop(self) -> None:
        """Stop listening and give everything back; may be called twice."""
        self._give_up().close()

    def _give_up(self) -> Backend:
        """Stop listening; the source of events is the caller's from now on."""
        thread, self._thread = self._thread, None
        self._stopping = True
        self._backend.wake()
        if thread is not None:
            thread.join()
        with self._lock:
            backend, self._backend = self._backend, PollingBackend()
        return backend

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
            matches = {node for glob in globs - self._globs for node in self._map.want_glob(glob)}
            for glob in self._globs - globs:
                self._map.unwant_glob(glob)
            self._files, self._globs = wanted, globs
            self._unwatch_linked()
            self._watch_linked(added)
            appeared = {p.path for p in added if p.path in targets.missing and p.stamp}
            self._pending |= appeared
            self._scanner.renew()
        # The next round may be due sooner than the thread expects.
        self._backend.wake()
        return frozenset(node.path for node in matches if node.globbed)

    def ignores(self, path: str) -> bool:
        """Whether the ``ignore`` option excepts a file."""
        return self._ignored(path)

    def when_caught_up(self, answer: Callable[[], None]) -> None:
        """Call ``answer``, in the watcher's thread, when all that is saved by now was notified.

        Also where no event tells of it: every watched file is looked at. A file that is
        still being written is not saved yet. Never called if the watcher is stopped before.
        """
        with self._lock:
            self._questions.append(_Question(answer))
        self._backend.wake()

    def diagnostics(self) -> Diagnostics:
        """What is in use at this moment."""
        with self._lock:
            backend, trees = self._backend, self._scanner.trees
            return Diagnostics(
                backend=backend.name,
                reason=backend.reason,
                files=sum(1 for _ in self._map.targets()),
                directories=len(self._map.folders),
                watches=backend.watches,
                threads=backend.threads + (1 if self._thread else 0),
                descriptors=backend.descriptors,
                polled=tuple(PolledTree(path, trees[path]) for path in sorted(trees)),
                missed=self._missed,
            )

    def _own_globs(self) -> frozenset[Glob]:
        return frozenset(
            Glob.parse(*_anchored(pattern, self._roots[0])) for pattern in self._options.watch
        )

    def _is_unwanted(self, path: str) -> bool:
        return path in self._written or self._ignored(path)

    # Watches, asked for by the path index

    def _arm(self, folder: Folder) -> None:
        self._poll_if_silent(folder.path)
        try:
            self._add_watch(folder)
        except (FileNotFoundError, NotADirectoryError):
            return  # Its own status is read next, which shows that it is gone.
        except OSError as error:
            self._hints.no_watch(folder.path, error)
            self._scanner.poll(folder.path, Reason("AP305", error.strerror or str(error)))

    def _add_watch(self, folder: Folder) -> None:
        if self._backend.watches >= _WATCH_LIMIT:
            raise OSError(errno.E2BIG, "more directories than the watcher takes")
        self._backend.add(folder.path, everything=folder.everything)

    def _release(self, folder: Folder) -> None:
        self._backend.remove(folder.path)

    def _poll_if_silent(self, directory: str) -> None:
        mount = self._mounts.silent(directory)
        if mount and mount[0] not in self._scanner.trees:
            self._scanner.poll(mount[0], Reason("AP303", f"{mount[1]} has no file events"))
            if self._options.polling is None:
                self._hints.silent(*mount)

    def _watch_linked(self, nodes: Iterable[PathNode]) -> None:
        """Watch files with several names as such: they are also written under the others."""
        for node in nodes:
            if node.links == 1 or not node.registered or not self._scanner.is_near(node.path):
                continue
            entry = os.path.join(node.registered, node.name)
            if len(self._linked) >= _LINK_LIMIT or not os.path.isfile(entry):
                continue
            self._linked[entry] = node
            try:
                self._backend.add(entry, everything=True)
            except OSError:
                del self._linked[entry]  # The safety net still looks at it.

    def _unwatch_linked(self) -> None:
        for entry in [e for e, node in self._linked.items() if not self._map.holds(node)]:
            del self._linked[entry]
            self._backend.remove(entry)

    def _unreported(self) -> set[str]:
        """Paths whose events were read and are still held back."""
        return self._pending | {node.path for node in self._debouncer.ripe(math.inf)}

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            events = self._backend.wait(self._patience())
            for start in range(0, len(events), _SLICE):
                with self._lock:
                    changed = self._digest(events[start : start + _SLICE])
                self._hand_on(changed)
            if self._patience() == 0.0:
                self._hand_on(self._tick())
            if self._questions:
                self._answer()

    def _answer(self) -> None:
        """Answer the questions about which nothing is held back any more."""
        for question in list(self._questions):
            if question.held is None:
                if self._has_unread():
                    continue
                question.held = self._look_for_missed()
            with self._lock:
                question.held &= self._debouncer.held()
                if question.held or self._pending:
                    continue
                self._questions.remove(question)
            question.answer()

    def _has_unread(self) -> bool:
        """Whether events wait in the queue, although the last read returned none."""
        if self._backend.event_descriptor < 0:
            return False
        queue = select.poll()
        queue.register(self._backend.event_descriptor, select.POLLIN)
        return bool(queue.poll(0))

    def _look_for_missed(self) -> set[PathNode]:
        """Hold back what has changed and no event told of; returns all that is held back."""
        with self._lock:
            nodes = list(self._map.nodes.values())
        is_open = 0
        for start in range(0, len(nodes), _SLICE):
            # The loop must not wait for all of them.
            with self._lock:
                found = [*filter(self._scanner.differs, nodes[start : start + _SLICE])]
            for node in found:
                polled = node.registered and self._scanner.is_polled(node.registered)
                if not polled and is_open < _MOST_OPEN and is_being_written(node.path):
                    is_open += 1
                else:
                    with self._lock:
                        self._debouncer.add(node, STILL)
        with self._lock:
            grown = {p for folder in self._scanner.regrown() for p in self._map.rescan(folder)}
        self._hand_on(grown)
        with self._lock:
            return self._debouncer.held()

    def _hand_on(self, nodes: Iterable[PathNode]) -> None:
        with self._lock:
            paths = frozenset(node.path for node in nodes) | self._pending
            self._pending = set()
            paths = frozenset(path for path in paths if not self._is_unwanted(path))
            for node in nodes:
                self._map.forget_vanished(node)
        if paths:
            self._notify(paths)

    def _patience(self) -> float | None:
        """Seconds until something is due without an event."""
        with self._lock:
            if self._pending or any(question.held is None for question in self._questions):
                return 0.0
            due = self._debouncer.due() + self._scanner.due()
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _tick(self) -> set[PathNode]:
        now = time.monotonic()
        with self._lock:
            changed: set[PathNode] = set()
            for node in self._debouncer.ripe(now):
                changed |= self._report(node)
            for node in self._scanner.poll_round(now):
                self._debouncer.add(node, STILL)
            for folder in self._scanner.regrown():
                changed |= self._map.rescan(folder)
            for node in self._scanner.net_round(now):
                changed |= self._found_late(node)
        return changed

    # Events

    def _digest(self, events: Iterable[Event]) -> set[PathNode]:
        changed: set[PathNode] = set()
        for event in events:
            if event.kind is Kind.OVERFLOW:
                changed |= self._look_at_everything()
            elif event.directory in self._linked:
                # All other events of the file come from its directory.
                if event.kind is Kind.FINISHED:
                    changed |= self._report(self._linked[event.directory])
            else:
                changed |= self._happened(event)
        return changed

    def _happened(self, event: Event) -> set[PathNode]:
        folder = self._map.folders.get(event.directory)
        if folder is None:
            return set()
        if event.kind is Kind.LOST or not event.name:
            return self._concerns(self._map.owners(folder), Kind.GONE)
        nodes = folder.names.get(event.name, ())
        changed = self._concerns(set(nodes), event.kind)
        if folder.walkers and _is_final(event.kind, folder.path, event.name):
            discovered = self._map.discover(folder, event.name)
            if discovered:
                self._scanner.renew()
            changed |= discovered
        return changed

    def _concerns(self, nodes: Iterable[PathNode], kind: Kind) -> set[PathNode]:
        changed: set[PathNode] = set()
        for node in nodes:
            if _is_final(kind, node.registered, node.name):
                changed |= self._report(node)
            else:
                wait = STILL if kind is Kind.CREATED else _RETURN
                self._debouncer.add(node, wait, is_gone=kind is Kind.GONE)
        return changed

    def _report(self, node: PathNode) -> set[PathNode]:
        self._debouncer.discard(node)
        if not self._map.holds(node):
            return set()
        changed = self._map.refresh(node)
        self._watch_linked(changed)
        self._scanner.edited(changed)
        return changed

    def _look_at_everything(self) -> set[PathNode]:
        """After lost events: whatever is not as it was has changed."""
        changed: set[PathNode] = set()
        for node in list(self._map.nodes.values()):
            if self._map.current_stamp(node) != node.stamp:
                changed |= self._report(node)
        for folder in list(self._map.folders.values()):
            if folder.walkers:
                changed |= self._map.rescan(folder)
        return changed

    def _found_late(self, node: PathNode) -> set[PathNode]:
        """Poll this tree from now on, as the safety net came first."""
        if node.links == 1 and not is_being_written(node.path):
            self._missed += 1
            tree = self._scanner.tree_of(node)
            self._scanner.poll(tree, Reason("AP306", "events were missed"))
            self._hints.missed(node.path, tree)
        # Otherwise it was written under a name made since, which is watched from now on; or
        # its writer keeps it open, and the event is still to come.
        return self._report(node)


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
