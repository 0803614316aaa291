"""Watches starts by their breadcrumbs: what they load, whether they run, whether they hang.

A child tells what it has loaded when it comes to a checkpoint or is live. One that hangs
in an import never does; its breadcrumbs are read instead. A program that runs from its
first line never says that it has started: when it has loaded nothing for a while, it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import ref

from ..options import Options
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.failure import Failure
from ..records import dataclass
from . import postmortem
from .child import Child
from .children import Children
from .code_state import CodeState
from .state import State

#: Between two readings of the breadcrumbs, in seconds.
_INTERVAL = 0.5
#: A program that has loaded nothing for this time runs, in seconds; one that says that it
#: begins its work has bound its port within the shorter time if it is a server.
_QUIET = 1.0
_UNTIL_BOUND = 0.05
#: A program that has served before does so again within this time, in seconds.
_UNTIL_SERVING = 3.0


@dataclass
class _Start:
    """A child that starts."""

    child: Child
    #: How many files it had begun to load when its breadcrumbs were read last.
    files: int = 0
    #: How often in a row there were no more.
    quiet: int = 0


class StartWatch:
    """The starts under way."""

    def __init__(  # noqa: PLR0913 - what is read, and whom it is told
        self,
        trail: Breadcrumbs,
        children: Children,
        code: CodeState,
        *,
        at_once: bool,
        options: Callable[[], Options],
        state: Callable[[], State],
        loaded: Callable[[Child, m.Loaded], None],
        begun: Callable[[Child, m.Loaded], None],
        runs: Callable[[Child], None],
        hangs: Callable[[Child, Failure], None],
    ) -> None:
        """``at_once``: the program runs from its first line.

        ``loaded`` is given the report that a hanging child did not come to send, ``begun``
        files of which nothing was known. ``runs`` is called for a program that does not tell
        that it runs, ``hangs`` for a child that is not live after the time that it has.
        """
        self._trail = trail
        self._children = children
        self._code = code
        self._at_once = at_once
        self._options = options
        self._state = state
        self._loaded = loaded
        self._begun = begun
        self._runs = runs
        self._hangs = hangs
        #: Kept against the garbage collector.
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, child: Child) -> None:
        """Watch the start of this child."""
        loop = asyncio.get_running_loop()
        loop.call_later(_INTERVAL, self._read, _Start(child))
        if self._options().start_timeout:
            # Until then many have come and gone, each with the names of all that it has loaded.
            loop.call_later(self._options().start_timeout, self._timed_out, ref(child))

    def await_server(self, child: Child) -> None:
        """The program begins its work: unless it serves soon, it is none that serves."""
        wait = _UNTIL_SERVING if self._state().serves else _UNTIL_BOUND
        asyncio.get_running_loop().call_later(wait, self._not_serving, child)

    def _read(self, start: _Start) -> None:
        child = start.child
        tells = child.live and (child.reads_messages or not self._at_once)
        is_newest = child.generation == self._state().newest
        if tells or child.explained or not (is_newest and self._children.has(child)):
            return
        begun = postmortem.begun_files(self._trail.read()).files
        # Files that are known are watched already, and compared with those of the live child.
        new = tuple(item for item in begun if self._code.is_new(item.path))
        if new:
            self._begun(child, m.Loaded(new))
        does_nothing = len(begun) == start.files and not child.awaits_clearance
        start.quiet = start.quiet + 1 if does_nothing else 0
        start.files = len(begun)
        wait = _UNTIL_SERVING if self._state().serves else _QUIET
        if self._at_once and start.quiet * _INTERVAL >= wait:
            self._not_serving(child)
        asyncio.get_running_loop().call_later(_INTERVAL, self._read, start)

    def _not_serving(self, child: Child) -> None:
        is_over = child.live or child.explained or child.retired
        waits = child.awaits_clearance or child.awaits_workers
        if self._children.has(child) and not (is_over or waits):
            self._runs(child)

    def _timed_out(self, reference: ref[Child]) -> None:
        loop = asyncio.get_running_loop()
        child = reference()
        if child is None:
            return
        if child.generation in self._state().prompts:
            loop.call_later(self._options().start_timeout, self._timed_out, reference)
        elif not child.live and self._children.has(child):
            task = loop.create_task(self._explain(child))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _explain(self, child: Child) -> None:
        # The files are watched for the edit that ends the wait.
        self._loaded(child, postmortem.begun_files(self._trail.read()))
        limit = self._options().start_timeout
        failure = await postmortem.of_hanging(child, self._trail, limit, self._code.is_own)
        if not child.live and self._children.has(child):
            self._hangs(child, failure)
