"""Which code the disk holds, compared with the code that runs.

The baseline is what the live child was made from; ``dirty`` is where the disk
differs from it. Two comparisons with the same disk give the same ``dirty``, so a save
without a change, or a branch switched there and back, is recognised as nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from ..failure.from_process import from_syntax_error
from ..own_code import OwnCode
from ..protocol.failure import Failure
from ..protocol.messages import Loaded, LoadedFile
from ..protocol.probes import EXISTS, STATUS, Probe
from ..watcher import Baseline, Change, Targets
from .compiled import Compiled

#: Compiling more files than this takes longer than letting the child find out.
_MOST_COMPILED = 50
#: A file that was changed beside programs of so many starts in a row is written by each start.
#: Fewer may be saves of a developer who does not wait.
_WRITTEN_BY_EACH = 3


#: What a comparison of the changed files has shown, see :class:`.events.Inspected`.
Verdict = Literal["same", "known", "taken", "new", "syntax"]


class CodeState:
    """Everything known about the files of the program."""

    def __init__(self, own: OwnCode) -> None:
        #: Which files are the developer's own; replaced when the roots are known better.
        self.own = own
        #: Files that the user has excepted: they may be edited at any time.
        self.is_ignored: Callable[[str], bool] = lambda _path: False
        self.baseline = Baseline()
        self.compiled = Compiled()
        self.files: set[str] = set()
        self.missing: set[str] = set()
        self.globs: set[tuple[str, str]] = set()
        #: Paths that the program has probed, and nothing was there.
        self._sought: set[str] = set()
        #: Files that a process is known to have read, or looked for as modules: of all others
        #: that are watched nobody knows when they are used.
        self._read: set[str] = set()
        self.written: set[str] = set()
        #: Sources that the child under way has written itself, and what each start writes.
        self.generated: set[str] = set()
        #: What has changed while a program ran that the child under way had started.
        self._beside: set[str] = set()
        #: In how many starts in a row that was why the start was given up.
        self._times_beside: dict[str, int] = {}
        self.dirty: dict[str, Change] = {}
        #: The module made from a file.
        self.modules: dict[str, str] = {}
        #: Where the disk differed when it was last decided about.
        self._decided: dict[str, Change] = {}
        #: Where it differed when the latest child was started.
        self._start: dict[str, Change] = {}
        #: Written since the latest start, were it with the same content.
        self._rewritten: set[str] = set()
        #: What the checkpoints were loaded from, where the live child has since
        #: been given other function bodies.
        self._originals: dict[str, bytes] = {}
        #: Changes that the live child has taken, and the checkpoints have not.
        self._taken: set[str] = set()

    def add(self, loaded: Loaded) -> bool:
        """Add files that a child has loaded; returns whether there is more to watch now."""
        before = self._extent()
        self.files.update(item.path for item in loaded.files)
        self.modules.update((item.path, item.module) for item in loaded.files if item.module)
        self._read.update(item.path for item in loaded.files if item.time or item.module)
        self._read.update(loaded.missing)
        self._add_probes(loaded.probes)
        self._add_probes(loaded.changed_probes)
        self.missing.update(loaded.missing)
        self.missing -= self.files
        self.globs.update(loaded.globs)
        self.generated.update(path for path in loaded.written if path.endswith(".py"))
        for path in loaded.written:
            if path not in self.generated:
                self.written.add(path)
                self.dirty.pop(path, None)
        return self._extent() != before

    def _add_probes(self, probes: Iterable[Probe]) -> None:
        for probe in probes:
            if probe.answer or probe.how not in (EXISTS, STATUS):
                self._sought.discard(probe.path)
            else:
                self._sought.add(probe.path)
                self._read.add(probe.path)

    def _extent(self) -> tuple[int, ...]:
        kinds = (self.files, self.missing, self._sought, self.globs, self.written)
        return tuple(len(kind) for kind in kinds)

    def targets(self) -> Targets:
        """The paths and globs to be watched."""
        return Targets(
            files=frozenset(self.files - self.written),
            missing=frozenset({*self.missing, *filter(self.is_own, self._sought)} - self.written),
            globs=frozenset(self.globs),
            written=frozenset(self.written),
        )

    def record(self, items: Collection[LoadedFile]) -> frozenset[str]:
        """Take what a child loaded as known; returns what was edited meanwhile.

        Of an edited file nobody can say which content was loaded: it differs from
        whatever is on the disk and was decided about. So does one that was edited before
        it was loaded, and not looked at since: it is not what was decided about.
        """
        paths = {item.path for item in items}
        new = {path for path in paths - self.dirty.keys() if path not in self.baseline}
        self.baseline.record(new, keep_text=self.is_own)
        # In this order: an edit during the reading must not get in unseen.
        timed = [(item.path, item.time) for item in items if item.time]
        late = self.baseline.edited_since(timed)
        # A file written shortly before the start was compared at that time.
        edited = late & (new | self._rewritten | self._loaded_though_gone(items))
        edited |= {path for path in paths if self._is_rewritten(path)}
        edited -= self.written | self.generated
        edited = {path for path in edited if not self.is_ignored(path)}
        for path in edited:
            self._decided.pop(path, None)
            self._start.pop(path, None)
        self.baseline.doubt(edited)
        self.compare(edited)
        return frozenset(edited)

    def loaded(self) -> None:
        """The child under way has loaded everything: what it wrote for that is known."""
        self.baseline.record(self.generated & self.files, keep_text=self.is_own)
        for path in self.generated:
            self.dirty.pop(path, None)
            self._decided.pop(path, None)
        self.generated.clear()

    def _is_rewritten(self, path: str) -> bool:
        change = self.dirty.get(path)
        if change is None:
            return self.baseline.is_rewritten(path)
        return self.baseline.present_stamp(path) != change.stamp

    def _loaded_though_gone(self, items: Iterable[LoadedFile]) -> set[str]:
        """Modules whose file was there for a moment, though not at the last comparison."""
        gone = {path for path, change in self.dirty.items() if change.kind == "deleted"}
        return {item.path for item in items if item.module and item.path in gone}

    def compare(self, paths: Iterable[str]) -> None:
        """Compare these files, and those already known to differ, with the baseline."""
        for path in {*paths, *self.dirty} - self.written - self.generated:
            if self._is_rewritten(path):
                self._rewritten.add(path)
            change = self.baseline.compare(path)
            if change is None:
                self.dirty.pop(path, None)
            else:
                self.dirty[path] = change

    def decide(self) -> None:
        """Note that a decision was made about the disk as it was at the last comparison."""
        self._decided = dict(self.dirty)
        self.generated.clear()

    def changed_beside(self, paths: Iterable[str]) -> None:
        """These may have been changed by a program that the child under way has started."""
        self._beside.update(paths)

    def start(self) -> frozenset[str]:
        """A child is started from the disk as it was at the last comparison.

        Returns what is taken from now on as written by each start.
        """
        before = self._written_by_each()
        for path in _differing(self.dirty, self._start) & self._beside:
            self._times_beside[path] = self._times_beside.get(path, 0) + 1
        self._beside.clear()
        self.decide()
        self.generated = self._written_by_each()
        self._start = self._decided
        self._rewritten.clear()
        return frozenset(self.generated - before)

    def _written_by_each(self) -> set[str]:
        times = self._times_beside.items()
        return {path for path, number in times if number >= _WRITTEN_BY_EACH}

    def since_start(self) -> frozenset[str]:
        """Where the disk differs from what the checkpoints of the latest start may have loaded.

        What a program has taken while it ran counts, too: the checkpoints have not. So does
        what was written and written back: they may have loaded it in between.
        """
        return _differing(self.dirty, self._start) | self._rewritten | self._taken

    @property
    def changed_at_start(self) -> frozenset[str]:
        """Where the latest start differs from the code that was live before."""
        return frozenset(self._start)

    def verdict(self, *, live: bool) -> Verdict:
        """The verdict of the last comparison, as in :class:`.events.Inspected`.

        ``live``: there is a child made from the baseline, to which one can go back.
        :meth:`decide` notes that it was decided about.
        """
        if live and not self.dirty:
            return "same"
        # Before anything was live there is no baseline to compare with: whatever
        # differs from what failed is new.
        if _differing(self.dirty, self._decided):
            return "new"
        return "known" if self.dirty else "same"

    def settle(self, *, swapped: bool) -> None:
        """The child of the latest start is live.

        ``swapped``: by exchanging function bodies, so that the checkpoints still
        hold what they were loaded from.
        """
        start, self._start, self._decided = self._start, {}, {}
        self._beside.clear()
        self._times_beside = dict.fromkeys(self._written_by_each(), _WRITTEN_BY_EACH)
        if swapped:
            for path, change in start.items():
                original = self._originals.setdefault(path, self.baseline.text(path) or b"")
                if original == change.data:
                    del self._originals[path]
        else:
            self._originals.clear()
            self._taken.clear()
        self.baseline.accept(start.values())
        # An edit since then is still to be decided about.
        self.compare(start)

    @property
    def changed(self) -> frozenset[str]:
        """Where the disk differs from what the checkpoints were loaded from."""
        undone = {p for p in self._originals if self.current(p) == self._originals[p]}
        return frozenset((self.dirty.keys() | self._originals.keys()) - undone | self._taken)

    def unread(self, changed: Collection[str]) -> frozenset[str]:
        """Those of the changes of which nobody knows when, and by whom, the file was read.

        They are watched because somebody asked for it. What the running program has taken is
        its own affair.
        """
        return frozenset(changed) - self._read - self._taken

    @property
    def taken(self) -> frozenset[str]:
        """Changes that a process resumed from the ready checkpoint has to take."""
        return frozenset(self._taken - self.dirty.keys())

    def original(self, path: str) -> bytes | None:
        """The source that the checkpoints were loaded from, where it is known."""
        original = self._originals.get(path)
        return self.baseline.text(path) if original is None else original

    def current(self, path: str) -> bytes | None:
        """The source as it was at the last comparison."""
        change = self.dirty.get(path)
        return self.baseline.text(path) if change is None else change.data

    def was_missing(self, path: str) -> bool:
        """Whether the file that is there now was not when the live child was started."""
        return path in self.missing

    def take(self, changes: Collection[Change]) -> None:
        """The live child has taken these changes, as they were when it was asked."""
        self.baseline.accept(changes)
        paths = {change.path for change in changes}
        self._taken.update(paths)
        # These files may have been edited, and compared, since.
        self.compare(paths)

    def syntax_failure(self) -> Failure | None:
        """The first changed source that does not compile."""
        sources = [path for path, change in self.dirty.items() if _is_source(path, change)]
        if len(sources) > _MOST_COMPILED:
            return None
        for path in sorted(sources):
            try:
                self.compiled.get(path, self.dirty[path].data or b"")
            except (SyntaxError, ValueError) as error:
                return from_syntax_error(path, error)
        return None

    def is_new(self, path: str) -> bool:
        """Whether a file is the developer's own, and nothing is known of it yet."""
        return path not in self.baseline and path not in self.written and self.is_own(path)

    def is_own(self, path: str) -> bool:
        """Whether a file is the developer's own, not a library's."""
        return self.own.owns(path)


def _is_source(path: str, change: Change) -> bool:
    return path.endswith(".py") and change.kind != "deleted" and change.data is not None


def _differing(one: dict[str, Change], other: dict[str, Change]) -> frozenset[str]:
    now, then = _digests(one), _digests(other)
    return frozenset(p for p in now.keys() | then.keys() if now.get(p) != then.get(p))


def _digests(changes: dict[str, Change]) -> dict[str, bytes]:
    return {
        path: hashlib.blake2b(change.data or b"", person=change.kind[:16].encode()).digest()
        for path, change in changes.items()
    }
