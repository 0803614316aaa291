"""Checkpoints: frozen forks of the starting process that a reload resumes.

At a checkpoint the process forks. The parent freezes, exactly as it stands in the
middle of an import, and waits for orders; the child goes on as if nothing had
happened. On order the checkpoint forks again, and that child goes on from the
same point with newer code on the disk.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..own_code import OwnModules
from ..protocol import codec
from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.memory import own_pages
from ..protocol.reasons import Reason
from ..swap.mirrors import Mirror
from ..swap.swapper import Swapper
from . import exit_handlers, process_title
from .code_cache import CodeCache
from .connection import Connection
from .fork import file_offsets
from .fork.at_fork import AtFork
from .fork.outside import Data
from .fork.process_ids import ProcessIds
from .fork.random_state import random_state
from .fork.safety import Safety
from .frozen import Frozen, block_signals, fork, unblock_signals
from .offspring import Offspring
from .probes import site_folders
from .source_loader import SourceOnlyFinder, forget_listings

if TYPE_CHECKING:
    from .fork.private_handles import Handle

#: Import time between two checkpoints at the beginning, in seconds; the next module of the
#: project's own follows it. It doubles whenever so many have been taken, so that a long start
#: gets no more of them.
_FIRST_INTERVAL = 0.1
_BEFORE_DOUBLING = 6
#: So much longer while nothing has been live yet: somebody waits, and has edited nothing. The
#: first edit of a module costs what was imported between the checkpoint before it and the module.
_AT_FIRST = 4
#: A module edited some time ago gets a checkpoint before it if so much import time lies between
#: it and the last one, in seconds: each reload of an earlier module takes that checkpoint anew.
_WORTH_A_COPY = 0.05
#: Checkpoints at even distances are at least so many times as far apart as the processor time of
#: taking one: it costs the process that goes on more than that again, for the fork and for
#: copies of the pages that it writes to.
_TIMES_ITS_COST = 20
#: Reasons that may be over once the garbage collector has closed what is unreachable.
_OPEN = frozenset({"AP211", "AP215", "AP216", "AP217", "AP218", "AP219", "AP220"})


class Checkpointer:
    """Takes the checkpoints of one process, at the points it is told."""

    def __init__(self, link: Connection, swapper: Swapper | None) -> None:
        """``swapper`` exchanges function bodies in processes resumed from the ready checkpoint."""
        self._link = link
        self._swapper = swapper
        self.safety = Safety(ours=self._descriptors())
        #: Data that was read from databases and other programs.
        self.data = Data(probes=link.tracker.probes)
        self._process_ids = ProcessIds()
        self._at_fork = AtFork()
        self._interval = _FIRST_INTERVAL
        self._taken = 0
        #: Processor time that taking the last checkpoint has cost, in seconds.
        self._cost = 0.0
        self._elapsed = 0.0
        self._last = time.perf_counter()
        self._names: frozenset[str] = frozenset()
        #: The module whose import is being answered; a checkpoint taken meanwhile precedes it.
        self._looked_for = ""
        self._edited: frozenset[str] = frozenset()
        self._points: dict[str, Callable[[], bool]] = {}
        #: Those of them that are no better than a checkpoint just before.
        self._dispensable: set[str] = set()
        self.enabled = True
        self._taking = False
        self._own_modules = OwnModules()
        self._code = CodeCache()
        #: Called when no checkpoint is taken any more.
        self.at_stop: list[Callable[[], None]] = [self._process_ids.remove, self._at_fork.remove]
        #: The checkpoint that this process went on from, if it is to tell what it writes to.
        self._learns = ""

    def install(self) -> None:
        """Watch the imports for the points at which to take a checkpoint."""
        self._link.tracker.before_import = self._before_import
        self._link.after_serving.append(self._cease_to_record)
        listeners = self._link.tracker.listeners
        listeners["socket.connect"] = self._connecting
        listeners["sqlite3.connect"] = self.data.sqlite
        tracker = self._link.tracker
        tracker.inputs.update(self.data.inputs())
        tracker.probes.install(tracker.inputs)
        self.at_stop.append(tracker.probes.remove)
        # The interpreter runs the .pth files of editable installs when it starts.
        self._link.watch_globs([(folder, "*.pth") for folder in site_folders()])
        self._process_ids.install()
        self._at_fork.install()
        self.safety.exclusive_files = self._link.clearance.exclusive_files
        tracker.call_after_import("random", random_state.watch)
        self.safety.system.listen(listeners)

    def _cease_to_record(self) -> None:
        if self._swapper is not None:
            self._swapper.stop()
            self._link.when_quiet(self._swapper.let_go)

    def refuse(self, reason: Reason) -> None:
        """Take no checkpoints in this process."""
        self.enabled = False
        self._link.send(m.Refused(m.SETTINGS, reason))

    def mirror(self, mirror: Mirror) -> None:
        """Exchange what these objects hold with the names of their module."""
        if self._swapper is not None:
            self._swapper.add(mirror)

    def when(self, label: str, condition: Callable[[], bool], *, dispensable: bool = False) -> None:
        """Take a checkpoint at the first import at which the condition holds.

        ``dispensable``: at the first one by which enough import time lies between it and the
        last one, and none if a later point is reached before.
        """
        self._points[label] = condition
        if dispensable:
            self._dispensable.add(label)

    def take(self, label: str, *, learn: bool = False, renewed: Handle | None = None) -> None:
        """Leave a checkpoint behind; returns in the process that goes on.

        Returns once now, and once more in every process resumed from the checkpoint. ``learn``:
        tell what is written to from here on, as it will be in those processes. ``renewed``:
        a handle of the program's that may be open.
        """
        options = self._link.options
        if self._taking or not (self.enabled and options.most_copies):
            return
        self.safety.renewed = [renewed] if renewed is not None else []
        # An import on the way must not take a checkpoint itself.
        self._taking = True
        begun = time.perf_counter()
        try:
            reason = self._refusal()
            if reason is None:
                self._split(label, learn=learn)
            else:
                self._link.send(m.Refused(label, reason))
                self._last = time.perf_counter()
            self._link.note_point(label, begun, reason)
        finally:
            self._taking = False

    def _refusal(self) -> Reason | None:
        options = self._link.options
        self.safety.extra_clients = options.fork_safe
        self.safety.asked_for = options.checkpoints is True
        # First: a program that reads on while importing must not lose its transaction.
        reason = self.data.reason(options.steady) or self._process_ids.reason(options.fork_safe)
        for prepare in self._link.framework.before_checkpoint:
            reason = reason or prepare()
        if reason is not None:
            return reason
        reason = self.safety.refusal()
        if reason and reason.code in _OPEN and self._link.collector.settle():
            # A socket that nobody can reach any more is closed now.
            reason = self.safety.refusal()
        return reason or self._at_fork.reason(options.fork_safe)

    def _connecting(self, args: tuple[Any, ...]) -> None:
        self.safety.connecting(args)
        self.data.connecting(args)

    def _descriptors(self) -> tuple[int, ...]:
        link = self._link
        return (link.channel.fileno(), link.gate.descriptor, link.gate.events, link.launch.trail)

    def stop(self) -> None:
        """No further checkpoints: the program serves now."""
        if self._swapper is not None:
            self._swapper.read_no_more()
        tracker = self._link.tracker
        tracker.before_import = None
        self._code.remove()
        self._link.when_quiet(self._code.clear)
        tracker.inputs.clear()
        for event in ("socket.connect", "sqlite3.connect"):
            tracker.listeners.pop(event, None)
        while self.at_stop:
            self.at_stop.pop()()

    def _before_import(self, name: str) -> None:
        self._looked_for = name
        if name in self._names:
            self._names -= {name}
            is_edited = name in self._edited
            if is_edited or self._since_last() > _WORTH_A_COPY:
                # A module just edited is likely to be edited again: the next time is to be fast.
                self.take(f"before {name}", learn=is_edited)
            return
        label = self._reached()
        is_due = not label and self._is_due() and self._own_modules.owns(name)
        if not (label or is_due) or self.safety.is_busy():
            # It is over soon: a checkpoint at a later import is as good.
            return
        if is_due:
            self._take_on_the_way(name)
        else:
            # Those before it were not worth a copy.
            for earlier in [*self._points]:
                del self._points[earlier]
                if earlier == label:
                    break
            self.take(label)

    def _reached(self) -> str:
        """The last point that is reached, if a checkpoint is to be taken there."""
        reached = [label for label, condition in self._points.items() if condition()]
        if not reached or (
            reached[-1] in self._dispensable
            and self._since_last() <= _WORTH_A_COPY * self._patience()
        ):
            return ""
        return reached[-1]

    def _take_on_the_way(self, name: str) -> None:
        self.take(f"at {name}")
        self._taken += 1
        if self._taken == _BEFORE_DOUBLING:
            self._interval *= 2
            self._taken //= 2

    def _since_last(self) -> float:
        return time.perf_counter() - self._last

    def _is_due(self) -> bool:
        interval = max(self._interval, _TIMES_ITS_COST * self._cost)
        return self._since_last() > interval * self._patience()

    def _patience(self) -> int:
        return _AT_FIRST if self._link.first else 1

    def _split(self, label: str, *, learn: bool) -> None:
        begun = time.process_time()
        exit_handlers.flush()
        if self._swapper is not None:
            self._swapper.trim()
            if label == m.READY:
                self._swapper.load()
        self._link.report(scan=False)
        renewed = self.safety.private_handles()
        ours, theirs = Channel.pair()
        self._elapsed += time.perf_counter() - self._last
        self._learn()
        handlers, files = (
            exit_handlers.pending(self._link.framework.memory_finalizers),
            self.safety.open_files(),
        )
        froze = m.Froze(label, os.getpid(), self._elapsed, handlers, files)
        self._link.send(froze, [theirs.fileno()])
        theirs.close()
        # Before the fork: a checkpoint that has not run yet must not get SIGINT.
        mask = block_signals()
        spent = time.process_time() - begun
        try:
            child = fork()
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        if child:
            self._freeze(label, ours, Offspring(child), mask, renewed)
        else:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            ours.close()
            self._link.clearance.go_on()
            self._link.forked = True
            self._learns = label if learn else ""
            self._separate(renewed)
            exit_handlers.hand_over_handlers()
            self._link.guard(on=True)
            self._link.greet()
            # The clock has begun anew with this process.
            self._cost = spent + time.process_time()
        self._last = time.perf_counter()

    def _learn(self) -> None:
        """Note what was written to since the last checkpoint; it is told when nobody waits."""
        if self._learns:
            touched = m.Touched(self._learns, own_pages(os.getpid()))
            self._link.when_quiet(lambda: self._link.send(touched))
            self._learns = ""

    def _freeze(
        self,
        label: str,
        channel: Channel,
        offspring: Offspring,
        mask: set[signal.Signals],
        renewed: list[Handle],
    ) -> None:
        """Wait for orders; returns only in a process that is to go on."""
        self._link.channel.close()
        self._link.close_sockets()
        self._link.clearance.freeze()
        command = process_title.set_title(f"autoreload checkpoint: {label}")
        preparation = self._complete if label == m.READY else None
        connection = Frozen(
            channel,
            offspring,
            preparation,
            self._warm_up,
            self._code,
        ).serve()
        # From here on: a process forked from the checkpoint.
        self._separate(renewed)
        self._resume(connection, mask, label)
        process_title.set_title(command)

    def _separate(self, renewed: list[Handle]) -> None:
        """In a forked process: share nothing with the checkpoint that either could change."""
        file_offsets.separate(self.safety.positioned(), self.safety.system)
        for handle in renewed:
            handle.renew()

    def _complete(self) -> None:
        """Do in the ready checkpoint what the process that serves did not wait for."""
        self._warm_up(self._link.uses)
        if self._swapper is not None:
            self._swapper.build_index()
        # No pass is made: that would write to all the memory that this checkpoint shares.
        self._link.collector.age()

    def _warm_up(self, uses: tuple[str, ...]) -> None:
        if self._swapper is not None:
            self._swapper.observe()
        self._link.framework.warm_up(uses)

    def _resume(self, channel: Channel, mask: set[signal.Signals], label: str) -> None:
        link = self._link
        process_title.set_title("autoreload: ready to resume")
        # In time that nobody waits for: it takes a millisecond.
        codec.prepare(m.Go)
        try:
            channel.send(m.Waiting())
            message, descriptors = channel.receive()
        except ChannelClosed:
            exit_handlers.exit_now(0)
        if not isinstance(message, m.Go):
            exit_handlers.exit_now(1)
        unblock_signals(mask)
        link.channel = channel
        if not message.alone:
            link.clearance.begin()
        link.go_by(message.generation)
        link.forked, link.resumed, link.first = True, True, message.first
        self.safety.ours = (*self._descriptors(), *descriptors)
        link.prefetched = {
            address: socket.socket(fileno=descriptor)
            for address, descriptor in zip(message.sockets, descriptors, strict=True)
        }
        self._learns = label if message.learn else ""
        self._swap(message)
        self._follow(message)
        exit_handlers.hand_over_handlers()
        link.guard(on=True)
        link.greet()

    def _swap(self, message: m.Go) -> None:
        if not message.swaps:
            return
        if self._swapper is None:
            reason: Reason | None = Reason("AP130", "nothing was recorded while starting")
        else:
            reason = self._swapper.apply(message.swaps)
        if reason is not None:
            self._link.send(m.SwapRefused(reason))
            exit_handlers.exit_now(0)

    def _follow(self, message: m.Go) -> None:
        # find_spec() before an import looks for the module twice: this checkpoint precedes both.
        self._names = frozenset(message.points) - {self._looked_for}
        self._edited = frozenset(message.edited)
        self._link.uses = message.uses
        self.enabled = message.checkpoints
        self._code.install()
        self._link.tracker.fresh = SourceOnlyFinder(message.changed)
        forget_listings()
        if message.taken:
            self._link.framework.take_changes(message.taken)
        _forget_lines(message.changed)
        for callback in self._link.framework.after_resume:
            callback()


def _forget_lines(paths: Sequence[str]) -> None:
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        for path in paths:
            linecache.cache.pop(path, None)
