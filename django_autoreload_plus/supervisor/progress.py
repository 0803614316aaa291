"""How a child comes to be live, or fails: what it says becomes events for the policy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..options import Options
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.failure import Failure
from . import events
from .child import Child
from .children import Children
from .clearing import Clearing
from .code_state import CodeState
from .loads import Loads
from .reload_log import ReloadLog
from .start_watch import StartWatch
from .state import State
from .timings import STARTED
from .traffic import Traffic

#: A program has bound all its ports within this time after its first one, in seconds.
_UNUSED = 2.0
#: Worker processes of a program that has been live for this time belong to its work, in seconds.
_YOUNG = 5.0


class Progress:
    """The children from their start until they are live, or cannot be."""

    def __init__(  # noqa: PLR0913 - all that depends on whether a child is live
        self,
        trail: Breadcrumbs,
        children: Children,
        *,
        code: CodeState,
        loads: Loads,
        clearing: Clearing,
        traffic: Traffic,
        log: ReloadLog,
        at_once: bool,
        options: Callable[[], Options],
        state: Callable[[], State],
        handle: Callable[[events.Event], None],
    ) -> None:
        """``at_once``: the program runs from its first line, and need not say that it does."""
        self._code = code
        self._loads = loads
        self._clearing = clearing
        self._traffic = traffic
        self._log = log
        self._at_once = at_once
        self._handle = handle
        self._watch = StartWatch(
            trail,
            children,
            code,
            at_once=at_once,
            options=options,
            state=state,
            loaded=loads.add,
            begun=loads.add_begun,
            runs=self._live,
            hangs=self._hangs,
        )

    def watch(self, child: Child) -> None:
        """Watch the start of this child."""
        self._watch.watch(child)

    def started(self, child: Child, message: m.Started) -> None:
        """The program says that it runs."""
        child.reads_messages = child.reads_messages or message.reads_messages
        child.restarts = message.restarts
        if message.restarts or not self._at_once:
            self._live(child)
        else:
            # It may be about to listen: then it is live when it serves.
            self._log.mark(STARTED)
            self._watch.await_server(child)

    def serving(self, child: Child, message: m.Serving) -> None:
        """The program accepts connections."""
        child.serves = child.reads_messages = True
        self._live(child, serves=True, unchecked=message.unchecked)

    def failed(self, child: Child, failure: Failure) -> None:
        """A child could not start: its files are what is watched for the fix."""
        if child.explained:
            return
        child.explained = True
        self._loads.compare_failed(child)
        again = self._clearing.may_have_caused(failure, child)
        self._handle(events.StartFailed(child.generation, failure, again))

    def worker_failed(self, child: Child, failure: Failure) -> None:
        """A worker process of a child could not load its code.

        One that is made later is a matter of the program's own.
        """
        is_young = not child.live or time.monotonic() - child.live_since < _YOUNG
        if is_young and not (child.explained or child.retired):
            self._loads.compare_failed(child)
            self._handle(events.StartFailed(child.generation, failure))

    def _live(self, child: Child, *, serves: bool = False, unchecked: bool = False) -> None:
        """A child runs, or serves."""
        if child.explained:
            # A child that was given up would only cast doubt on files that it has loaded.
            return
        if child.live:
            child.unchecked = child.unchecked or unchecked
            self._live_still(child, serves=serves)
            return
        child.live, child.unchecked = True, unchecked
        self._log.mark("ready" if child.swapped else "imported")
        edited = self._loads.compare(child)
        self._code.loaded()
        self._log.edited_meanwhile(edited)
        restarts = child.restarts or not self._at_once
        outdated = bool(edited)
        self._handle(events.Live(child.generation, serves, outdated=outdated, restarts=restarts))
        asyncio.get_running_loop().call_later(_UNUSED, self._traffic.drop_unused, child)
        self._clearing.update()

    def _live_still(self, child: Child, *, serves: bool) -> None:
        self._loads.compare_live(child)
        self._handle(events.Live(child.generation, serves, restarts=child.restarts))

    def _hangs(self, child: Child, failure: Failure) -> None:
        self.failed(child, failure)
        child.kill()
