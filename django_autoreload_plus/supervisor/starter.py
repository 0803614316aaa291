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
from .checkpoints import Checkpoints, Frozen
from .process import Child, spawn

if TYPE_CHECKING:
    from .core import Supervisor

#: The modules edited last get a checkpoint just before their import.
_MOST_STOPS = 3


class Starter:
    """Makes the next child, and keeps what makes the one after it fast."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.checkpoints = Checkpoints(self._watch, self._unwatch)
        self._stops: list[str] = []

    def start(self, generation: int, changed: Collection[str], since: Collection[str]) -> None:
        """Start the program with the files as they are now.

        ``changed`` differ from what the live child was made of, ``since`` from what
        the latest attempt was.
        """
        supervisor = self._supervisor
        self._remember(changed)
        _discard_bytecode(changed)
        base = self.checkpoints.best(changed, since) if self._may_resume() else None
        self.checkpoints.begin(generation, base)
        child = self._resume(base, generation, changed) if base is not None else None
        if child is None:
            self.checkpoints.begin(generation, None)
            child = self._spawn(generation, changed)
        supervisor.children[generation] = child
        supervisor.loop.add_reader(child.channel, supervisor.hear, child)
        limit = supervisor.options.start_timeout
        if limit:
            supervisor.loop.call_later(limit, supervisor.timed_out, child)

    def is_cheap(self, changed: Collection[str], since: Collection[str]) -> bool:
        """Whether a start now costs so little that waiting would cost more."""
        return self._may_resume() and self.checkpoints.best(changed, since) is not None

    def live(self, child: Child) -> None:
        """A child made here is live: bring the copies into order behind it."""
        self.checkpoints.confirm(child.generation)
        options = self._supervisor.options
        self.checkpoints.thin_out(options.checkpoint_limit if options.checkpoints else 0)
        self._supervisor.loop.call_soon(self._make_spares)

    def froze(self, child: Child, message: m.Froze, descriptor: int) -> None:
        """A starting child has left a frozen copy behind."""
        copy = Frozen(
            message.label,
            message.pid,
            Channel(socket.socket(fileno=descriptor)),
            frozenset(child.segment),
            message.elapsed,
            message.handlers,
        )
        child.segment = set()
        child.pid_is_certain = False
        self.checkpoints.add(child.generation, copy)
        self.checkpoints.thin_out(2 * self._supervisor.options.checkpoint_limit)

    def _may_resume(self) -> bool:
        options = self._supervisor.options
        return options.checkpoints and options.checkpoint_limit > 0

    def _spawn(self, generation: int, changed: Collection[str]) -> Child:
        supervisor = self._supervisor
        channel, process = spawn(
            supervisor.launch,
            generation,
            supervisor.gate,
            checkpoints=self._may_resume(),
            changed=changed,
        )
        supervisor.reaper.add(process)
        return Child(generation, process.pid, channel)

    def _resume(self, base: Frozen, generation: int, changed: Collection[str]) -> Child | None:
        supervisor = self._supervisor
        process = self.checkpoints.fork(base)
        if process is None:
            return None
        sockets = supervisor.listeners.addresses()
        order = m.Go(
            generation,
            tuple(sorted(changed)),
            tuple(self._stops),
            self._may_resume(),
            tuple(m.Listen(*address) for address in sockets),
        )
        try:
            process.channel.send(order, [held.fileno() for held in sockets.values()])
        except ChannelClosed:
            process.channel.close()
            return None
        return Child(
            generation,
            process.pid,
            process.channel,
            pid_is_certain=False,
            origin=base.label,
        )

    def _make_spares(self) -> None:
        if self._may_resume():
            for copy in self.checkpoints.live[-2:]:
                self.checkpoints.prepare(copy)

    def _remember(self, changed: Collection[str]) -> None:
        modules = self._supervisor.code.modules
        names = [modules[path] for path in sorted(changed) if modules.get(path)]
        kept = [name for name in self._stops if name not in names]
        self._stops = [*kept, *names[:_MOST_STOPS]][-_MOST_STOPS:]

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
            self._supervisor.shutdown.process_gone()

    def _forked(self, copy: Frozen, message: m.Forked) -> None:
        if copy.spare is not None and copy.spare.token == message.token:
            copy.spare.pid = message.pid


def _discard_bytecode(changed: Collection[str]) -> None:
    """Remove bytecode that could pass for that of the changed source.

    Only its size and the second of its time are compared by Python, so that two
    quick edits look the same.
    """
    for path in changed:
        if path.endswith(".py"):
            with contextlib.suppress(OSError, NotImplementedError):
                bytecode = cache_from_source(path)
                info = os.stat(path)
                with open(bytecode, "rb") as file:
                    header = file.read(16)
                stamp = int(info.st_mtime) & 0xFFFFFFFF, info.st_size & 0xFFFFFFFF
                if header[8:16] == b"".join(part.to_bytes(4, "little") for part in stamp):
                    os.unlink(bytecode)
