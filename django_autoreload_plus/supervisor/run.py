"""The supervisor as a process: from its command line to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from ..protocol.entry import Entry, EntryError, interpreter_flags
from ..protocol.launch import Launch, from_environment
from .address import guess_address
from .core import Supervisor

_USAGE = """\
usage: python -m django_autoreload_plus [-m module | script.py] [arguments]

Runs a Python program and starts it anew when its code changes, for example
    python -m django_autoreload_plus manage.py runserver
"""


def main(words: Sequence[str]) -> int:
    """Run the program on the command line until it ends; returns the exit code."""
    launch = from_environment()
    if launch is None:
        if not words or words[0] in ("-h", "--help"):
            sys.stdout.write(_USAGE)
            return 0 if words else 2
        try:
            launch = _launch(words)
        except EntryError as error:
            sys.stderr.write(f"error: {error}\n{_USAGE}")
            return 2
    return run_supervisor(launch)


def run_supervisor(launch: Launch) -> int:
    """Supervise until the program ends.

    A program that was ended by a signal ends the supervisor by the same signal,
    so that shells and process managers see what happened.
    """
    status = asyncio.run(Supervisor(launch).run())
    if status < 0:
        _die_by(-status)
    return status


def _launch(words: Sequence[str]) -> Launch:
    entry = Entry.parse(words, interpreter_flags(sys.argv, sys.orig_argv))
    return Launch(
        entry=entry,
        address=guess_address(entry.arguments),
        plugin="django_autoreload_plus.adapter.plugin",
        plugin_after="django.utils.autoreload",
    )


def _die_by(number: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(OSError):
            # SIGKILL cannot be handled in any way, and need not be.
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
