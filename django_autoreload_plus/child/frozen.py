"""The life of a checkpoint: it forks when told to, and reports which processes have ended."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Iterator

from ..exhaustive import assert_never
from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from . import exit_handlers
from .clearance import own_acts
from .code_cache import CodeCache
from .fork import event_loops
from .fork.random_state import random_state
from .fork.safety import QUIET_SIGNALS
from .offspring import Offspring
from .warning_filter import filtered

#: The checkpoint prepares itself after this time, when the process that went on needs the
#: processor less; in milliseconds.
_IDLE = 250


class Frozen:
    """The life of a checkpoint: fork when told to, report who has ended."""

    def __init__(
        self,
        channel: Channel,
        offspring: Offspring,
        prepare: Callable[[], None] | None,
        compute: Callable[[tuple[str, ...]], None],
        code: CodeCache,
    ) -> None:
        """``prepare`` is done while idle or before the first fork, ``compute`` on order.

        ``code`` is read step by step: an order to fork does not wait for its end.
        """
        self._code = code
        self._steps: Iterator[None] = iter(())
        self._is_reading = False
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
            ready = self._poll.poll(self._patience())
            if not ready:
                self._use_time()
            for descriptor, _ in ready:
                if descriptor == self._offspring.fileno():
                    self._reap()
                    continue
                channel = self._receive()
                if channel is not None:
                    return channel

    def _patience(self) -> int | None:
        """For how long to wait for an order before there is something else to do."""
        if self._is_reading:
            return 0
        return None if self._prepare is None else _IDLE

    def _use_time(self) -> None:
        if self._is_reading:
            self._is_reading = next(self._steps, self) is None
            if not self._is_reading:
                self._send(m.CodeRead(len(self._code)))
        else:
            self._be_prepared()

    def _receive(self) -> Channel | None:
        try:
            for message, descriptors in self._channel.drain():
                channel = self._obey(message, descriptors)
                if channel is not None:
                    return channel
        except ChannelClosed:
            exit_handlers.exit_now(0)
        return None

    def _obey(self, message: m.Message, descriptors: list[int]) -> Channel | None:
        if not isinstance(message, m.ToCheckpoint):
            return None
        match message:
            case m.Fork():
                channel = Channel(socket.socket(fileno=descriptors[0]))
                return channel if self._fork(channel, message.token) else None
            case m.Compute():
                self._compute(message.uses)
                # The functions that ran for it are on record now: prepare again.
                self._prepare = self._prepare_again
            case m.ReadCode():
                self._steps = self._code.read(message.paths)
                self._is_reading = True
            case m.Dissolve():
                exit_handlers.exit_after_handlers(0)
            case _:
                assert_never(message)
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
        self._send(m.Forked(token, pid))
        # A process that ended before it was added raised its SIGCHLD for nothing.
        self._reap()
        return False

    def _reap(self) -> None:
        for pid, status in self._offspring.ended():
            self._send(m.Exited(pid, status))

    def _send(self, message: m.Message) -> None:
        try:
            self._channel.send(message)
        except ChannelClosed:
            exit_handlers.exit_now(0)


def fork() -> int:
    """``os.fork()`` without the warning about threads: those here survive it."""
    state, loops = random_state.before_fork(), event_loops.before_fork()
    with own_acts(), filtered("ignore", DeprecationWarning):
        pid = os.fork()
    if pid == 0:
        random_state.after_fork(state)
        event_loops.after_fork(loops)
    return pid


def block_signals() -> set[signal.Signals]:
    """Block the signals that the terminal sends; returns the signal mask as it was.

    Blocked, not ignored: a handler that a library has set in C could not be put back.
    """
    return signal.pthread_sigmask(signal.SIG_BLOCK, _quiet_signals())  # type: ignore[return-value]


def unblock_signals(mask: set[signal.Signals]) -> None:
    """Put the signal mask back; what was sent to the checkpoint is nothing to the program."""
    while pending := signal.sigpending() & (_quiet_signals() - mask):
        signal.sigwait(pending)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _quiet_signals() -> set[signal.Signals]:
    return {signal.Signals[name] for name in QUIET_SIGNALS}
