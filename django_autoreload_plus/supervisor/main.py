"""The supervisor as a process: from its command line to its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from ..protocol import first_child, standard_streams
from ..protocol.channel import UNSUPPORTED, is_supported
from ..protocol.command_line import EntryError
from ..protocol.launch import Launch, from_environment


def main(words: Sequence[str], read: Callable[[Sequence[str]], Launch]) -> int:
    """Run the program on the command line until it ends; returns the exit code.

    ``read`` tells what the words start; it raises
    :class:`~django_autoreload_plus.protocol.command_line.EntryError` where they start nothing.
    """
    standard_streams.complete()
    if not is_supported():
        sys.stderr.write(f"error: {UNSUPPORTED}\n")
        return 1
    launch = from_environment()
    if launch is None:
        try:
            launch = read(words)
        except EntryError as error:
            sys.stderr.write(f"error: {error}\n")
            return 2
    return run_supervisor(launch)


def run_supervisor(launch: Launch) -> int:
    """Supervise until the program ends.

    A program that was ended by a signal ends the supervisor by the same signal,
    so that shells and process managers see what happened.
    """
    if launch.first_child is None and launch.parent < 0:
        launch = first_child.begin(launch, os.environ)
    elif launch.first_child is not None:
        first_child.take(launch.first_child)
    # asyncio does without; nothing here speaks TLS, and loading it takes time and 3 MiB.
    sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    # The child starts while this process loads the rest of itself.
    import asyncio

    from .supervisor import Supervisor

    async def supervise() -> int:
        return await Supervisor(launch).run()

    status = asyncio.run(supervise())
    if status < 0:
        _die_by(-status)
    return status


def _die_by(number: int) -> None:
    with contextlib.suppress(OSError):
        # SIGKILL cannot be handled in any way, and need not be.
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
