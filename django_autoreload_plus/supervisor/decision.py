"""When everything that was saved up to a moment is decided about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..protocol import messages as m
from .children import Children
from .file_watch import FileWatch
from .state import Phase, State

#: A program that does not report within this time is stopped, or has ended; seconds.
_REPORT_TIME = 2.0


class Decision:
    """Tells when everything that was saved up to a moment is decided about."""

    def __init__(
        self,
        children: Children,
        files: FileWatch,
        *,
        state: Callable[[], State],
        is_reading: Callable[[], bool],
    ) -> None:
        """``is_reading``: whether files are being compared with the disk."""
        self._children = children
        self._files = files
        self._state = state
        self._is_reading = is_reading
        self._news: set[asyncio.Event] = set()
        self._token = 0
        #: By the number of the question.
        self._reports: dict[int, asyncio.Event] = {}

    def update(self) -> None:
        """Look again whether everything is decided about; called after each event."""
        for news in self._news:
            news.set()

    def reported(self, token: int) -> None:
        """A child has reported what it has loaded by now."""
        if token in self._reports:
            self._reports[token].set()

    async def wait(self) -> None:
        """Return when everything saved by now is decided about."""
        news = asyncio.Event()
        self._news.add(news)
        try:
            await self._noticed()
            while not self.is_made():
                news.clear()
                await news.wait()
        finally:
            self._news.discard(news)

    def is_made(self) -> bool:
        """Whether nothing is known of that is still to be decided about."""
        state = self._state()
        if state.inspecting or state.deferred is not None or self._is_reading():
            return False
        if state.phase is Phase.RUNNING:
            child = self._children.get(state.live)
            return child is not None and not child.unchecked
        return state.phase is Phase.BROKEN

    async def _noticed(self) -> None:
        """Wait until every change up to now is known here."""
        await self._have_reported()
        # What they have loaded just now is to be watched as well.
        self._children.read_all()
        self._files.update_if_due()
        loop = asyncio.get_running_loop()
        noticed = asyncio.Event()

        def notice() -> None:
            loop.call_soon_threadsafe(noticed.set)

        self._files.watcher.when_caught_up(notice)
        await noticed.wait()

    async def _have_reported(self) -> None:
        """Have the live child tell what requests have made it load just now."""
        child = self._children.get(self._state().live)
        if child is None or not child.reads_messages:
            return
        self._token += 1
        token, answer = self._token, asyncio.Event()
        self._reports[token] = answer
        try:
            child.send(m.AskLoaded(token))
            await asyncio.wait_for(answer.wait(), _REPORT_TIME)
        except asyncio.TimeoutError:
            pass
        finally:
            del self._reports[token]
