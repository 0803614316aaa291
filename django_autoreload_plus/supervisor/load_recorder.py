"""Reading the files of libraries a few at a time.

A large project loads thousands of them. Reading all in one go would keep the loop
from everything else for a quarter of a second, just when the first request comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol.messages import LoadedFile

if TYPE_CHECKING:
    from .core import Supervisor

#: Read without a pause: one to two milliseconds.
_SLICE = 40


class Recording:
    """What has been loaded and is still to be read."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._waiting: deque[LoadedFile] = deque()
        self._task: asyncio.Task[None] | None = None

    def record(self, items: Iterable[LoadedFile]) -> frozenset[str]:
        """Read the project's own files now, and the others soon.

        Returns which of the former were edited after they had begun to be loaded;
        if any of the latter were, that is a change like any other. So is an edit of
        a file that still waits: not yet read, it differs from whatever it becomes.
        """
        is_own = self._supervisor.code.is_own
        own: list[LoadedFile] = []
        others: list[LoadedFile] = []
        for item in items:
            (own if is_own(item.path) else others).append(item)
        self.later(others)
        return self._record(own)

    def later(self, items: Iterable[LoadedFile]) -> None:
        """Read these soon; one that was edited meanwhile is a change."""
        self._waiting.extend(items)
        if self._waiting and self._task is None:
            self._task = self._supervisor.loop.create_task(self._read_on())

    async def _read_on(self) -> None:
        while self._waiting:
            count = min(_SLICE, len(self._waiting))
            edited = self._record([self._waiting.popleft() for _ in range(count)])
            if edited:
                self._supervisor.files_changed(edited)
            await asyncio.sleep(0)
        self._task = None

    def _record(self, items: list[LoadedFile]) -> frozenset[str]:
        edited = self._supervisor.code.record(items)
        self._supervisor.starter.checkpoints.forget(edited)
        return edited
