"""All checkpoints of the command, and which of them a change can be resumed from.

Two lines are kept: that of the live child, and that of the latest attempt, which
may share its beginning. When an attempt becomes live the other line's rest goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from ...exhaustive import assert_never
from ...protocol import messages as m
from ...protocol.channel import Channel, ChannelClosed
from ...protocol.codec import MessageError
from ...protocol.probes import Probe
from ...protocol.reasons import Reason
from .. import outgoing
from ..processes import go_on
from .line import BEFORE, Checkpoint, Line, Spare

#: Making the code objects of so few modules takes no time that anybody would notice.
_FEW = 30


class CheckpointPool:
    """All checkpoints of the command: keeps them, forks them, and reads what they send."""

    def __init__(
        self, *, ended: Callable[[int, int], None], lost: Callable[[Checkpoint], None]
    ) -> None:
        """``ended`` is called for processes made from checkpoints, ``lost`` for a checkpoint."""
        self._ended = ended
        self._lost = lost
        #: Told of a checkpoint that has read the code of so many modules.
        self.code_read: Callable[[Checkpoint, int], None] = lambda _copy, _modules: None
        self._live = Line(0)
        self._attempt = Line(0)
        self._superseded: list[Checkpoint] = []
        #: Told to end. One that is stopped, or whose exit handlers take long, is not gone yet.
        self._leaving: list[Checkpoint] = []
        self._tokens = 0
        #: Checkpoints of starts before this one are resumed no more.
        self._oldest = 0
        #: Why checkpoints could not be taken in the latest start.
        self._refusals: dict[Reason, None] = {}

    # -- lines --------------------------------------------------------------

    def begin(self, generation: int, base: Checkpoint | None, *, swapped: bool = False) -> None:
        """A child starts, from ``base`` or from nothing.

        ``swapped``: its function bodies are exchanged, so that ``base`` and what
        stands before it differ from the disk.
        """
        kept: list[Checkpoint] = []
        keepers: list[Checkpoint] = []
        for line in (self._attempt, self._live):
            if base is not None and base in line.frozen:
                kept = line.frozen[: line.frozen.index(base) + 1]
                keepers = [copy for copy in line.keepers if copy.elapsed <= base.elapsed]
                break
        self._replace_attempt(Line(generation, kept, keepers=keepers, swapped=swapped))
        self._refusals.clear()

    def add(self, generation: int, copy: Checkpoint) -> None:
        """A child has left a checkpoint behind."""
        if generation != self._attempt.generation:
            self._dissolve(copy)
            return
        base = self._attempt.base[-1:]
        copy.has_code = any(each.has_code for each in base)
        self._attempt.append(copy)
        self._watch(copy)

    def refused(self, message: m.Refused) -> bool:
        """No checkpoint could be taken; returns whether the reason is new in this start."""
        is_new = message.reason not in self._refusals
        self._refusals[message.reason] = None
        return is_new

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """Why checkpoints could not be taken in the latest start."""
        return tuple(self._refusals)

    def confirm(self, generation: int) -> None:
        """The child of the latest attempt is live; the former line's rest goes."""
        if generation != self._attempt.generation:
            return
        former, self._live = self._live, self._attempt
        self._superseded += former.processes

    def sweep(self) -> None:
        """Let the checkpoints go that :meth:`confirm` has made superfluous.

        Not at once: a large process takes the kernel 10 ms and more to take apart, just
        when the first request comes.
        """
        superseded, self._superseded = self._superseded, []
        for copy in reversed(superseded):
            self._drop_if_unused(copy)

    def keep_only(self, generation: int) -> list[Checkpoint]:
        """Let every checkpoint go that does not belong to the child of this generation.

        With 0 there is no such child: what stays is what the latest start stood on. Returns
        the checkpoints that have exit handlers to run before they are gone.
        """
        before = self.all()
        if generation != self._live.generation:
            self._live = Line(0)
        if not generation:
            self._attempt.frozen = [c for c in self._attempt.frozen if c in self._attempt.base]
        self._superseded.clear()
        dropped = [c for c in before if c not in (*self._live.frozen, *self._attempt.frozen)]
        for copy in reversed(dropped):
            self._dissolve(copy)
        return [copy for copy in dropped if copy.handlers and not copy.ended]

    @property
    def is_ending(self) -> bool:
        """Whether checkpoints of an older start have yet to run their exit handlers."""
        return any(copy.handlers and not copy.ended for copy in self._superseded)

    def distrust_before(self, generation: int) -> None:
        """Resume no checkpoint of a start before this one, whatever has changed."""
        self._oldest = generation

    def recorded(self, generation: int) -> None:
        """Note that the files of the latest attempt were compared with the disk."""
        if generation == self._attempt.generation:
            for copy in self._attempt.frozen:
                copy.loaded = ()

    def best(
        self,
        dirty: Collection[str | Probe],
        since_attempt: Collection[str | Probe],
        *,
        early: bool = False,
    ) -> Checkpoint | None:
        """The latest checkpoint that is good for a change, or ``None``.

        ``dirty`` is what differs from the files that the live line was loaded
        from, ``since_attempt`` what differs from those of the latest attempt.
        ``early``: any code of the project's may depend on the change.
        """
        from_live: list[Checkpoint] = []
        if self._is_trusted(self._live):
            from_live = _current(self._live.frozen[: self._live.good_for(dirty)])
        from_attempt: list[Checkpoint] = []
        if self._is_trusted(self._attempt) and not self._attempt.swapped:
            from_attempt = self._attempt.frozen[: self._attempt.good_for(since_attempt)]
            from_attempt = _current(from_attempt)
        longer = from_attempt if len(from_attempt) >= len(from_live) else from_live
        if early:
            longer = [copy for copy in longer[:1] if copy.label in (m.PROGRAM, m.SETTINGS)]
        return longer[-1] if longer else None

    def ready(self) -> Checkpoint | None:
        """The checkpoint of the live line in which everything is loaded, if there is one."""
        last = self._live.frozen[-1:] if self._is_trusted(self._live) else []
        return last[0] if last and last[0].label == m.READY else None

    def probes(self) -> frozenset[Probe]:
        """The probes of the processes of which there are checkpoints."""
        return frozenset().union(*(_probes(copy.segment) for copy in self.all()))

    def renew(self, changed: Collection[Probe]) -> None:
        """The program itself has changed what these probes find: that is no other input."""
        for line in {self._live, self._attempt} if changed else ():
            line.renew(changed)

    def is_concerned(self, stale: Collection[Probe]) -> bool:
        """Whether the live line has made one of these probes before its last checkpoint."""
        return self._live.good_for(stale) < len(self._live.frozen)

    def has_loaded(self, path: str) -> bool:
        """Whether the live line used this file before its last checkpoint."""
        return any(path in copy.segment for copy in self._live.frozen)

    def forget(self, paths: Collection[str]) -> None:
        """Do without the checkpoints that have used these files, whose content is in doubt."""
        for line in {self._live, self._attempt}:
            for copy in line.cut(paths):
                self._drop_if_unused(copy)

    def lost(self, copy: Checkpoint) -> None:
        """A checkpoint has ended by itself."""
        copy.ended = True
        self._unwatch(copy)
        copy.channel.close()
        if copy in self._leaving:
            self._leaving.remove(copy)
        for line in {self._live, self._attempt}:
            if copy in line.frozen:
                line.remove(copy)
            if copy in line.keepers:
                line.keepers.remove(copy)

    def thin_out(self, limit: int) -> None:
        """Keep the number of checkpoints within the limit; the least useful go first."""
        for line in (self._live, self._attempt):
            while len(line.frozen) > limit and self.drop_one(line, frees_memory=False):
                pass

    def drop_one(self, line: Line | None = None, *, frees_memory: bool = True) -> Checkpoint | None:
        """Let the least useful checkpoint of a line go (``None``: the live one); returns it.

        ``frees_memory``: its process is to end, too.
        """
        return self._let_go((line or self._live).least_useful(frees_memory=frees_memory))

    def drop_least_worth(self, weights: Mapping[Checkpoint, float]) -> Checkpoint | None:
        """Let the live line's checkpoint go that is least worth its memory; returns it."""
        return self._let_go(self._live.least_worth(weights))

    def _let_go(self, copy: Checkpoint | None) -> Checkpoint | None:
        if copy is None:
            return None
        for each in {self._live, self._attempt}:
            if copy in each.frozen:
                each.remove(copy)
                if copy.handlers:
                    each.keepers.append(copy)
        if copy.handlers:
            _drop_spare(copy)
        else:
            self._dissolve(copy)
        return copy

    def all(self) -> list[Checkpoint]:
        """Every checkpoint, oldest first, those of the live line before others."""
        lines = (*self._live.processes, *self._attempt.processes)
        return list(dict.fromkeys((*lines, *(c for c in self._superseded if not c.ended))))

    @property
    def live(self) -> list[Checkpoint]:
        """The checkpoints of the live child's line."""
        return self._live.frozen

    # -- orders -------------------------------------------------------------

    def fork(self, copy: Checkpoint) -> Spare | None:
        """Have a process made from a checkpoint, or take the one that is waiting."""
        spare, copy.spare = copy.spare, None
        # Nobody but a checkpoint itself knows that it is to be woken. Later: the order comes first.
        loop = asyncio.get_running_loop()
        for stopped in (copy, spare) if spare is not None else (copy,):
            loop.call_soon(go_on, stopped.pid)
        if spare is not None:
            return spare
        self._tokens += 1
        ours, theirs = Channel.pair()
        try:
            outgoing.send(copy.channel, m.Fork(self._tokens), [theirs.fileno()])
        except ChannelClosed:
            ours.close()
            return None
        finally:
            theirs.close()
        return Spare(self._tokens, ours)

    def prepare(self, copy: Checkpoint) -> None:
        """Have a process made in advance."""
        if copy.spare is None and not copy.ended:
            copy.spare = self.fork(copy)

    def make_anew(self, copy: Checkpoint) -> None:
        """In place of a process made in advance, have one made that has what came since."""
        if copy.spare is not None:
            _drop_spare(copy)
            self.prepare(copy)

    def compute(self, copy: Checkpoint, uses: Sequence[str]) -> None:
        """Have a checkpoint compute tables; a process made from it before lacks them."""
        _drop_spare(copy)
        with contextlib.suppress(ChannelClosed):
            outgoing.send(copy.channel, m.Compute(tuple(uses)))

    def read_code(self) -> None:
        """Have the checkpoint that the next edit of the same file resumes read what follows it.

        The checkpoints taken in the processes resumed from it then have that, too.
        """
        line = self._live
        first = max(len(line.base) - 1, 0)
        for index, copy in enumerate(line.frozen[first:], first):
            if copy.label.startswith(BEFORE):
                if not (line.swapped or copy.has_code):
                    copy.has_code = True
                    self._order_code(copy, line.frozen[index + 1 :])
                return

    def _order_code(self, copy: Checkpoint, following: Iterable[Checkpoint]) -> None:
        paths = [path for later in following for path in sorted(_sources(later.segment))]
        if len(paths) > _FEW:
            with contextlib.suppress(ChannelClosed):
                outgoing.send(copy.channel, m.ReadCode(tuple(paths)))

    @property
    def leaving(self) -> list[Checkpoint]:
        """The checkpoints that were let go and have not ended."""
        return [*self._leaving]

    def dissolve_all(self) -> None:
        """The command ends: newest first, as their state was built up."""
        for copy in self._leaving:
            go_on(copy.pid)
        copies = self.all()
        self._live, self._attempt, self._superseded = Line(0), Line(0), []
        for copy in reversed(copies):
            self._dissolve(copy)

    # -- what the copies say ------------------------------------------------

    def _watch(self, copy: Checkpoint) -> None:
        asyncio.get_running_loop().add_reader(copy.channel, self._read, copy)

    def _unwatch(self, copy: Checkpoint) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(copy.channel)
        loop.remove_writer(copy.channel)

    def _read(self, copy: Checkpoint) -> None:
        try:
            for message, _ in copy.channel.drain():
                self._received(copy, message)
        except ChannelClosed:
            self._drop(copy)
        except MessageError as error:
            self._drop(copy, str(error))
        except Exception:  # noqa: BLE001 - the command goes on without this checkpoint
            self._drop(copy, traceback.format_exc())

    def _drop(self, copy: Checkpoint, problem: str = "") -> None:
        copy.problem = problem
        self.lost(copy)
        self._lost(copy)

    def _received(self, copy: Checkpoint, message: m.Message) -> None:
        if not isinstance(message, m.FromCheckpoint):
            return
        match message:
            case m.Exited():
                self._ended(message.pid, message.status)
            case m.CodeRead():
                self.code_read(copy, message.modules)
            case m.Forked():
                if copy.spare is not None and copy.spare.token == message.token:
                    copy.spare.pid = message.pid
            case _:
                assert_never(message)

    def _is_trusted(self, line: Line) -> bool:
        return line.generation >= self._oldest

    def _replace_attempt(self, line: Line) -> None:
        former, self._attempt = self._attempt, line
        if former is not self._live:
            self._drop_unused(former)

    def _drop_unused(self, line: Line) -> None:
        for copy in reversed(line.processes):
            self._drop_if_unused(copy)

    def _drop_if_unused(self, copy: Checkpoint) -> None:
        if copy not in (*self._live.processes, *self._attempt.processes):
            self._dissolve(copy)

    def _dissolve(self, copy: Checkpoint) -> None:
        if copy.ended or copy in self._leaving:
            return
        self._leaving.append(copy)
        _drop_spare(copy)
        go_on(copy.pid)
        with contextlib.suppress(ChannelClosed):
            outgoing.send(copy.channel, m.Dissolve())


@functools.lru_cache(maxsize=64)
def _probes(segment: frozenset[str | Probe]) -> frozenset[Probe]:
    return frozenset(item for item in segment if isinstance(item, Probe))


def _sources(segment: Iterable[str | Probe]) -> Iterator[str]:
    return (item for item in segment if isinstance(item, str) and item.endswith(".py"))


def _drop_spare(copy: Checkpoint) -> None:
    if copy.spare is not None:
        go_on(copy.spare.pid)
        copy.spare.channel.close()
        copy.spare = None


def _current(copies: list[Checkpoint]) -> list[Checkpoint]:
    """Those up to the last one that has open what a fresh start would open."""
    last = len(copies)
    while last and copies[last - 1].replaced():
        last -= 1
    return copies[:last]
