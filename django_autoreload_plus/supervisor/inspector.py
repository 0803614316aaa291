"""From "a file may have changed" to a verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from ..protocol import messages as m
from ..protocol.failure import Failure
from ..watcher.git import git_is_busy
from . import events
from .child import Child
from .children import Children
from .code_state import CodeState, Verdict
from .reload_log import ReloadLog
from .state import Phase, State

#: A running program that does not answer within this time has not taken it.
_ANSWER_TIME = 2.0
#: While git holds its lock, check again after this time, at most so long.
_GIT_PAUSE = 0.02
_GIT_PATIENCE = 10.0
#: An editor that writes in two steps is done within this time.
_HALF_WRITTEN = 0.15


class Inspector:
    """Compares changed files; a later change supersedes an inspection that is under way."""

    def __init__(
        self,
        code: CodeState,
        children: Children,
        log: ReloadLog,
        *,
        state: Callable[[], State],
        asks: Callable[[], bool],
        quiet_time: Callable[[], float],
        decided: Callable[[events.Inspected], None],
    ) -> None:
        """``asks``: whether the program may take changes of its Python sources, too.

        ``quiet_time`` says for how long to wait for further changes before a start, in seconds.
        """
        self._code = code
        self._children = children
        self._log = log
        self._state = state
        self._asks = asks
        self._quiet_time = quiet_time
        self._decided = decided
        self._paths: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._token = 0
        self._answer: asyncio.Future[m.Handled] | None = None

    def begin(self, paths: Iterable[str]) -> None:
        """Inspect these files, together with those not yet decided about."""
        self._paths.update(paths)
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.get_running_loop().create_task(self._inspect())

    @property
    def is_under_way(self) -> bool:
        """Whether a change is being inspected."""
        return self._task is not None

    def answered(self, message: m.Handled) -> None:
        """The running program says which changes it has taken."""
        if self._answer is not None and message.token == self._token and not self._answer.done():
            self._answer.set_result(message)

    async def _inspect(self) -> None:
        await self._wait_for_git()
        # A child may have reported that it writes one of the files itself: then it is no code.
        self._children.read_all()
        # A message may have begun another inspection, which cancels this one here.
        await asyncio.sleep(0)
        code = self._code
        code.compare(self._paths)
        verdict = self._compare()
        failure: Failure | None = None
        if verdict == "new":
            verdict = await self._offer()
        if verdict == "new":
            failure = await self._compiles()
            verdict = self._compare() if failure is None else "syntax"
        if verdict == "new":
            await self._wait_for_quiet()
        self._paths.clear()
        self._task = None
        if verdict in ("same", "syntax"):
            # Decided: an attempt under way is given up, and what failed before, saved again, is
            # new.
            code.decide()
        if verdict in ("same", "known"):
            self._nothing_new(known=verdict == "known")
        self._decided(events.Inspected(verdict, failure))

    def _compare(self) -> Verdict:
        return self._code.verdict(live=self._live_child() is not None)

    def _live_child(self) -> Child | None:
        return self._children.get(self._state().live)

    def _nothing_new(self, *, known: bool) -> None:
        """The change turned out to be none; ``known``: none since the latest attempt."""
        state = self._state()
        starting = known and state.phase is Phase.STARTING
        kept = self._code.changed_at_start if starting else frozenset()
        self._log.unchanged(kept=kept, undone=not known and state.can_go_back)

    async def _wait_for_git(self) -> None:
        deadline = time.monotonic() + _GIT_PATIENCE
        while git_is_busy(self._paths) and time.monotonic() < deadline:  # noqa: ASYNC110 - a file
            await asyncio.sleep(_GIT_PAUSE)

    async def _offer(self) -> Verdict:
        """Ask the running program whether it can take the changes as they are."""
        code = self._code
        child = self._live_child()
        paths = tuple(sorted(filter(self._asks_about, code.dirty)))
        if child is None or not paths:
            return "new"
        offered = dict(code.dirty)
        self._token += 1
        self._answer = asyncio.get_running_loop().create_future()
        child.send(m.Changed(self._token, paths))
        # Not wait_for(): until Python 3.11 it goes on, although a newer change has
        # cancelled this inspection, if the answer comes at the same moment.
        await asyncio.wait([self._answer], timeout=_ANSWER_TIME)
        if not self._answer.done():
            return "new"
        answer = self._answer.result()
        code.take([offered[path] for path in answer.paths if path in offered])
        self._log.taken(frozenset(answer.paths), translations=answer.translations)
        if code.dirty:
            return "new"
        # With what it has taken, the running program is what the disk holds: a start
        # under way is given up, and a failure is over.
        code.decide()
        return "taken"

    def _asks_about(self, path: str) -> bool:
        """Whether the running program may take a change of this file without a restart."""
        # Python sources it never takes, unless a receiver of its own asks for them.
        return self._asks() or not path.endswith((".py", ".pyc"))

    async def _wait_for_quiet(self) -> None:
        # Every further event cancels this task and begins a new one, so sleeping is enough.
        seconds = self._quiet_time()
        if seconds:
            await asyncio.sleep(seconds)

    async def _compiles(self) -> Failure | None:
        code = self._code
        failure = code.syntax_failure()
        if failure is None:
            return None
        await asyncio.sleep(_HALF_WRITTEN)
        code.compare(self._paths)
        return code.syntax_failure()
