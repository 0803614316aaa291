"""The frozen copies, and which of them a change can be resumed from.

The start of a program is one line of imports. Each frozen copy stands at a point
of that line and knows its segment: the files that were first used between the
copy before it and itself. A copy is good for a change when none of the changed
files lies in its segment or in an earlier one.

Two lines are kept: that of the live child, and that of the latest attempt, which
may share its beginning. When an attempt becomes live the other line's rest goes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.codec import MessageError

#: Points that are kept while others are thinned out.
_NAMED = ("settings", "apps", "setup", m.READY)
#: So many of the lately edited files keep the copy before their import.
_EDITED = 3


@dataclass(eq=False)
class Spare:
    """A process made from a frozen copy, waiting to go on."""

    token: int
    channel: Channel
    pid: int = 0
    waiting: bool = False

    def is_asleep(self) -> bool:
        """Whether it certainly sleeps, waiting for its order, and runs nothing.

        Once it has said that it waits, the one system call it can be found in is
        the one that receives the order (the format is that of proc_pid_syscall(5)).
        """
        if not self.waiting:
            with contextlib.suppress(ChannelClosed, MessageError):
                self.waiting = any(isinstance(m_, m.Waiting) for m_, _ in self.channel.drain())
        if not (self.waiting and self.pid):
            return False
        path = f"/proc/{self.pid}/syscall"
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            return file.read().split()[0] not in ("running", "-1")
        return False


@dataclass(eq=False)
class Frozen:
    """One frozen copy."""

    label: str
    pid: int
    channel: Channel
    segment: frozenset[str]
    #: Import time from the start of the program to this point, in seconds.
    elapsed: float = 0.0
    #: It holds exit handlers, so it has to stay as long as its line does.
    handlers: bool = False
    #: What the process had loaded by then and nobody has compared with the disk yet.
    reports: tuple[m.Loaded, ...] = ()
    spare: Spare | None = None
    gone: bool = False


class Line:
    """The frozen copies of one start, oldest first."""

    def __init__(
        self, generation: int, frozen: Iterable[Frozen] = (), *, swapped: bool = False
    ) -> None:
        self.generation = generation
        self.swapped = swapped
        self.frozen = list(frozen)
        #: Segments of copies that are gone, for the next one that comes.
        self._tail: frozenset[str] = frozenset()

    def good_for(self, changed: Collection[str]) -> int:
        """How many of the copies precede every use of the changed files."""
        changed = set(changed)
        count = 0
        for copy in self.frozen:
            if not changed.isdisjoint(copy.segment):
                break
            count += 1
        return count

    def append(self, copy: Frozen) -> None:
        """The start has come to a further point."""
        copy.segment |= self._tail
        self._tail = frozenset()
        self.frozen.append(copy)

    def remove(self, copy: Frozen) -> None:
        """Do without a copy: its segment becomes part of the next one's."""
        index = self.frozen.index(copy)
        del self.frozen[index]
        if index < len(self.frozen):
            self.frozen[index].segment |= copy.segment
        else:
            self._tail |= copy.segment

    def cut(self, paths: Collection[str]) -> list[Frozen]:
        """Do without the copies that have used these files; returns them."""
        gone = self.frozen[self.good_for(paths) :]
        # Backwards: the process that goes on is still the one that has used them.
        for copy in reversed(gone):
            self.remove(copy)
        return gone

    def least_useful(self) -> Frozen | None:
        """The copy whose loss costs the least import time; ``None``: all are needed.

        Named points, and those before lately edited files, go after all others.
        """
        edited = [copy for copy in self.frozen if copy.label.startswith("before ")]
        kept = [c for c in self.frozen if c.label in _NAMED or c in edited[-_EDITED:]]
        return self._cheapest(except_for=kept) or self._cheapest(except_for=())

    def _cheapest(self, *, except_for: Collection[Frozen]) -> Frozen | None:
        best, least = None, float("inf")
        for index, copy in enumerate(self.frozen[:-1]):
            if copy.handlers or copy in except_for:
                continue
            before = self.frozen[index - 1].elapsed if index else 0.0
            gap = self.frozen[index + 1].elapsed - before
            if gap < least:
                best, least = copy, gap
        return best


