"""Compares what was loaded with the disk, the files of libraries a few at a time.

A large project loads thousands of them. Reading all in one go would keep the loop
from everything else for a quarter of a second, just when the first request comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from ..protocol.messages import LoadedFile
from .code_state import CodeState

#: Read without a pause: one to two milliseconds.
_SLICE = 40


class LoadRecorder:
    """Loaded files that are still to be read and compared."""

    def __init__(
        self,
        code: CodeState,
        *,
        doubt: Callable[[frozenset[str]], None],
        edited: Callable[[frozenset[str]], None],
        finished: Callable[[], None] = lambda: None,
    ) -> None:
        """``doubt`` is told which loaded files were edited since, ``edited`` of late ones.

        ``finished`` is called when none waits any more.
        """
        self._code = code
        self._doubt = doubt
        self._edited = edited
        self._finished = finished
        self._waiting: deque[LoadedFile] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether files wait that were not compared yet."""
        return self._task is not None

    def record(self, items: Iterable[LoadedFile]) -> frozenset[str]:
        """Read the project's own files now, and the others soon.

        Returns which of the former were edited after they had begun to be loaded;
        if any of the latter were, that is a change like any other. So is an edit of
        a file that still waits: not yet read, it differs from whatever it becomes.
        """
        own: list[LoadedFile] = []
        others: list[LoadedFile] = []
        for item in items:
            (own if self._code.is_own(item.path) else others).append(item)
        self.later(others)
        return self._record(own)

    def later(self, items: Iterable[LoadedFile]) -> None:
        """Read these soon; one that was edited meanwhile is a change."""
        self._waiting.extend(items)
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._read_on())

    async def _read_on(self) -> None:
        while self._waiting:
            count = min(_SLICE, len(self._waiting))
            edited = self._record([self._waiting.popleft() for _ in range(count)])
            if edited:
                self._edited(edited)
            await asyncio.sleep(0)
        self._task = None
        self._finished()

    def _record(self, items: list[LoadedFile]) -> frozenset[str]:
        edited = self._code.record(items)
        self._doubt(edited)
        return edited
