"""Starts children: from a frozen copy where one is good enough, else afresh."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection
from importlib.util import cache_from_source
from typing import TYPE_CHECKING

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.codec import MessageError
from ..protocol.launch import ChildLaunch
from .checkpoints import Checkpoints, Frozen
from .process import Child, spawn
from .swaps import Swaps
from .upkeep import Upkeep

if TYPE_CHECKING:
    from .core import Supervisor

#: The modules edited last get a checkpoint just before their import.
_MOST_STOPS = 3


class Starter:
    """Makes the next child in the fastest way that is exact."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.checkpoints = Checkpoints(self._watch, self._unwatch)
        self.upkeep = Upkeep(supervisor, self.checkpoints)
        self._swaps = Swaps(supervisor.code)
        self._stops: list[str] = []
        self._edited: list[str] = []
        self._since: frozenset[str] = frozenset()
        #: Sources of which an earlier start may have left bytecode that only looks right.
        self._suspects: frozenset[str] = frozenset()
        #: The child made last from a copy, and that copy.
        self._ordered: tuple[Frozen, Child] | None = None

    def start(self, generation: int, *, swap: bool = True) -> None:
        """Start the program with the files as they are now.

        ``swap``: try whether exchanging function bodies is enough.
        """
        supervisor = self._supervisor
        code = supervisor.code
        self._remember(code.dirty)
        supervisor.trail.clear()
        self._suspects = code.changed | self._since
        _discard_bytecode(self._suspects)
        child = self._swapped(generation) if swap else None
        if child is None:
            child = self._resumed(generation) or self._spawn(generation)
        supervisor.children[generation] = child
        supervisor.loop.add_reader(child.channel, supervisor.hearing.hear, child)
        limit = supervisor.options.start_timeout
        if limit:
            supervisor.loop.call_later(limit, supervisor.timed_out, child)

    def close(self) -> None:
        """Leave nothing behind that a later command would take for the code on the disk."""
        code = self._supervisor.code
        _discard_bytecode(code.changed | code.since_start())

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
        self.checkpoints.confirm(child.generation)
        self.upkeep.live(child)

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
        if message.label != m.READY:
            # Of the copy where all is loaded, what was known of the last one is good enough
            # until a child has answered.
            self.upkeep.warmth.discard(message.label)
        child.segment = set()
        child.pid_is_certain = False
        self.checkpoints.add(child.generation, copy)
        self.checkpoints.thin_out(2 * self._supervisor.options.checkpoint_limit)

    def _may_resume(self) -> bool:
        return self._supervisor.options.most_copies > 0

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
        self.upkeep.warmth.forget()
        told = ChildLaunch(
            generation,
            launch.plugin,
            launch.plugin_after,
            first=not supervisor.announced,
            options=supervisor.options,
            changed=tuple(sorted(self._suspects)),
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
            tuple(sorted(self._suspects)),
            tuple(self._stops),
            tuple(self._edited),
            not supervisor.announced,
            self._may_resume(),
            swaps or (),
            self.upkeep.languages,
            tuple(sorted(supervisor.code.taken)) if swaps is not None else (),
            tuple(m.Listen(*address) for address in sockets),
            learn=swaps is None and not self.upkeep.warmth.knows(base),
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


def _discard_bytecode(sources: Collection[str]) -> None:
    """Remove the bytecode of these sources, whatever it claims to be made from.

    Python compares only a source's size and the second of its time, and a later
    start that need not know of an edit would do so: two quick edits look the
    same to it, and so does one whose time is put back afterwards.
    """
    for path in sources:
        if path.endswith(".py"):
            with contextlib.suppress(OSError, NotImplementedError):
                os.unlink(cache_from_source(path))
