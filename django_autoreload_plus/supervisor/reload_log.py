"""What users are told of each reload: in the terminal at once, in the status when they ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from .child import START, Child
from .history import History
from .terminal import Terminal
from .timings import ReloadTimings

#: After so many reloads in a row for the same file, changed so few seconds after the last was live,
#: the file is probably written by a program: a person who looks at the result takes longer.
_REPEATED = 20
_SOON = 1.5


class ReloadLog:
    """The change that is being decided about: its files, its stages, and what becomes of it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.history = History()
        #: Files that changed since the last decision.
        self._changed: set[str] = set()
        self._timings = ReloadTimings()
        #: The files of the last reload, when it was live, and how many in a row were for them.
        self._last: tuple[list[str], float, int] = ([], 0.0, 0)

    # -- while it is decided ---------------------------------------------------

    def files_changed(self, paths: Collection[str]) -> None:
        """The watcher has seen something about these files."""
        if not self._changed:
            self.begin_anew()
        self._changed.update(paths)

    def begin_anew(self) -> None:
        """Measure the time from now on."""
        self._timings = ReloadTimings()
        self._timings.mark("event")

    def edited_meanwhile(self, paths: Collection[str]) -> None:
        """These files were edited while the child that is live now was starting."""
        self._changed.update(paths)
        if paths:
            text = f"{min(paths)} was edited while the program started"
            self.explain(Reason("AP316", text))

    def mark(self, stage: str) -> None:
        """Note the time of this stage of the reload."""
        self._timings.mark(stage)

    def explain(self, reason: Reason) -> None:
        """Note a reason for the way that the reload takes; the status shows it."""
        self.history.explain(reason)

    def tell(self, words: str, reason: Reason) -> None:
        """Note a reason, and print it after these words among the details."""
        self.history.explain(reason)
        self.detail(f"{words}{reason}")

    def detail(self, text: str) -> None:
        """Print what only those want to know who have asked for details."""
        self.terminal.message(f"  {text}", verbosity=2)

    # -- starts ------------------------------------------------------------------

    def starting(self) -> None:
        """A start begins."""
        if not self._changed:
            # The program asked for a restart: no file has changed.
            self._timings = ReloadTimings()
        # The stages of a start are its own; the first one, the event, it may share.
        self._timings.keep(1)
        self._timings.mark("decided")
        self.history.start()

    def launched(self, child: Child) -> None:
        """The process was made: forked from a checkpoint, or spawned."""
        self._timings.mark("spawned" if child.origin == START else "forked")

    def restart_asked(self) -> None:
        """The program itself wants to be started again."""
        self.explain(Reason("AP313", "the program asked for a fresh start"))

    # -- outcomes ----------------------------------------------------------------

    def live(self, child: Child, at_start: Collection[str], *, at_prompt: bool = False) -> None:
        """A child is live that was started with these files changed.

        ``at_prompt``: an older one shows a debugger's prompt, whose the terminal's modes are.
        """
        self.terminal.started = True
        # Files that were only touched are not named; one that was saved again during the start
        # before was named by that one.
        changed = sorted(self._changed.intersection(at_start) or self._changed or at_start)
        self._changed.clear()
        self.history.live(changed, self._timings.seconds, first=child.generation == 1)
        if child.generation != 1:
            if not at_prompt:
                self.terminal.restore_modes()
            self.terminal.live(changed, self._timings.seconds)
            self._notice_repetition(changed)
        what = f", {' and '.join(child.exchanged)} exchanged" if child.exchanged else ""
        self.detail(f"from {child.origin}{what}; {self._timings} ms")

    def _notice_repetition(self, changed: list[str]) -> None:
        """Name the cure where a program writes a file each time that the new code is live."""
        before, live, number = self._last
        is_soon = self._timings.began - live < _SOON
        number = number + 1 if changed == before and is_soon else 1
        self._last = (changed, time.monotonic(), number)
        if number == _REPEATED and changed:
            self.terminal.message(
                f"{self.terminal.names(changed)} changed soon after each of the last {number}"
                " starts: if a program writes it, name it in IGNORE"
            )

    def failed(
        self,
        failure: Failure,
        *,
        serving: bool,
        show_page: Callable[[], str | None],
        at_prompt: bool = False,
    ) -> None:
        """The code cannot start. ``serving``: the last good code answers nevertheless.

        ``show_page`` has the failure shown to browsers, and returns why it cannot be;
        ``at_prompt`` as above.
        """
        self.history.broken(failure, self._changed, self._timings.seconds)
        self._changed.clear()
        if not at_prompt:
            self.terminal.restore_modes()
        # The page first: who reads the line may ask for it at once.
        problem = None if serving else show_page()
        self.terminal.waiting(failure, serving=serving)
        if problem is not None:
            self.terminal.message(f"no page for the browser: {problem}")

    def failure_over(self) -> None:
        """The disk is again what the live child was made from."""
        self.history.failure = None
        self.terminal.message("the change was undone · the running code is live again")

    def deferred(self) -> None:
        """The change waits for a debugger's prompt."""
        self.explain(Reason("AP317", "it waited for the prompt"))
        self.terminal.defer(sorted(self._changed))

    def taken(self, paths: frozenset[str], *, translations: bool) -> None:
        """The running program has taken a change of these files by itself."""
        self._changed -= paths
        self.history.taken(paths, self._timings.seconds)
        if translations:
            self.terminal.taken(sorted(paths), "translations reset")

    def unchanged(self, *, kept: Collection[str], undone: bool) -> None:
        """The change turned out to be none. ``undone``: that ends a start, or a failure.

        ``kept``: files for which a child is being started, to be named when it is live.
        """
        others = self._changed.difference(kept)
        if others:
            note = self.history.undone if undone else self.history.unchanged
            note(others, self._timings.seconds)
            names = self.terminal.names(sorted(others))
            self.terminal.message(f"{names} saved without a change (AP310)", verbosity=2)
        self._changed.intersection_update(kept)
