"""What is known of a child that died, or hangs, without having said why."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from ..protocol.failure import Failure
from ..protocol.failures import from_death, from_refusal, from_timeout
from ..protocol.messages import Loaded, LoadedFile
from ..protocol.trail import STACK_SIGNAL, Traces
from .process import Child

if TYPE_CHECKING:
    from .core import Supervisor

#: For a child to write on which line it hangs, and between two looks; seconds.
_ANSWER_TIME = 1.0
_GLANCE = 0.02


class LastWords:
    """Reads the trail of the child that is starting."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def of_dead(self, child: Child, status: int) -> Failure:
        """Why it ended; the files it had begun to load are watched from now on."""
        traces = self._supervisor.trail.read()
        self._watch(child, traces)
        if child.refused:
            return from_refusal(child.refused)
        own = [path for path, _ in traces.files if self._is_own(path)]
        return from_death(status, stack=traces.stack, is_own=self._is_own, last=own[-1:])

    async def of_hanging(self, child: Child) -> Failure:
        """Where it hangs, if it tells; the files it had begun to load are watched."""
        trail = self._supervisor.trail
        self._watch(child, trail.read())
        stack = ""
        if STACK_SIGNAL is not None and child.pid_is_certain:
            trail.clear()
            child.signal(STACK_SIGNAL)
            deadline = time.monotonic() + _ANSWER_TIME
            before = None
            # What does not grow any more is complete.
            while (not stack or stack != before) and time.monotonic() < deadline:
                await asyncio.sleep(_GLANCE)
                before, stack = stack, trail.read().stack
        return from_timeout(self._supervisor.options.start_timeout, stack, self._is_own)

    def _watch(self, child: Child, traces: Traces) -> None:
        files = tuple(LoadedFile(os.path.abspath(path), when) for path, when in traces.files)
        report = Loaded(files)
        child.loaded.append(report)
        self._supervisor.loaded(child, report)

    def _is_own(self, path: str) -> bool:
        return self._supervisor.code.is_own(path)