class Checkpoints:
    """All frozen copies of the command."""

    def __init__(self, watch: Callable[[Frozen], None], unwatch: Callable[[Frozen], None]) -> None:
        self._watch = watch
        self._unwatch = unwatch
        self._live = Line(0)
        self._attempt = Line(0)
        self._superseded: list[Frozen] = []
        self._tokens = 0
        #: Why no copy could be taken, by label, in the latest start.
        self.refusals: dict[str, str] = {}

    # -- lines --------------------------------------------------------------

    def begin(self, generation: int, base: Frozen | None, *, swapped: bool = False) -> None:
        """A child starts, from ``base`` or from nothing.

        ``swapped``: its function bodies are exchanged, so that ``base`` and what
        stands before it differ from the disk.
        """
        kept: list[Frozen] = []
        for line in (self._attempt, self._live):
            if base is not None and base in line.frozen:
                kept = line.frozen[: line.frozen.index(base) + 1]
                break
        self._replace_attempt(Line(generation, kept, swapped=swapped))
        self.refusals.clear()

    def add(self, generation: int, copy: Frozen) -> None:
        """A child has left a copy behind."""
        if generation != self._attempt.generation:
            self._dissolve(copy)
            return
        self._attempt.append(copy)
        self._watch(copy)

    def confirm(self, generation: int) -> None:
        """The child of the latest attempt is live; the former line's rest goes."""
        if generation != self._attempt.generation:
            return
        former, self._live = self._live, self._attempt
        self._superseded += former.frozen

    def sweep(self) -> None:
        """Let the copies go that :meth:`confirm` has made superfluous.

        Not at once: a large process takes the kernel 10 ms and more to take apart, just
        when the first request comes.
        """
        superseded, self._superseded = self._superseded, []
        for copy in reversed(superseded):
            self._drop_if_unused(copy)

    def recorded(self, generation: int) -> None:
        """What the child of the latest attempt has loaded was compared with the disk."""
        if generation == self._attempt.generation:
            for copy in self._attempt.frozen:
                copy.reports = ()

    def best(self, dirty: Collection[str], since_attempt: Collection[str]) -> Frozen | None:
        """The latest copy that is good for a change, or ``None``.

        ``dirty`` is what differs from the files that the live line was loaded
        from, ``since_attempt`` what differs from those of the latest attempt.
        """
        from_live = self._live.frozen[: self._live.good_for(dirty)]
        from_attempt: list[Frozen] = []
        if not self._attempt.swapped:
            from_attempt = self._attempt.frozen[: self._attempt.good_for(since_attempt)]
        longer = from_attempt if len(from_attempt) >= len(from_live) else from_live
        return longer[-1] if longer else None

    def ready(self) -> Frozen | None:
        """The copy of the live line in which everything is loaded, if there is one."""
        last = self._live.frozen[-1:]
        return last[0] if last and last[0].label == m.READY else None

    def has_loaded(self, path: str) -> bool:
        """Whether the live line used this file before its last copy."""
        return any(path in copy.segment for copy in self._live.frozen)

    def forget(self, paths: Collection[str]) -> None:
        """What was loaded from these files is in doubt: so is every copy after it."""
        for line in {self._live, self._attempt}:
            for copy in line.cut(paths):
                self._drop_if_unused(copy)

    def lost(self, copy: Frozen) -> None:
        """A frozen copy has ended by itself."""
        copy.gone = True
        self._unwatch(copy)
        copy.channel.close()
        for line in {self._live, self._attempt}:
            if copy in line.frozen:
                line.remove(copy)

    def thin_out(self, limit: int) -> None:
        """Keep the number of copies within the limit; the least useful go first."""
        for line in (self._live, self._attempt):
            while len(line.frozen) > limit and self.drop_one(line):
                pass

    def drop_one(self, line: Line | None = None) -> Frozen | None:
        """Let the least useful copy of a line go (``None``: the live one); returns it."""
        copy = (line or self._live).least_useful()
        if copy is None:
            return None
        for each in {self._live, self._attempt}:
            if copy in each.frozen:
                each.remove(copy)
        self._dissolve(copy)
        return copy

    def all(self) -> list[Frozen]:
        """Every copy, oldest first, those of the live line before others."""
        lines = (*self._live.frozen, *self._attempt.frozen)
        return list(dict.fromkeys((*lines, *(c for c in self._superseded if not c.gone))))

    @property
    def live(self) -> list[Frozen]:
        """The copies of the live child's line."""
        return self._live.frozen

    # -- orders -------------------------------------------------------------

    def fork(self, copy: Frozen) -> Spare | None:
        """Have a process made from a copy, or take the one that is waiting."""
        spare, copy.spare = copy.spare, None
        if spare is not None:
            return spare
        self._tokens += 1
        ours, theirs = Channel.pair()
        try:
            copy.channel.send(m.Fork(self._tokens), [theirs.fileno()])
        except ChannelClosed:
            ours.close()
            return None
        finally:
            theirs.close()
        return Spare(self._tokens, ours)

    def prepare(self, copy: Frozen) -> None:
        """Have a process made in advance."""
        if copy.spare is None and not copy.gone:
            copy.spare = self.fork(copy)

    def compute(self, copy: Frozen, languages: Sequence[str]) -> None:
        """Have a copy compute tables; a process made from it before lacks them."""
        if copy.spare is not None:
            copy.spare.channel.close()
            copy.spare = None
        with contextlib.suppress(ChannelClosed):
            copy.channel.send(m.Compute(tuple(languages)))

    def dissolve_all(self) -> None:
        """The command ends: newest first, as their state was built up."""
        copies = self.all()
        self._live, self._attempt, self._superseded = Line(0), Line(0), []
        for copy in reversed(copies):
            self._dissolve(copy)

    def _replace_attempt(self, line: Line) -> None:
        former, self._attempt = self._attempt, line
        if former is not self._live:
            self._drop_unused(former)

    def _drop_unused(self, line: Line) -> None:
        for copy in reversed(line.frozen):
            self._drop_if_unused(copy)

    def _drop_if_unused(self, copy: Frozen) -> None:
        if copy not in self._live.frozen and copy not in self._attempt.frozen:
            self._dissolve(copy)

    def _dissolve(self, copy: Frozen) -> None:
        if copy.gone:
            return
        if copy.spare is not None:
            copy.spare.channel.close()
            copy.spare = None
        with contextlib.suppress(ChannelClosed):
            copy.channel.send(m.Dissolve())
