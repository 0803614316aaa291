"""Checkpoints: frozen copies of the starting process that a reload resumes.

At a checkpoint the process forks. The parent freezes, exactly as it stands in the
middle of an import, and waits for orders; the child goes on as if nothing had
happened. Told to, the frozen copy forks again, and that child goes on from the
same point with newer code on the disk.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Sequence

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.gate import slot_of
from ..protocol.memory import own_pages
from . import exits, offsets, title
from .fresh import FreshFinder, forget_listings
from .link import Link
from .offspring import Offspring
from .ownership import Ownership
from .safety import QUIET_SIGNALS, Safety
from .swapping import Swapper

#: Import time between two checkpoints at the beginning, in seconds; the next module of the
#: project's own follows it. It doubles whenever so many have been taken, so that a long start
#: gets no more of them.
_FIRST_INTERVAL = 0.1
_BEFORE_DOUBLING = 6
#: A module edited some time ago gets a copy before it if so much import time lies between
#: it and the last one, in seconds: each reload of an earlier module takes that copy anew.
_WORTH_A_COPY = 0.05
#: The process that went on has the processor first, in milliseconds.
_IDLE = 250


class Checkpointer:
    """Takes the checkpoints of one process, at the points it is told."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.safety = Safety(ours=self._descriptors())
        self._interval = _FIRST_INTERVAL
        self._taken = 0
        self._elapsed = 0.0
        self._last = time.perf_counter()
        self._names: frozenset[str] = frozenset()
        self._edited: frozenset[str] = frozenset()
        self._points: dict[str, Callable[[], bool]] = {}
        self.enabled = True
        #: Exchanges function bodies in processes resumed from the ready copy.
        self.swapper: Swapper | None = None
        self._taking = False
        self._ownership = Ownership()
        #: Called before a copy is taken: what a framework manages is closed.
        self.before: list[Callable[[], None]] = []
        #: Computes what requests in certain languages would compute first; never raises.
        self.compute: Callable[[tuple[str, ...]], None] | None = None
        #: The copy that this process went on from, if it is to tell what it writes to.
        self._learns = ""
        #: Called in a process that was resumed.
        self.after_resume: list[Callable[[], None]] = []

    def install(self) -> None:
        """Watch the imports for the points to stop at."""
        self._link.tracker.before_import = self._before_import
        listeners = self._link.tracker.listeners
        listeners["socket.connect"] = self.safety.connecting
        self.safety.system.listen(listeners)

    def when(self, label: str, condition: Callable[[], bool]) -> None:
        """Take a checkpoint at the first import at which the condition holds."""
        self._points[label] = condition

    def take(self, label: str, *, learn: bool = False) -> None:
        """Leave a frozen copy behind; returns in the process that goes on.

        Returns once now, and once more in every process resumed from the copy. ``learn``:
        tell what is written to from here on, as it will be in those processes.
        """
        options = self._link.options
        if self._taking or not (self.enabled and options.most_copies):
            return
        # What is imported on the way must not stop here again.
        self._taking = True
        try:
            self.safety.extra_clients = options.fork_safe
            self.safety.asked_for = options.checkpoints is True
            for prepare in self.before:
                prepare()
            reason = self.safety.refusal()
            if reason is None:
                self._split(label, learn=learn)
            else:
                self._link.say(m.Refused(label, reason))
                self._last = time.perf_counter()
        finally:
            self._taking = False

    def _descriptors(self) -> tuple[int, ...]:
        link = self._link
        return (link.channel.fileno(), link.gate.descriptor, link.gate.events, link.told.trail)

    def stop(self) -> None:
        """No further checkpoints: the program serves now."""
        self._link.tracker.before_import = None

    def _before_import(self, name: str) -> None:
        if name in self._names:
            self._names -= {name}
            is_edited = name in self._edited
            if is_edited or time.perf_counter() - self._last > _WORTH_A_COPY:
                # Who has edited it is likely to do so again: already that is to be fast.
                self.take(f"before {name}", learn=is_edited)
            return
        for label, condition in self._points.items():
            if condition():
                del self._points[label]
                self.take(label)
                return
        if self._is_due() and self._ownership.is_own(name):
            self.take(f"at {name}")
            self._taken += 1
            if self._taken == _BEFORE_DOUBLING:
                self._interval *= 2
                self._taken //= 2

    def _is_due(self) -> bool:
        return time.perf_counter() - self._last > self._interval

    def _split(self, label: str, *, learn: bool) -> None:
        exits.flush()
        if self.swapper is not None:
            self.swapper.trim()
        self._link.report(scan=False)
        ours, theirs = Channel.pair()
        self._elapsed += time.perf_counter() - self._last
        self._learn()
        froze = m.Froze(label, os.getpid(), self._elapsed, exits.pending())
        self._link.say(froze, [theirs.fileno()])
        theirs.close()
        child = fork()
        if child:
            self._freeze(label, ours, child)
        else:
            ours.close()
            self._link.forked = True
            self._learns = label if learn else ""
            offsets.separate(self.safety.being_read(), self.safety.system)
            exits.leave_to_the_copy()
            self._link.guard(on=True)
            self._link.say(m.Hello(os.getpid()))
        self._last = time.perf_counter()

    def _learn(self) -> None:
        """Note what was written to since the last copy; it is told when nobody waits."""
        if self._learns:
            touched = m.Touched(self._learns, own_pages(os.getpid()))
            self._link.when_quiet.append(lambda: self._link.say(touched))
            self._learns = ""

    def _freeze(self, label: str, channel: Channel, child: int) -> None:
        """Wait for orders; returns only in a process that is to go on."""
        self._link.channel.close()
        self._link.close_sockets()
        handlers = _silence()
        command = title.set_title(f"autoreload checkpoint: {label}")
        preparation = self._complete if label == m.READY else None
        connection = Frozen(channel, Offspring(child), preparation, self.compute).serve()
        # From here on: a process forked from the frozen copy.
        self._resume(connection, handlers, label)
        title.set_title(command)

    def _complete(self) -> None:
        """In the copy in which all is loaded: what the process that serves did not wait for."""
        if self.compute is not None:
            self.compute(self._link.languages)
        if self.swapper is not None:
            self.swapper.build_index()

    def _resume(self, channel: Channel, handlers: dict[int, object], label: str) -> None:
        link = self._link
        title.set_title("autoreload: ready to resume")
        offsets.separate(self.safety.being_read(), self.safety.system)
        try:
            channel.send(m.Waiting())
            message, descriptors = channel.receive()
        except ChannelClosed:
            exits.vanish(0)
        if not isinstance(message, m.Go):
            exits.vanish(1)
        for number, handler in handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        link.channel = channel
        link.slot = slot_of(message.generation)
        link.forked, link.resumed, link.first = True, True, message.first
        self.safety.ours = (*self._descriptors(), *descriptors)
        link.prefetched = {
            (item.host, item.port, item.ipv6): socket.socket(fileno=descriptor)
            for item, descriptor in zip(message.sockets, descriptors, strict=True)
        }
        self._learns = label if message.learn else ""
        self._swap(message)
        self._follow(message)
        exits.leave_to_the_copy()
        link.guard(on=True)
        link.say(m.Hello(os.getpid()))

    def _swap(self, message: m.Go) -> None:
        if not message.swaps:
            return
        reason = "" if self.swapper else "nothing was recorded while starting"
        if self.swapper is not None:
            reason = self.swapper.apply(message.swaps) or ""
        if reason:
            self._link.say(m.SwapRefused(reason))
            exits.vanish(0)

    def _follow(self, message: m.Go) -> None:
        self._names = frozenset(message.stops)
        self._edited = frozenset(message.edited)
        self._link.languages = message.languages
        self.enabled = message.checkpoints
        self._link.tracker.fresh = FreshFinder(message.changed)
        forget_listings()
        if message.taken and self._link.take_changes is not None:
            self._link.take_changes(message.taken)
        _forget_lines(message.changed)
        for callback in self.after_resume:
            callback()


