"""What worker processes of the program tell the supervisor: what they load, and more.

They have no channel of their own, but all of them may write to one socket, from which the
supervisor reads. No code of the program has to run for that.
"""

from __future__ import annotations

import _thread
import os
import socket
import sys
import time
from collections.abc import Callable
from types import CodeType
from typing import Any

from ..own_code import looks_own
from ..paths import absolute, working_directory
from ..protocol import datagrams
from ..protocol import messages as m
from ..protocol.command_line import package_root
from ..protocol.failure import Failure
from .reports import Reports
from .tracker import Tracker, is_importing

#: As they are before libraries of green threads exchange them; such a library would also stumble
#: over a thread of :mod:`threading` that it did not start.
_sleep, _start_thread = time.sleep, _thread.start_new_thread
#: Imports are told of together when they come within this time, in seconds; of so many files
#: in one datagram.
_REPORT_DELAY = 0.05
_MOST_FILES = 100


class Errands:
    """The way from a worker process to the supervisor."""

    def __init__(self, tracker: Tracker, writer: socket.socket, adopted: socket.socket) -> None:
        """``adopted``: from where the workers take connections that somebody has accepted."""
        self._tracker = tracker
        self.writer = writer
        self.adopted = adopted
        self.begin_to_report()

    def begin_to_report(self) -> None:
        """What another process was about to report is none of this one's business."""
        self._is_reporting = False
        self._reports = Reports(self._tracker, self._send_loaded, self._ask_watched)

    def begin(self) -> None:
        """This process is a worker, and tells of what it loads from now on."""
        self.begin_to_report()
        # When its start is over nobody can say: it may load the program at its first request.
        self._tracker.starting = False
        self._tracker.shapes_module = is_importing
        self._tracker.notify = self._report_soon
        self._tracker.listeners["exec"] = self._executes

    def send(self, message: m.Message) -> None:
        """Tell the supervisor something."""
        datagrams.send(self.writer, message)

    def hand_back(self, connection: socket.socket) -> None:
        """Give a connection to whoever serves the new code."""
        datagrams.send(self.writer, m.HandBack(), [connection.fileno()])

    def take(self) -> tuple[socket.socket, Any] | None:
        """A connection that another process has accepted, if there is one for the workers."""
        while True:
            try:
                _, descriptors, _, _ = socket.recv_fds(self.adopted, 1, 1)
            except OSError:
                return None
            taken = socket.socket(fileno=descriptors[0])
            os.set_inheritable(taken.fileno(), False)
            try:
                return taken, taken.getpeername()
            except OSError:
                # The client has gone.
                taken.close()

    def report(self) -> None:
        """Tell what was loaded since the last report."""
        self._is_reporting = False
        self._reports.report(scan=False)

    def before_answer(self) -> None:
        """A part of an answer is about to be sent: have watched what was loaded for it."""
        self._reports.before_answer()

    def _ask_watched(self, descriptor: int) -> None:
        datagrams.send(self.writer, m.AskWatched(), [descriptor])

    def _send_loaded(self, loaded: m.Loaded) -> None:
        for start in range(0, max(len(loaded.files), len(loaded.missing)), _MOST_FILES):
            part = slice(start, start + _MOST_FILES)
            self.send(m.Loaded(loaded.files[part], loaded.missing[part]))

    def _report_soon(self) -> None:
        if not self._is_reporting:
            self._is_reporting = True
            _start_thread(self._report_later, ())

    def _report_later(self) -> None:
        _sleep(_REPORT_DELAY)
        self.report()

    def _executes(self, args: tuple[Any, ...]) -> None:
        """A module of the developer's own is about to run.

        It is told of at once: the process may end in it, and who edits it must not be
        quicker than the report.
        """
        (code,) = args
        if isinstance(code, CodeType) and code.co_name == "<module>":
            path = absolute(code.co_filename)
            if looks_own(path):
                self.send(m.Loaded((m.LoadedFile(path, self._tracker.last_lookup),)))


def tell_how_workers_fail(errands: Callable[[], Errands | None]) -> None:
    """Tell of processes of :mod:`multiprocessing` that end because code cannot be loaded.

    Their parent may start them again and again, or end. ``errands``: those of this process;
    ``None``: it is no worker.
    """
    process: Any = sys.modules["multiprocessing.process"]
    run = process.BaseProcess.run

    def reporting_run(self: Any) -> None:
        try:
            run(self)
        except BaseException as error:
            reporter, failed = errands(), _failed_import(error)
            if reporter is not None and failed is not None:
                reporter.report()
                reporter.send(m.Failed(_described(failed)))
            raise

    process.BaseProcess.run = reporting_run


def _failed_import(error: BaseException | None) -> BaseException | None:
    """The exception by which a module could not be imported, if it has led to this one."""
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            runs_module = code.co_name == "<module>" and looks_own(absolute(code.co_filename))
            if runs_module or isinstance(error, (SyntaxError, ModuleNotFoundError)):
                return error
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    return None


def _described(error: BaseException) -> Failure:
    # Imported here: at the start it would cost time, and hide forgotten imports.
    from ..failure import from_exception

    return from_exception.from_exception(error, roots=[working_directory()], skip=[package_root()])
