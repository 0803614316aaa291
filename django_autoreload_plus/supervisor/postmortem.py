"""Why a child died, or hangs, without having said so itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..failure.from_process import from_death, from_refusal, from_timeout, from_unstarted
from ..paths import absolute
from ..protocol.breadcrumbs import STACK_SIGNAL, Breadcrumbs, Traces
from ..protocol.failure import Failure
from ..protocol.messages import Loaded, LoadedFile
from .child import Child
from .interpreter import can_execute

#: For a child to write on which line it hangs, and between two readings; seconds.
_ANSWER_TIME = 1.0
_GLANCE = 0.02


def begun_files(traces: Traces) -> Loaded:
    """The files that a child had begun to load, as the report that it did not come to send."""
    begun = (*traces.files, *traces.data)
    return Loaded(tuple(LoadedFile(absolute(path), when) for path, when in begun))


def of_unreadable(problem: str) -> Failure:
    """A child has sent what cannot be understood."""
    summary = "django-autoreload-plus: the process sent what cannot be read"
    text = f"{summary}.\n{problem}\nPlease report it.\n"
    return Failure("command", summary, text, contention="impossible")


def of_unresponsive() -> Failure:
    """A child has read nothing for so long that no more could wait for it."""
    summary = "The process reads nothing that it is told"
    text = f"{summary}. It may have been stopped (SIGSTOP). The next change tries again.\n"
    return Failure("command", summary, text, contention="impossible")


def of_unstarted(error: OSError, executable: str) -> Failure:
    """A child could not even be started."""
    is_gone = not can_execute(executable)
    return from_unstarted(error.strerror or str(error), executable, gone=is_gone)


def of_dead(child: Child, status: int, traces: Traces, is_own: Callable[[str], bool]) -> Failure:
    """Why a child ended with this status (negative: by this signal)."""
    if child.refused:
        return from_refusal(child.refused)
    own = [path for path, _ in traces.files if is_own(path)]
    return from_death(status, stack=traces.stack, is_own=is_own, last=own[-1:])


async def of_hanging(
    child: Child, trail: Breadcrumbs, limit: float, is_own: Callable[[str], bool]
) -> Failure:
    """Where a child hangs, if it tells, after ``limit`` seconds."""
    stack = ""
    if STACK_SIGNAL is not None and child.pid_is_certain:
        trail.clear()
        child.signal(STACK_SIGNAL)
        deadline = time.monotonic() + _ANSWER_TIME
        before = None
        # faulthandler has written the whole stack when the text does not grow any more.
        while (not stack or stack != before) and time.monotonic() < deadline:
            await asyncio.sleep(_GLANCE)
            before, stack = stack, trail.read().stack
    return from_timeout(limit, stack, is_own)
