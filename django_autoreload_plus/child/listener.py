"""The thread that reads what the supervisor sends, once the program runs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from .under_way import UnderWay

THREAD_NAME = "autoreload-link"
#: New modules are reported together when they come within this time, in seconds.
_REPORT_DELAY = 0.05
#: The first report waits until the requests after a save have been answered.
_FIRST_REPORT_DELAY = 0.15
#: So many times: a request that takes longer, such as a stream, is not waited for.
_MOST_WAITS = 20


class Listener:
    """Passes messages on, and has reported what was loaded lately."""

    def __init__(
        self,
        received: Callable[[m.Message, list[int]], None],
        report: Callable[[bool], bool],
        under_way: UnderWay,
    ) -> None:
        """``report`` is told whether all modules are to be looked at; true: there is more.

        The first report waits for the requests that are ``under_way``.
        """
        self._received = received
        self._report = report
        self._under_way = under_way
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = -1, -1
        self._is_woken = False
        #: Called once, when the first requests after a save have been answered.
        self.when_quiet: list[Callable[[], None]] = []

    @property
    def runs(self) -> bool:
        """Whether messages are read here: nobody else may wait for an answer then."""
        return self._thread is not None

    @property
    def descriptors(self) -> tuple[int, int]:
        """The descriptors of its own; -1: not open."""
        return self._wake_read, self._wake_write

    def is_current_thread(self) -> bool:
        """Whether this very thread is the one that reads."""
        return threading.current_thread() is self._thread

    def start(self, channel: Channel, *, scan: bool) -> None:
        """Read from the channel; ``scan``: look at all modules for the first report."""
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(
            target=self._run, args=(channel, scan), name=THREAD_NAME, daemon=True
        )
        self._thread.start()

    def wake(self) -> None:
        """There is something to report; callable from any thread."""
        if not self._is_woken and self._wake_write >= 0:
            self._is_woken = True
            os.write(self._wake_write, b"!")

    def _run(self, channel: Channel, scan: bool) -> None:  # noqa: FBT001 - of a thread
        import selectors

        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            due, delay, waits = False, _FIRST_REPORT_DELAY, _MOST_WAITS
            while True:
                ready = selector.select(delay if due else None)
                for key, _ in ready:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 64)
                        due = True
                    else:
                        self._read(channel)
                if due and not ready:
                    if waits and self._under_way.is_any:
                        waits -= 1
                        continue
                    waits, self._under_way.is_disturbed = 0, True
                    self._is_woken = False
                    due = self._report(scan)
                    while self.when_quiet:
                        self.when_quiet.pop(0)()
                    scan, delay = False, _REPORT_DELAY

    def _read(self, channel: Channel) -> None:
        try:
            for message, descriptors in channel.drain():
                self._received(message, descriptors)
        except ChannelClosed:
            os._exit(1)
