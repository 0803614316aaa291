"""The lines that the command prints: one for each event."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

from ..paths import shown
from ..protocol.failure import Failure
from ..protocol.messages import ProjectInfo

termios: ModuleType | None
try:
    import termios
except ImportError:  # Windows
    termios = None

_RESET = "\033[0m"
_STYLES = {"dim": "\033[2m", "good": "\033[32;1m", "bad": "\033[31;1m", "plain": ""}
#: Addresses of objects and colour codes: two lines that differ in nothing else are equal.
_IDENTITY = re.compile(r"0x[0-9a-f]+|\x1b\[[\d;]*m")
#: More names than this in one line become a number.
_MOST_NAMES = 3
#: Details that are kept until it is known whether they are wanted.
_MOST_DETAILS = 100


class Terminal:
    """Writes to standard error, as Django's reloader does."""

    def __init__(self) -> None:
        self.color: bool | None = None
        #: The program has been live once: the verbosity that it wants is known.
        self.started = False
        self.verbosity = 2 if os.environ.get("DJANGO_AUTORELOAD_PLUS_DEBUG") else 1
        self._said: set[str] = set()
        #: The attributes of tcgetattr(3) before any process of the program runs.
        self._modes = _modes()
        #: Details that came before the program said how much is wanted, with their verbosity.
        self._details: deque[tuple[int, str]] = deque(maxlen=_MOST_DETAILS)

    def configure(self, project: ProjectInfo) -> None:
        """Follow what the program's configuration says."""
        self.color = project.color
        self.verbosity = max(self.verbosity, project.verbosity)
        _set_time_zone(project.time_zone)
        self._tell_details()

    def checked(self, text: str, *, printed: bool) -> None:
        """Print the messages of system checks, unless every line was printed the last time."""
        before, self._said = self._said, {_IDENTITY.sub("", line) for line in text.splitlines()}
        if not (printed or self._said <= before):
            self.text(text)

    def live(self, paths: Sequence[str], seconds: float) -> None:
        """New code serves."""
        took = self._style("good", f"live in {_duration(seconds)}")
        what = f"{self.names(paths)} changed" if paths else "started again"
        self._line(f"{what} · {took}")

    def taken(self, paths: Sequence[str], what: str) -> None:
        """The running program has taken a change."""
        self._line(f"{self.names(paths)} changed · {self._style('good', what)}")

    def defer(self, paths: Sequence[str]) -> None:
        """A change waits for a prompt, which stands in the line that is begun."""
        self.text("")
        rest = "live when the prompt is left"
        self._line(f"{self.names(paths)} changed · {self._style('dim', rest)}")

    def waiting(self, failure: Failure, *, serving: bool) -> None:
        """The code cannot start; ``text`` has the traceback."""
        rest = "the last good code keeps serving" if serving else "waiting for a fix"
        self.text(failure.text)
        self._line(f"{self._style('bad', self.headline(failure))} · {rest}")

    def message(self, text: str, *, verbosity: int = 1) -> None:
        """Print a line of this ``verbosity``; kept while it is unknown which are wanted."""
        if self.verbosity >= verbosity:
            self._line(text)
        elif not self.started:
            self._details.append((verbosity, text))

    def text(self, text: str) -> None:
        """Print a text as it is, without the time."""
        stream = sys.stderr
        with contextlib.suppress(OSError, ValueError):
            stream.write(text if text.endswith("\n") else f"{text}\n")
            stream.flush()

    def headline(self, failure: Failure) -> str:
        """Place and mistake in one line; editors and terminals open ``path:line`` by a click."""
        if not failure.path:
            return failure.summary
        name = shown(failure.path)
        place = f"{name}:{failure.line}" if failure.line else name
        return f"{place} · {failure.summary}"

    def names(self, paths: Sequence[str]) -> str:
        """Relative names; many become a number."""
        names = [shown(path) for path in sorted(paths)]
        if len(names) > _MOST_NAMES:
            return f"{names[0]} and {len(names) - 1} more files"
        return ", ".join(names) or "nothing"

    def restore_modes(self) -> None:
        """Put the terminal's modes back, if a debugger left others.

        As they were when the command began; the echo alone, if it began in the background.
        """
        device = _device()
        if termios is None or device is None:
            return
        with contextlib.suppress(termios.error, OSError, ValueError):
            if not _may_set_modes(device):
                return
            present = termios.tcgetattr(device)
            wanted = self._modes or [*present[:3], present[3] | termios.ECHO, *present[4:]]
            if wanted == present:
                return
            # A background process that touches the terminal would be stopped.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            try:
                termios.tcsetattr(device, termios.TCSANOW, wanted)
            finally:
                signal.signal(signal.SIGTTOU, before)

    def _tell_details(self) -> None:
        details, self._details = self._details, deque(maxlen=_MOST_DETAILS)
        for verbosity, text in details:
            self.message(text, verbosity=verbosity)

    def _line(self, text: str) -> None:
        now = datetime.now().strftime("%H:%M:%S")  # noqa: DTZ005 - the wall clock of the reader
        self.text(f"{self._style('dim', now)}  {text}")

    def _style(self, name: str, text: str) -> str:
        return f"{_STYLES[name]}{text}{_RESET}" if self._has_color() else text

    def _has_color(self) -> bool:
        if self.color is not None:
            return self.color
        return not os.environ.get("NO_COLOR") and sys.stderr.isatty()


def _device() -> int | None:
    """The descriptor of the terminal that the command was started on."""
    for stream in (sys.stdin, sys.stderr, sys.stdout):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if os.isatty(stream.fileno()):
                return stream.fileno()
    return None


def _modes() -> list[Any] | None:
    device = _device()
    if termios is not None and device is not None:
        with contextlib.suppress(termios.error, OSError):
            if os.tcgetpgrp(device) == os.getpgrp():
                modes: list[Any] = termios.tcgetattr(device)
                return modes
    return None


def _may_set_modes(device: int) -> bool:
    """Whether the terminal is ours, or that of a group which is gone, not a shell's."""
    group = os.tcgetpgrp(device)
    if group == os.getpgrp():
        return True
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _set_time_zone(name: str | None) -> None:
    """Print times as the program does, whose framework may choose another zone."""
    if hasattr(time, "tzset") and name is not None and name != os.environ.get("TZ", ""):
        if name:
            os.environ["TZ"] = name
        else:
            del os.environ["TZ"]
        time.tzset()


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
