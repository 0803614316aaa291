"""What children say, turned into events and entries."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..protocol import messages as m
from ..protocol.channel import ChannelClosed
from ..protocol.codec import MessageError
from . import policy
from .process import START, Child

if TYPE_CHECKING:
    from .core import Supervisor

_Handler = Callable[[Child, Any, list[int]], None]


class Hearing:
    """One handler for each message a child may send."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._handlers: Mapping[type, _Handler] = {
            m.Hello: self._hello,
            m.Loaded: self._loaded,
            m.Configured: lambda _child, message, _fds: supervisor.configure(message),
            m.Listen: self._listen,
            m.Started: lambda child, _message, _fds: self._live(child, serves=False),
            m.Serving: lambda child, _message, _fds: self._live(child, serves=True),
            m.Failed: self._failed,
            m.Finished: self._finished,
            m.Restart: self._restart,
            m.Say: lambda _child, message, _fds: supervisor.terminal.checked(
                message.text, printed=message.printed
            ),
            m.Handled: lambda _child, message, _fds: supervisor.inspection.answered(message),
            m.HandBack: lambda _child, _message, fds: supervisor.reception.take_back(
                socket.socket(fileno=fds[0])
            ),
            m.Used: lambda _child, message, _fds: supervisor.starter.upkeep.used(message.languages),
            m.Answered: lambda child, _message, _fds: supervisor.starter.upkeep.answered(child),
            m.Touched: lambda child, message, _fds: supervisor.starter.upkeep.touched(
                child, message
            ),
            m.Waiting: lambda _child, _message, _fds: None,
            m.Froze: lambda child, message, fds: supervisor.starter.froze(child, message, fds[0]),
            m.Refused: self._refused,
            m.SwapRefused: self._swap_refused,
        }

    def hear(self, child: Child) -> None:
        """Read what a child has to say."""
        loop = self._supervisor.loop
        try:
            for message, descriptors in child.channel.drain():
                self._obey(child, message, descriptors)
        except ChannelClosed:
            loop.remove_reader(child.channel)
            self._supervisor.out_of_reach(child)
        except MessageError as error:
            loop.remove_reader(child.channel)
            self._supervisor.terminal.note(f"a child talks nonsense ({error}); it is stopped")
            child.kill()

    def _obey(self, child: Child, message: m.Message, descriptors: list[int]) -> None:
        handler = self._handlers.get(type(message))
        if handler is None:
            for descriptor in descriptors:
                os.close(descriptor)
            raise MessageError(f"unexpected {type(message).__name__}")
        handler(child, message, descriptors)

    def _hello(self, child: Child, message: m.Hello, _: list[int]) -> None:
        if message.version != m.VERSION:
            raise MessageError(
                f"version {message.version} instead of {m.VERSION}: "
                "restart the command after an upgrade"
            )
        child.pid, child.pid_is_certain = message.pid, True
        if child.generation == self._supervisor.state.newest and child.origin != START:
            self._supervisor.journey.mark("swapped" if child.swapped else "resumed")

    def _loaded(self, child: Child, message: m.Loaded, _: list[int]) -> None:
        child.loaded.append(message)
        child.segment.update(item.path for item in message.files)
        child.segment.update(message.missing)
        self._supervisor.loaded(child, message)

    def _listen(self, child: Child, message: m.Listen, _: list[int]) -> None:
        listeners = self._supervisor.reception.listeners
        try:
            listening = listeners.get(message.host, message.port, ipv6=message.ipv6)
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None) or 0
            reason = getattr(error, "strerror", None) or str(error)
            child.refused = f"{message.host}:{message.port}: {reason}"
            child.tell(m.Listening(number, reason))
        else:
            child.tell(m.Listening(), [listening.fileno()])

    def _live(self, child: Child, *, serves: bool) -> None:
        # One that was given up would only cast doubt on files that it has loaded.
        if not child.explained:
            self._supervisor.live(child, serves=serves)

    def _failed(self, child: Child, message: m.Failed, _: list[int]) -> None:
        if child.explained:
            return
        child.explained = True
        self._supervisor.failed(child, message.failure)

    def _finished(self, child: Child, message: m.Finished, _: list[int]) -> None:
        child.explained = True
        self._supervisor.handle(policy.Finished(child.generation, message.code))

    def _restart(self, child: Child, _message: m.Restart, _: list[int]) -> None:
        child.explained = True
        self._supervisor.handle(policy.RestartAsked(child.generation))

    def _refused(self, _child: Child, message: m.Refused, _: list[int]) -> None:
        supervisor = self._supervisor
        refusals = supervisor.starter.checkpoints.refusals
        if message.reason not in refusals.values():
            text = f"  no checkpoint {message.label}: {message.reason}"
            supervisor.terminal.note(text, verbosity=2)
        refusals[message.label] = message.reason

    def _swap_refused(self, child: Child, message: m.SwapRefused, _: list[int]) -> None:
        if self._supervisor.children.get(child.generation) is child:
            self._supervisor.starter.swap_refused(child, message.reason)
