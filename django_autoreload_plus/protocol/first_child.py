"""The first child, started before its supervisor can run.

A supervisor takes as long to begin as a small program. Everything that a child is given is
made without one: shared memory, a channel, and, in place of the watcher's event queue, an
epoll instance to which the supervisor adds the queue when there is one.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Mapping

from ..records import replace
from . import standard_streams
from .breadcrumbs import Breadcrumbs
from .channel import Channel
from .gate import Gate
from .launch import ChildLaunch, FirstChild, Launch
from .spawn import spawn

#: The generation of this child.
FIRST = 1
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


def begin(launch: Launch, environment: Mapping[str, str], *, becomes: bool = False) -> Launch:
    """Start the child, where the system can; returns the launch that leads to it.

    ``becomes``: this process is about to become the supervisor (``exec``), and the child
    runs nothing of the program's before that: what this process holds is free then.
    """
    if not (launch.has_server and hasattr(select, "epoll")):
        # Another program binds its ports, and opens its files, as soon as it runs.
        return launch
    if not standard_streams.are_inherited():
        # The supervisor opens them first.
        return launch
    opened: list[int] = []
    try:
        begun = _begin(launch, environment, opened, becomes=becomes)
    except OSError:
        # The supervisor will come to the same problem, and say so.
        for descriptor in opened:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        return launch
    return replace(launch, first_child=begun)


def _begin(
    launch: Launch, environment: Mapping[str, str], opened: list[int], *, becomes: bool
) -> FirstChild:
    gate, trail = Gate.create(), Breadcrumbs.create()
    opened += [gate.descriptor, trail.descriptor]
    with select.epoll() as relay:
        gate.share(os.dup(relay.fileno()))
    opened.append(gate.events)
    turn, held = os.pipe() if becomes else (-1, -1)
    opened += [turn, held]
    child_launch = ChildLaunch(
        FIRST,
        launch.plugin,
        launch.plugin_after,
        options=launch.options,
        at_once=launch.at_once,
        given=launch.given,
        has_server=launch.has_server,
        turn=turn,
    )
    channel, process = spawn(launch.entry, gate, trail, child_launch, environment)
    if turn >= 0:
        os.close(turn)
    kept = (channel.socket.detach(), gate.descriptor, trail.descriptor, gate.events)
    for descriptor in kept:
        os.set_inheritable(descriptor, becomes)
    # Its end is told to the supervisor, not to this object.
    process.returncode = 0
    return FirstChild(process.pid, *kept, blocked=_block())


def _block() -> tuple[int, ...]:
    """Put off what asks the command to end until the supervisor can pass it on."""
    numbers = {getattr(signal, name) for name in _ENDING if hasattr(signal, name)}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    return tuple(sorted(numbers - before))


def unblock(begun: FirstChild) -> None:
    """In the supervisor, when it handles these signals."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, begun.blocked)


def channel_of(begun: FirstChild) -> Channel:
    """The supervisor's end of the channel."""
    return Channel(socket.socket(fileno=begun.channel))


def take(begun: FirstChild) -> None:
    """Leave none of the descriptors to other processes."""
    for descriptor in (begun.channel, begun.gate, begun.trail, begun.events):
        os.set_inheritable(descriptor, False)
