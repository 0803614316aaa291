"""What a process has loaded since it told of it last, told before an answer depends on it.

A request may load code. Who has the answer may edit that code and ask again at once, and the
second answer must be that of the new code. So the first one waits until the files are watched.
It does not for those of libraries, of which a first request may load many.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from typing import Any

from ..own_code import OwnModules
from ..protocol.messages import Loaded, LoadedFile
from .tracker import Tracker

#: An answer does not wait longer for a supervisor that does nothing any more; milliseconds.
_PATIENCE = 10_000
#: As they are before libraries of green threads exchange them: such a thread would wait for a
#: lock while the one that has it waits for its turn.
_new_lock, _new_reentrant_lock = threading.Lock, threading.RLock
_new_poll: Any = getattr(select, "poll", None)


class Reports:
    """The reports of one process, from any of its threads."""

    def __init__(
        self, tracker: Tracker, send: Callable[[Loaded], None], ask: Callable[[int], None]
    ) -> None:
        """``ask`` sends :class:`.messages.AskWatched` with this descriptor."""
        self._tracker = tracker
        self._send = send
        self._ask = ask
        #: Held while it is collected what to report, and until that is sent.
        self._reporting = _new_reentrant_lock()
        #: Held while the supervisor is asked.
        self._asking = _new_lock()
        self._own = OwnModules()
        #: How many reports of own code were sent, and so many of them are known to be watched.
        self._sent = self._watched = 0

    def report(self, *, scan: bool) -> None:
        """Tell what was loaded since the last report."""
        with self._reporting:
            looked = self._has_looked_for_own()
            loaded = self._tracker.collect(scan=scan)
            if (looked and loaded.missing) or any(self._is_own(file) for file in loaded.files):
                self._sent += 1
            if loaded != Loaded():
                self._send(loaded)

    def begin_to_serve(self) -> None:
        """What was reported by now is watched before this process may answer."""
        self._watched = self._sent

    def before_answer(self) -> None:
        """Have watched what was loaded for a request."""
        with self._reporting:
            if self._has_looked_for_own():
                self.report(scan=False)
            sent = self._sent
        if self._watched < sent:
            with self._asking:
                # Another thread may have asked meanwhile.
                if self._watched < sent:
                    self._wait()
                    self._watched = sent

    def _has_looked_for_own(self) -> bool:
        return any(self._own.owns(name) for name in self._tracker.lookups())

    def _is_own(self, file: LoadedFile) -> bool:
        return bool(file.module) and self._own.owns(file.module)

    def _wait(self) -> None:
        """Wait until the supervisor closes its copy of a descriptor."""
        reader, writer = os.pipe()
        try:
            try:
                self._ask(writer)
            finally:
                os.close(writer)
            closed = _new_poll()
            closed.register(reader)
            closed.poll(_PATIENCE)
        finally:
            os.close(reader)
