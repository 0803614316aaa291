"""A program that runs itself again in a process of its own, and passes its exit code on.

A script may move into another environment, or with other options of the interpreter, by
``sys.exit(subprocess.call([...]))``. The inner process has ``RUN_MAIN`` and no supervisor,
so it follows the convention: it watches its own code, and asks for the next start by the
exit code 3. This process only waits for it, as a program that does not serve.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Any

from ..paths import absolute
from ..protocol.command_line import EntryError, split_python
from ..protocol.process_tree import children
from .connection import Connection
from .replacement import is_for_a_child, is_python


class RunAgain:
    """Notices that the program starts itself once more, as a process inside this one."""

    def __init__(self, link: Connection) -> None:
        self._link = link

    def install(self) -> None:
        """Look at each process that is started, until the program has started."""
        self._link.tracker.begins_to_run = self._begins

    def _begins(self, _file: Any, words: Any, _folder: Any, environment: Any) -> None:
        link = self._link
        if link.started or not link.is_here():
            return
        if is_for_a_child(os.environ if environment is None else environment) and _is_this(words):
            with contextlib.suppress(ValueError):
                # Not in the main thread.
                if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                    signal.signal(signal.SIGTERM, _pass_on)
            link.start()


def _is_this(words: Any) -> bool:
    """Whether a command line runs the program of this process."""
    with contextlib.suppress(TypeError, ValueError, EntryError):
        inner = [os.fsdecode(word) for word in words]
        return is_python(inner[0]) and _program(inner) == _program(sys.orig_argv)
    return False


def _program(words: list[str]) -> list[str]:
    _, program = split_python(words[1:])
    return list(program[:2]) if program[0] in ("-m", "-c") else [absolute(program[0])]


def _pass_on(number: int, _frame: FrameType | None) -> None:
    """End the inner process; this one ends when its program has noticed that."""
    inner = children(os.getpid())
    if not inner:
        signal.signal(number, signal.SIG_DFL)
        inner = {os.getpid()}
    for pid in inner:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
