"""Ends a process when its supervisor is gone, without a thread that would wait for it.

The channel is set to raise ``SIGIO`` when its other end closes. On Linux the default action
of that signal is to terminate; elsewhere a handler does so.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

from ..protocol.channel import Channel

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class Guard:
    """Whether the end of the channel ends this process."""

    def __init__(self) -> None:
        self._channel: Channel | None = None

    def switch(self, channel: Channel, *, on: bool) -> None:
        """Begin or cease to take the end of this channel as the end of the process."""
        if not hasattr(os, "O_ASYNC"):
            return
        self._channel = channel
        descriptor = channel.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        wanted = flags | os.O_ASYNC if on else flags & ~os.O_ASYNC
        if not sys.platform.startswith("linux"):
            self._handle_signal(on=on)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, wanted)
        if on:
            self._exit_if_alone()

    def _handle_signal(self, *, on: bool) -> None:
        """On a BSD, the signal is ignored if nobody handles it, see its signal(3)."""
        is_free = signal.getsignal(signal.SIGIO) in (signal.SIG_DFL, self._received)
        if is_free and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGIO, self._received if on else signal.SIG_DFL)

    def _received(self, _number: int, _frame: object) -> None:
        self._exit_if_alone()

    def _exit_if_alone(self) -> None:
        if self._channel is None:
            return
        try:
            gone = not self._channel.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if gone:
            os._exit(1)
