"""From "a file may have changed" to a verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol import messages as m
from ..protocol.failure import Failure
from ..watcher.settle import git_is_busy
from . import policy

if TYPE_CHECKING:
    from .core import Supervisor

#: A running program that does not answer within this time has not taken it.
_ANSWER_TIME = 2.0
#: While git holds its lock, look again after this time, at most so long.
_GIT_PAUSE = 0.02
_GIT_PATIENCE = 10.0
#: An editor that writes in two steps is done within this time.
_HALF_WRITTEN = 0.15


class Inspection:
    """Looks at changed files; a later change supersedes a look that is under way."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._paths: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._token = 0
        self._answer: asyncio.Future[m.Handled] | None = None

    def begin(self, paths: Iterable[str]) -> None:
        """Look at these files, together with those not yet decided about."""
        self._paths.update(paths)
        if self._task is not None:
            self._task.cancel()
        self._task = self._supervisor.loop.create_task(self._look())

    @property
    def is_under_way(self) -> bool:
        """Whether a change is being looked at."""
        return self._task is not None

    def answered(self, message: m.Handled) -> None:
        """The running program says which changes it has taken."""
        if self._answer is not None and message.token == self._token and not self._answer.done():
            self._answer.set_result(message)

    async def _look(self) -> None:
        await self._wait_for_git()
        self._hear_of_writes()
        # What was heard may have begun another look: then this one ends here.
        await asyncio.sleep(0)
        code = self._supervisor.code
        code.look(self._paths)
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
            # Decided; what failed before and comes back has to be decided again.
            code.attempt()
        if verdict in ("same", "known"):
            self._supervisor.nothing_new(known=verdict == "known")
        self._supervisor.handle(policy.Looked(verdict, failure))

    def _hear_of_writes(self) -> None:
        """What a child writes itself it has told of before: such a file is no code."""
        supervisor = self._supervisor
        for child in list(supervisor.children.values()):
            supervisor.hearing.hear(child)

    def _compare(self) -> str:
        supervisor = self._supervisor
        return supervisor.code.verdict(live=bool(supervisor.state.live))

    async def _wait_for_git(self) -> None:
        deadline = time.monotonic() + _GIT_PATIENCE
        while git_is_busy(self._paths) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_GIT_PAUSE)

    async def _offer(self) -> str:
        """Ask the running program whether it can take the changes as they are."""
        supervisor = self._supervisor
        code = supervisor.code
        child = supervisor.children.get(supervisor.state.live)
        paths = tuple(sorted(p for p in code.dirty if supervisor.facts.asks or _may_be_taken(p)))
        if child is None or not paths:
            return "new"
        offered = dict(code.dirty)
        self._token += 1
        self._answer = supervisor.loop.create_future()
        child.tell(m.Changed(self._token, paths))
        # Not wait_for(): until Python 3.11 it goes on, although a newer change has
        # cancelled this look, if the answer comes at the same moment.
        await asyncio.wait([self._answer], timeout=_ANSWER_TIME)
        if not self._answer.done():
            return "new"
        answer = self._answer.result()
        code.take([offered[path] for path in answer.paths if path in offered])
        supervisor.taken(frozenset(answer.paths), translations=answer.translations)
        if code.dirty:
            return "new"
        # With what it has taken, the running program is what the disk holds: a start
        # under way is given up, and a failure is over.
        code.attempt()
        return "taken"

    async def _compiles(self) -> Failure | None:
        code = self._supervisor.code
        failure = code.syntax_failure()
        if failure is None:
            return None
        await asyncio.sleep(_HALF_WRITTEN)
        code.look(self._paths)
        return code.syntax_failure()

    async def _wait_for_quiet(self) -> None:
        """A long start is worth waiting for the end of a batch.

        Every further event cancels this task and begins a new one, so sleeping
        is enough.
        """
        supervisor = self._supervisor
        supervisor.starter.attempt(supervisor.code.since_start())
        if supervisor.starter.is_cheap():
            return
        await asyncio.sleep(supervisor.options.debounce)


def _may_be_taken(path: str) -> bool:
    """Python sources never are, unless somebody asks for them."""
    return not path.endswith((".py", ".pyc"))
