"""Attaches this process to the supervisor that started it."""

from __future__ import annotations

import os
import socket

from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.channel import Channel
from ..protocol.gate import Gate
from ..protocol.launch import ChildLaunch, child_from_environment
from .again import RunAgain
from .connection import Connection
from .descriptors import OwnDescriptors
from .replacement import Replacement
from .tracker import Tracker

_current: Connection | None = None


def connect() -> Connection | None:
    """The connection of this process, or ``None`` when no supervisor started it."""
    global _current  # noqa: PLW0603 - a process has one connection
    if _current is None:
        launch = child_from_environment()
        if launch is not None:
            _current = _connect(launch)
    return _current


def _connect(launch: ChildLaunch) -> Connection:
    for descriptor in (launch.channel, launch.gate, launch.events, launch.trail):
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=launch.channel))
    link = Connection(channel, Gate(launch.gate, launch.events), launch, Tracker())
    trail = Breadcrumbs(launch.trail)
    trail.arm()
    link.tracker.listeners["exec"] = trail.executing
    link.tracker.begins_to_read = trail.reading
    link.guard(on=True)
    link.greet()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=link.program_forked)
    OwnDescriptors(link.descriptors, link.is_here).install()
    Replacement(link).install()
    RunAgain(link).install()
    return link