class Frozen:
    """The life of a frozen copy: fork when told to, report who has ended."""

    def __init__(
        self,
        channel: Channel,
        offspring: Offspring,
        prepare: Callable[[], None] | None,
        compute: Callable[[tuple[str, ...]], None] | None,
    ) -> None:
        """``prepare`` is done while idle or before the first fork, ``compute`` on order."""
        self._compute = compute
        self._prepare_again = prepare
        self._channel = channel
        self._prepare = prepare
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._offspring = offspring
        self._poll.register(offspring, select.POLLIN)

    def serve(self) -> Channel:
        """Wait for orders. Returns the channel of a new process, in that process."""
        # Before anything was watched over the first one may have ended.
        self._reap()
        while True:
            ready = self._poll.poll(None if self._prepare is None else _IDLE)
            if not ready:
                self._be_prepared()
            for descriptor, _ in ready:
                if descriptor == self._offspring.fileno():
                    self._reap()
                    continue
                channel = self._hear()
                if channel is not None:
                    return channel

    def _hear(self) -> Channel | None:
        try:
            for message, descriptors in self._channel.drain():
                if isinstance(message, m.Fork):
                    connection = Channel(socket.socket(fileno=descriptors[0]))
                    if self._fork(connection, message.token):
                        return connection
                elif isinstance(message, m.Compute) and self._compute is not None:
                    self._compute(message.languages)
                    # What ran for it is on record now, and has to be looked at anew.
                    self._prepare = self._prepare_again
                elif isinstance(message, m.Dissolve):
                    exits.leave(0)
        except ChannelClosed:
            exits.vanish(0)
        return None

    def _be_prepared(self) -> None:
        prepare, self._prepare = self._prepare, None
        if prepare is not None:
            prepare()

    def _fork(self, connection: Channel, token: int) -> bool:
        self._be_prepared()
        pid = fork()
        if pid == 0:
            self._channel.close()
            self._offspring.leave_behind()
            return True
        connection.close()
        self._offspring.add(pid)
        self._say(m.Forked(token, pid))
        # It may have ended before it was watched over.
        self._reap()
        return False

    def _reap(self) -> None:
        for pid, status in self._offspring.ended():
            self._say(m.Exited(pid, status))

    def _say(self, message: m.Message) -> None:
        try:
            self._channel.send(message)
        except ChannelClosed:
            exits.vanish(0)


def fork() -> int:
    """``os.fork()`` without the warning about threads: those here survive it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _silence() -> dict[int, object]:
    """Be deaf to what the terminal sends; returns the handlers as they were."""
    before: dict[int, object] = {}
    for name in QUIET_SIGNALS:
        number = getattr(signal, name)
        handler = signal.getsignal(number)
        if handler is not None:
            before[number] = handler
            signal.signal(number, signal.SIG_IGN)
    return before


def _forget_lines(paths: Sequence[str]) -> None:
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        for path in paths:
            linecache.cache.pop(path, None)
