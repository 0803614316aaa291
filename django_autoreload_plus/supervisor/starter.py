"""Starts children: from a frozen copy where one is good enough, else afresh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Collection, Mapping
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.codec import MessageError
from ..protocol.launch import ChildLaunch
from ..protocol.memory import private_memory
from .checkpoints import READY, Checkpoints, Frozen
from .process import Child, spawn
from .swaps import Swaps
from .warmth import Warmth

if TYPE_CHECKING:
    from .core import Supervisor

#: The modules edited last get a checkpoint just before their import.
_MOST_STOPS = 3
#: By then the first requests after a save have been answered, in seconds.
_UNTIL_SERVED = 0.15
#: And by then the copy in which all is loaded has finished its preparations.
_UNTIL_WEIGHED = 1.0


class Starter:
    """Makes the next child, and keeps what makes the one after it fast."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.checkpoints = Checkpoints(self._watch, self._unwatch)
        self.warmth = Warmth(lambda: supervisor.loop)
        self._swaps = Swaps(supervisor.code)
        self._stops: list[str] = []
        self._edited: list[str] = []
        self._languages: dict[str, None] = {}
        self._since: frozenset[str] = frozenset()
        #: The child made last from a copy, and that copy.
        self._ordered: tuple[Frozen, Child] | None = None
        #: The copies that the terminal has been told about.
        self._told: list[str] = []
        self._weighing: asyncio.Task[None] | None = None

    def start(self, generation: int, *, swap: bool = True) -> None:
        """Start the program with the files as they are now.

        ``swap``: try whether exchanging function bodies is enough.
        """
        supervisor = self._supervisor
        code = supervisor.code
        self._remember(code.dirty)
        supervisor.trail.clear()
        _discard_bytecode(code.changed)
        child = self._swapped(generation) if swap else None
        if child is None:
            child = self._resumed(generation) or self._spawn(generation)
        supervisor.children[generation] = child
        supervisor.loop.add_reader(child.channel, supervisor.hearing.hear, child)
        limit = supervisor.options.start_timeout
        if limit:
            supervisor.loop.call_later(limit, supervisor.timed_out, child)

    def swap_refused(self, child: Child, reason: str) -> None:
        """The bodies cannot be exchanged after all: import what changed."""
        supervisor = self._supervisor
        supervisor.terminal.note(f"  imported again: {reason}", verbosity=2)
        supervisor.loop.remove_reader(child.channel)
        child.channel.close()
        self.start(child.generation, swap=False)

    def attempt(self, since: Collection[str]) -> None:
        """Where the disk differs from what the latest attempt was started from."""
        self._since = frozenset(since)

    def is_cheap(self) -> bool:
        """Whether a start now costs so little that waiting would cost more."""
        return self._may_resume() and self._best() is not None

    def live(self, child: Child) -> None:
        """A child made here is live: bring the copies into order behind it."""
        child.live_since = time.monotonic()
        self.checkpoints.confirm(child.generation)
        self._supervisor.loop.call_later(_UNTIL_SERVED, self._tidy, child)

    def answered(self, child: Child) -> None:
        """The child has answered its first request."""
        ready = self.checkpoints.ready()
        if self._serves(child) and ready is not None and child.pid_is_certain:
            age = time.monotonic() - child.live_since
            self.warmth.answered(ready.label, child.pid, age)

    def used(self, languages: Collection[str]) -> None:
        """Requests came in these languages: what they need is there before the next save."""
        new = [language for language in languages if language not in self._languages]
        self._languages.update(dict.fromkeys(new))
        ready = self.checkpoints.ready()
        if ready is not None and new:
            self.checkpoints.compute(ready, new)
            self._supervisor.loop.call_soon(self.checkpoints.prepare, ready)

    def froze(self, child: Child, message: m.Froze, descriptor: int) -> None:
        """A starting child has left a frozen copy behind."""
        copy = Frozen(
            message.label,
            message.pid,
            Channel(socket.socket(fileno=descriptor)),
            frozenset(child.segment),
            message.elapsed,
            message.handlers,
            tuple(child.loaded),
        )
        if message.label != READY:
            # Of the copy where all is loaded, what was known of the last one is good enough
            # until a child has answered.
            self.warmth.discard(message.label)
        child.segment = set()
        child.pid_is_certain = False
        self.checkpoints.add(child.generation, copy)
        self.checkpoints.thin_out(2 * self._supervisor.options.checkpoint_limit)

    def _may_resume(self) -> bool:
        options = self._supervisor.options
        return options.checkpoints and options.checkpoint_limit > 0

    def _best(self) -> Frozen | None:
        return self.checkpoints.best(self._supervisor.code.changed, self._since)

    def _swapped(self, generation: int) -> Child | None:
        """A child whose function bodies are exchanged, if nothing else changed."""
        supervisor = self._supervisor
        ready = self.checkpoints.ready()
        if ready is None or not (self._may_resume() and supervisor.options.swap):
            return None
        edited = supervisor.code.changed - supervisor.code.taken
        paths = [path for path in edited if self.checkpoints.has_loaded(path)]
        swaps = self._swaps.plan(paths)
        if isinstance(swaps, str):
            supervisor.terminal.note(f"  imported again: {swaps}", verbosity=2)
            return None
        supervisor.journey.mark("compiled")
        self.checkpoints.begin(generation, ready, swapped=True)
        return self._resume(ready, generation, swaps)

    def _resumed(self, generation: int) -> Child | None:
        while self._may_resume() and (base := self._best()) is not None:
            self.checkpoints.begin(generation, base)
            child = self._resume(base, generation)
            if child is not None:
                return child
            # It has been killed, and nobody has heard of it yet.
            self.checkpoints.lost(base)
        self.checkpoints.begin(generation, None)
        return None

    def _spawn(self, generation: int) -> Child:
        supervisor = self._supervisor
        launch = supervisor.launch
        self.warmth.forget()
        told = ChildLaunch(
            generation,
            launch.plugin,
            launch.plugin_after,
            first=not supervisor.announced,
            checkpoints=self._may_resume(),
            swap=supervisor.options.swap,
            changed=tuple(sorted(supervisor.code.changed)),
        )
        channel, process = spawn(launch.entry, supervisor.reception.gate, supervisor.trail, told)
        supervisor.reaper.add(process)
        return Child(generation, process.pid, channel)

    def _resume(
        self, base: Frozen, generation: int, swaps: tuple[m.Swap, ...] | None = None
    ) -> Child | None:
        supervisor = self._supervisor
        process = self.checkpoints.fork(base)
        if process is None:
            return None
        sockets = supervisor.reception.listeners.addresses()
        order = m.Go(
            generation,
            tuple(sorted(supervisor.code.changed)),
            tuple(self._stops),
            tuple(self._edited),
            not supervisor.announced,
            self._may_resume(),
            swaps or (),
            tuple(self._languages),
            tuple(sorted(supervisor.code.taken)) if swaps is not None else (),
            tuple(m.Listen(*address) for address in sockets),
            learn=swaps is None and not self.warmth.knows(base),
        )
        try:
            process.channel.send(order, [held.fileno() for held in sockets.values()])
        except ChannelClosed:
            process.channel.close()
            return None
        child = Child(
            generation,
            process.pid,
            process.channel,
            list(base.reports),
            pid_is_certain=False,
            origin=f"{base.label}, function bodies exchanged" if swaps else base.label,
            swapped=swaps is not None,
        )
        self._ordered = base, child
        return child

    def _tidy(self, child: Child) -> None:
        options = self._supervisor.options
        self.checkpoints.sweep()
        self.checkpoints.thin_out(options.checkpoint_limit if options.checkpoints else 0)
        self._make_spares(child)
        if self._serves(child) and self._may_resume():
            if self._weighing is not None:
                self._weighing.cancel()
            self._weighing = self._supervisor.loop.create_task(self._weigh(child))

    def _make_spares(self, child: Child) -> None:
        """Have the processes ready that the next save most likely needs."""
        if not self._serves(child) or not self._may_resume():
            return
        for copy in self.checkpoints.live[-2:]:
            self.checkpoints.prepare(copy)
            self.warmth.warm(copy)

    def _serves(self, child: Child) -> bool:
        return self._supervisor.state.live == child.generation

    async def _weigh(self, child: Child) -> None:
        """Keep the memory of the copies within its limit; the least useful go first."""
        is_over = True
        while is_over:
            await asyncio.sleep(_UNTIL_WEIGHED)
            copies = [*self.checkpoints.live]
            # In a thread: the kernel counts for milliseconds in each large process.
            sizes = await asyncio.to_thread(_weigh, copies)
            if not self._serves(child):
                return
            self._tell_about_copies(sizes)
            # One at a time: what it shared with its neighbour alone is the neighbour's then.
            is_over = sum(sizes.values()) > self._supervisor.options.checkpoint_memory
            is_over = is_over and self.checkpoints.drop_one() is not None

    def _tell_about_copies(self, sizes: Mapping[Frozen, float]) -> None:
        labels = [copy.label for copy in sizes]
        if labels != self._told:
            self._told = labels
            told = ", ".join(f"{copy.label} {size:.1f}" for copy, size in sizes.items())
            total = sum(sizes.values())
            text = f"  copies, with their own memory in MiB: {told}; {total:.1f} together"
            self._supervisor.terminal.note(text, verbosity=2)

    def _remember(self, changed: Collection[str]) -> None:
        modules = self._supervisor.code.modules
        names = [modules[path] for path in sorted(changed) if modules.get(path)]
        self._edited = names[:_MOST_STOPS]
        kept = [name for name in self._stops if name not in names]
        self._stops = [*kept, *self._edited][-_MOST_STOPS:]

    def _watch(self, copy: Frozen) -> None:
        self._supervisor.loop.add_reader(copy.channel, self._hear, copy)

    def _unwatch(self, copy: Frozen) -> None:
        self._supervisor.loop.remove_reader(copy.channel)

    def _hear(self, copy: Frozen) -> None:
        try:
            for message, _ in copy.channel.drain():
                if isinstance(message, m.Exited):
                    self._supervisor.ended(message.pid, message.status)
                elif isinstance(message, m.Forked):
                    self._forked(copy, message)
        except (ChannelClosed, MessageError):
            self.checkpoints.lost(copy)
            self._start_again_without(copy)
            self._supervisor.shutdown.process_gone()

    def _start_again_without(self, copy: Frozen) -> None:
        """The copy may have gone before it made the child that it was told to make."""
        base, child = self._ordered or (None, None)
        supervisor = self._supervisor
        if (
            child is None
            or base is not copy
            or supervisor.children.get(child.generation) is not child
        ):
            return
        supervisor.hearing.hear(child)
        if not (child.pid or child.explained):
            supervisor.loop.remove_reader(child.channel)
            child.channel.close()
            self.start(child.generation)

    def _forked(self, copy: Frozen, message: m.Forked) -> None:
        if copy.spare is not None and copy.spare.token == message.token:
            copy.spare.pid = message.pid


def _weigh(copies: Collection[Frozen]) -> dict[Frozen, float]:
    """The private memory of each copy, in MiB."""
    return {copy: private_memory(copy.pid) / 2**20 for copy in copies}


def _discard_bytecode(changed: Collection[str]) -> None:
    """Remove the bytecode of changed sources, whatever it claims to be made from.

    Python compares only a source's size and the second of its time, and a later
    start that need not know of this change would do so: two quick edits look the
    same to it, and so does one whose time is put back afterwards.
    """
    for path in changed:
        if path.endswith(".py"):
            with contextlib.suppress(OSError, NotImplementedError):
                os.unlink(cache_from_source(path))
