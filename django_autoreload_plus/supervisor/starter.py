"""Starts children: here by a fresh process each time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .process import Child, spawn

if TYPE_CHECKING:
    from .core import Supervisor


class Starter:
    """The plain path: every child is a new interpreter."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def start(self, generation: int) -> None:
        """Start the program from its first import on."""
        supervisor = self._supervisor
        began = time.time_ns()
        channel, process = spawn(supervisor.launch, generation, supervisor.gate)
        child = Child(generation, process.pid, channel, started_at=began)
        supervisor.children[generation] = child
        supervisor.loop.add_reader(channel, supervisor.hear, child)
        supervisor.reaper.add(child, process)
        limit = supervisor.options.start_timeout
        if limit:
            supervisor.loop.call_later(limit, supervisor.timed_out, child)
