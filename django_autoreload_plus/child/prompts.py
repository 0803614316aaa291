"""Tells when a prompt is open, of a debugger mostly, in whatever thread.

Pdb raises an audit event for each of its instances, which the debuggers made from it do, too
(ipdb, pdb++). Between two prompts of one that steps there is none: it is expected back. Other
debuggers, and shells in the middle of a program, are known by their classes. ``input()`` counts
in a request only: where it waits while starting an edit may have to mend it, and a thread that
reads commands always waits.
"""

from __future__ import annotations

import builtins
import functools
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..protocol import messages as m
from .connection import Connection

#: The line number by which a debugger remembers that it is to stop at breakpoints only.
_CONTINUE = -1
#: Modules with a class whose method shows a prompt, and returns when it is left.
_METHODS = {
    "code": ("InteractiveConsole", "interact"),
    "IPython.terminal.interactiveshell": ("TerminalInteractiveShell", "interact"),
    "ptpython.repl": ("PythonRepl", "run"),
    "pudb.debugger": ("Debugger", "interaction"),
}


class Prompts:
    """The open prompts of this process."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        link.is_debugged = self.are_open
        self._lock = threading.Lock()
        self._open = 0

    def install(self) -> None:
        """Hear of every prompt."""
        tracker = self._link.tracker
        tracker.listeners["pdb.Pdb"] = self.made
        for name in _METHODS:
            tracker.call_after_import(name, functools.partial(self._attend_class, name))
        self._attend_input()

    def are_open(self) -> bool:
        """Whether somebody is asked what to do next."""
        return self._open > 0

    def made(self, _args: tuple[Any, ...]) -> None:
        """Audit listener for ``pdb.Pdb``: an instance is being made by a caller of ours."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not hasattr(frame.f_locals.get("self"), "interaction"):
            frame = frame.f_back
        if frame is not None:
            self._attend(frame.f_locals["self"])

    def _attend(self, debugger: Any) -> None:
        debugger.interaction = self._attended(debugger.interaction, lambda: _steps(debugger))

    def _attend_class(self, name: str) -> None:
        class_name, method = _METHODS[name]
        prompting = getattr(sys.modules[name], class_name, None)
        if hasattr(prompting, method):
            attended = self._attended(getattr(prompting, method), lambda: False)
            setattr(prompting, method, attended)

    def _attend_input(self) -> None:
        asks = builtins.input
        attended = self._attended(asks, lambda: False)

        @functools.wraps(asks)
        def asks_in_request(*args: Any, **kwargs: Any) -> str:
            # A debugger asks by it, too, which is told already.
            counts = self._link.under_way.is_any_here and not self.are_open() and _is_terminal()
            answer: str = (attended if counts else asks)(*args, **kwargs)
            return answer

        builtins.input = asks_in_request

    def _attended(self, prompt: Callable[..., Any], steps: Callable[[], bool]) -> Any:
        @functools.wraps(prompt)
        def attended(*args: Any, **kwargs: Any) -> Any:
            if not self._link.is_here():
                return prompt(*args, **kwargs)
            self._opened()
            try:
                return prompt(*args, **kwargs)
            finally:
                self._left(steps=steps())

        return attended

    def _opened(self) -> None:
        with self._lock:
            self._open += 1
            main = threading.current_thread() is threading.main_thread()
            if main and not self._link.started:
                # An edit of what is being imported has to be noticed now.
                self._link.report(scan=False)
            self._link.send(m.Prompt(is_open=True, main=main))

    def _left(self, *, steps: bool) -> None:
        with self._lock:
            self._open -= 1
            if not self._open:
                self._link.send(m.Prompt(is_open=False, steps=steps))


def _is_terminal() -> bool:
    """Whether there is somebody who can be asked."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):
        # There is no standard input, or it was closed.
        return False


def _steps(debugger: Any) -> bool:
    """Whether it is to stop again by itself, rather than at a breakpoint."""
    is_ending = getattr(debugger, "quitting", False)
    return not is_ending and getattr(debugger, "stoplineno", _CONTINUE) != _CONTINUE
