"""What the developer reads: one line for each thing that happened."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from types import ModuleType

from ..protocol.failure import Failure
from ..protocol.messages import Facts

termios: ModuleType | None
try:
    import termios
except ImportError:  # Windows
    termios = None

_RESET = "\033[0m"
_STYLES = {"dim": "\033[2m", "good": "\033[32;1m", "bad": "\033[31;1m", "plain": ""}
#: What differs between two equal lines: the address of an object, and colours.
_IDENTITY = re.compile(r"0x[0-9a-f]+|\x1b\[[\d;]*m")
#: More names than this in one line tell nobody anything.
_MOST_NAMES = 3


class Terminal:
    """Writes to standard error, as Django's reloader does."""

    def __init__(self) -> None:
        self.color: bool | None = None
        self.verbosity = 2 if os.environ.get("DJANGO_AUTORELOAD_PLUS_DEBUG") else 1
        self.roots: tuple[str, ...] = (os.getcwd(),)
        self._said: set[str] = set()

    def configure(self, facts: Facts) -> None:
        """Follow what the program's configuration says."""
        self.color = facts.color
        self.verbosity = max(self.verbosity, facts.verbosity)
        self.roots = (*facts.roots, os.getcwd())

    def checked(self, text: str, *, printed: bool) -> None:
        """What checks have to say, unless they said every line of it the last time."""
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

    def waiting(self, failure: Failure, *, serving: bool) -> None:
        """The code cannot start; ``text`` has the traceback."""
        rest = "the last good code keeps serving" if serving else "waiting for a fix"
        self.text(failure.text)
        self._line(f"{self._style('bad', self.headline(failure))} · {rest}")

    def note(self, text: str, *, verbosity: int = 1) -> None:
        """Anything else worth a line."""
        if self.verbosity >= verbosity:
            self._line(text)

    def text(self, text: str) -> None:
        """A text of its own, as it is."""
        stream = sys.stderr
        with contextlib.suppress(OSError, ValueError):
            stream.write(text if text.endswith("\n") else f"{text}\n")
            stream.flush()

    def headline(self, failure: Failure) -> str:
        """Place and mistake in one line; editors and terminals open ``path:line`` by a click."""
        if not failure.path:
            return failure.summary
        name = self.relative(failure.path)
        place = f"{name}:{failure.line}" if failure.line else name
        return f"{place} · {failure.summary}"

    def names(self, paths: Sequence[str]) -> str:
        """Relative names; many become a number."""
        shown = [self.relative(path) for path in sorted(paths)]
        if len(shown) > _MOST_NAMES:
            return f"{shown[0]} and {len(shown) - 1} more files"
        return ", ".join(shown) or "nothing"

    def relative(self, path: str) -> str:
        """The path as seen from the innermost folder of the project."""
        inside = [root for root in self.roots if path.startswith(root.rstrip(os.sep) + os.sep)]
        return os.path.relpath(path, max(inside, key=len)) if inside else path

    def mend_echo(self) -> None:
        """Switch the terminal's echo back on, if a debugger left it off."""
        if termios is None:
            return
        with contextlib.suppress(termios.error, OSError, ValueError, AttributeError):
            if not sys.stdin.isatty():
                return
            modes = termios.tcgetattr(sys.stdin)
            if modes[3] & termios.ECHO:
                return
            modes[3] |= termios.ECHO
            # A background process that touches the terminal would be stopped.
            before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            try:
                termios.tcsetattr(sys.stdin, termios.TCSANOW, modes)
            finally:
                signal.signal(signal.SIGTTOU, before)

    def _line(self, text: str) -> None:
        time = datetime.now().strftime("%H:%M:%S")  # noqa: DTZ005 - the wall clock of the reader
        self.text(f"{self._style('dim', time)}  {text}")

    def _style(self, name: str, text: str) -> str:
        return f"{_STYLES[name]}{text}{_RESET}" if self._has_color() else text

    def _has_color(self) -> bool:
        if self.color is not None:
            return self.color
        return not os.environ.get("NO_COLOR") and sys.stderr.isatty()


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
