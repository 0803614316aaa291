"""Gives the watcher the files that shape the program, and passes on what it reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from ..options import Options
from ..protocol.gate import Gate
from ..protocol.messages import LoadedFile
from ..watcher import Diagnostics, Watcher
from .code_state import CodeState

#: Reports of a starting child that come within this time are acted on together, in seconds.
_DELAY = 0.05


class FileWatch:
    """The watcher, which another one replaces when the options for it change."""

    def __init__(  # noqa: PLR0913 - what is watched, and whom it is told
        self,
        kind: type[Watcher],
        *,
        code: CodeState,
        gate: Gate,
        options: Callable[[], Options],
        answers: Callable[[], bool],
        changed: Callable[[frozenset[str]], None],
        matched: Callable[[Iterable[LoadedFile]], None],
        warn: Callable[[str], None],
    ) -> None:
        """``answers``: whether the live child is the one that answers.

        ``changed`` receives the paths that may have changed, ``matched`` the files that a
        glob has matched, ``warn`` what users should know of the watcher.
        """
        self._kind = kind
        self._loop = asyncio.get_running_loop()
        self._code = code
        self._gate = gate
        self._options = options
        self._answers = answers
        self._changed = changed
        self._matched = matched
        self._warn = warn
        self._timer: asyncio.TimerHandle | None = None
        self._printed = ""
        self.watcher = self._make()

    def start(self) -> None:
        """Begin to watch."""
        self._open(None)
        self.watcher.start()

    def stop(self) -> None:
        """Watch no more."""
        self.watcher.stop()

    def renew(self) -> None:
        """Go on with a watcher that has the options as they are now."""
        former, self.watcher = self.watcher, self._make()
        self._open(former)
        # Before an event is read: it is about these files.
        self.update()
        self.watcher.start()

    def update(self) -> None:
        """Watch what is known by now."""
        now = time.time_ns()
        matches = self.watcher.watch(self._code.targets())
        # Matches of a glob have no time of loading: they count as known from now on.
        self._matched(LoadedFile(path, now) for path in sorted(matches))

    def update_soon(self) -> None:
        """Watch what is known by then, a moment later.

        Comparing all targets with all that is watched costs milliseconds in a large
        project, and a starting child reports often.
        """
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self.update_if_due)

    def update_if_due(self) -> None:
        """Do now what :meth:`update_soon` was called for, if it was."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self.update()

    def diagnostics(self) -> Diagnostics:
        """Which backend watches how much; counting takes a millisecond in a large project."""
        return self.watcher.diagnostics()

    def news(self) -> str:
        """The diagnostics as a line, if it differs from the line returned last; else ``""``."""
        line = str(self.diagnostics())
        if line == self._printed:
            return ""
        self._printed = line
        return line

    def notified(self, paths: frozenset[str]) -> None:
        """The watcher reports these paths, from its thread.

        The gate does not wait for the loop, which opens it again if nothing turns out to
        have changed.
        """
        if self._answers():
            self._gate.close()
        # The loop may be about to open the gate, for what it has decided before: until it
        # has read this report, too, nobody answers.
        self._gate.announce()
        self._loop.call_soon_threadsafe(self._read, paths)

    def _read(self, paths: frozenset[str]) -> None:
        self._changed(paths)
        self._gate.acknowledge()

    def _note(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._warn, text)

    def _make(self) -> Watcher:
        roots = self._code.own.roots
        return self._kind(self.notified, self._options(), warn=self._note, roots=roots)

    def _open(self, former: Watcher | None) -> None:
        self.watcher.open(former)
        self._code.is_ignored = self.watcher.ignores
        self._gate.share(self.watcher.share(self._gate.reading))
