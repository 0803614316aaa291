"""The child's connection to its supervisor.

While the program loads, nothing of ours runs besides it: no thread (a process with two
cannot be forked safely). Once the program runs, one thread listens to the supervisor.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..exhaustive import assert_never
from ..options import Options
from ..protocol import messages as m
from ..protocol.address import Address
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.codec import MessageError
from ..protocol.gate import Gate, slot_of
from ..protocol.launch import ChildLaunch
from ..protocol.reasons import Reason
from ..records import replace
from . import exit_handlers
from .clearance import Clearance, is_own_act
from .collector import Collector
from .framework import Checkpoints, Framework, Server
from .guard import Guard
from .listener import Listener
from .questions import Questions
from .reports import Reports
from .tracker import Tracker
from .under_way import UnderWay

if TYPE_CHECKING:
    from .stopwatch import Stopwatch

#: Between two checks whether a debugger's prompt was left, in seconds.
_PAUSE = 0.5


class Connection:
    """The channel, and what the child has to say over it."""

    def __init__(self, channel: Channel, gate: Gate, launch: ChildLaunch, tracker: Tracker) -> None:
        self.channel = channel
        self.gate = gate
        self.launch = launch
        self.go_by(launch.generation)
        #: Nothing has been live yet: what a start prints is still to be printed.
        self.first = launch.first
        self.tracker = tracker
        tracker.tell_written = self._tell_written
        self.options = launch.options
        self.project = m.ProjectInfo()
        #: The program answers requests: it is live when it serves, not when its
        #: main function begins.
        self.serves = False
        #: Checks will be run, and told of, once it serves.
        self.checks_later = False
        self.started = False
        #: This process was forked from a checkpoint, or left one behind.
        self.forked = False
        #: This process was resumed from a checkpoint.
        self.resumed = False
        #: Listening sockets that came with the order to go on.
        self.prefetched: dict[Address, socket.socket] = {}
        #: Further sockets of the reloader's own.
        self.held: list[socket.socket] = []
        self.retiring = False
        self.restart_requested = False
        self.server: Server | None = None
        #: What went wrong when libraries were imported before the program.
        self.preload_problems: list[str] = []
        #: Measures the start; absent where it is not to be measured.
        self.stopwatch: Stopwatch | None = None
        #: Takes checkpoints; absent where the program is run without them.
        self.checkpoints: Checkpoints | None = None
        self.framework = Framework()
        #: What requests have used (:class:`.messages.Used`), to compute in advance what they need.
        self.uses: tuple[str, ...] = ()
        #: Called once, as soon as the program serves.
        self.after_serving: list[Callable[[], None]] = []
        self.clearance = Clearance(tracker, self._ask_clearance)
        #: Keeps the garbage collector from running while the program starts.
        self.collector = Collector()
        #: Whether a debugger's prompt is open.
        self.is_debugged: Callable[[], bool] = lambda: False
        #: The requests that are being answered, as far as a server tells.
        self.under_way = UnderWay()
        self._answered = False
        self._pid = -1
        self._detached = False
        self._guard = Guard()
        self._listener = Listener(self._received, self._report_again, self.under_way)
        self._questions = Questions(
            self._listener,
            send=self.send,
            # A process that is resumed from a checkpoint has another channel.
            receive=lambda: self.channel.receive(),
            guard=lambda on: self.guard(on=on),
        )
        self._sending = threading.RLock()
        self._reports = Reports(
            tracker, self.send, lambda descriptor: self.send(m.AskWatched(), [descriptor])
        )

    def send(self, message: m.Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; a supervisor that is gone ends the process."""
        if self._detached:
            return
        with self._sending:
            try:
                self.channel.send(message, descriptors)
            except ChannelClosed:
                os._exit(1)
            except MessageError as error:
                # The program and its request must not fail because of that.
                self.channel.send(m.Say(f"django-autoreload-plus: {error}"))

    def greet(self) -> None:
        """Tell the supervisor which process is at this end from now on."""
        self._pid = os.getpid()
        self.send(m.Hello(self._pid))

    def go_by(self, generation: int) -> None:
        """Go by this number at the gate."""
        self.generation = generation
        self.slot = slot_of(generation)

    def is_here(self) -> bool:
        """Whether this is the process of the link, not one that the program has forked."""
        return os.getpid() == self._pid

    def descriptors(self) -> list[int]:
        """The open descriptors that are the reloader's own."""
        held = (
            self.channel.fileno(),
            self.gate.descriptor,
            self.gate.events,
            self.launch.trail,
            *self._listener.descriptors,
            *(listening.fileno() for listening in self.prefetched.values()),
            *(each.fileno() for each in self.held),
        )
        return [descriptor for descriptor in held if descriptor >= 0]

    def guard(self, *, on: bool) -> None:
        """Let the end of the channel end this process, or not."""
        self._guard.switch(self.channel, on=on)

    def configure(
        self, *, options: Options | None = None, project: m.ProjectInfo | None = None
    ) -> None:
        """Tell the supervisor what the program's configuration says.

        Raises :class:`ImportError` where libraries could not be imported before the program,
        and :class:`SystemExit` where a fresh start would import others.
        """
        if options is not None:
            # What the command line says wins.
            given = {name: getattr(self.launch.options, name) for name in self.launch.given}
            self.options = replace(options, **given)
        self.project = project or self.project
        self.send(m.Configured(self.options, self.project))
        if {*self.options.preload} != {*self.launch.options.preload}:
            self.request_restart()
            raise SystemExit(m.RESTART_CODE)
        if self.preload_problems:
            raise ImportError("\n".join(self.preload_problems))

    def listen(self, address: Address) -> socket.socket:
        """The supervisor's listening socket for this address.

        Raises the :class:`OSError` that binding it raised there.
        """
        prefetched = self.prefetched.pop(address, None)
        if prefetched is not None:
            return prefetched
        reply, descriptors = self._questions.listen(m.Listen(address))
        if reply.message:
            raise OSError(reply.error, reply.message) if reply.error else OSError(reply.message)
        return socket.socket(fileno=descriptors[0])

    def find_listening(self, address: Address) -> socket.socket | None:
        """A socket on which an older child has listened there, if the supervisor has kept one."""
        prefetched = self.prefetched.pop(address, None)
        if prefetched is not None or self._listener.is_current_thread():
            return prefetched
        reply, descriptors = self._questions.listen(m.Listen(address, bind=False))
        return None if reply.message else socket.socket(fileno=descriptors[0])

    def _ask_clearance(self, act: str, database: str) -> bool:
        question = m.AskClearance(act, database)
        return self._questions.clearance(question, lambda: self.clearance.is_needed)

    def close_sockets(self) -> None:
        """Hold no port: this process is going to be a checkpoint."""
        while self.prefetched:
            _, held = self.prefetched.popitem()
            held.close()

    def program_forked(self) -> None:
        """In a process that the program has forked: it is no child of the supervisor's."""
        if not is_own_act():
            self._detached = True
            self.collector.give_back()
            self.tracker.detach()
            self.channel.socket.close()

    def note_point(self, label: str, begun: float, reason: Reason | None) -> None:
        """A checkpoint was begun then (``perf_counter()``), and taken or refused."""
        if self.stopwatch is not None:
            self.stopwatch.note_point(label, begun, reason)

    def loaded(self) -> None:
        """Everything is loaded: the end, if this start was to be measured."""
        if self.stopwatch is not None:
            self.report()
            self.send(self.stopwatch.result())
            exit_handlers.exit_after_handlers(0)

    def start(self, *, restarts: bool = True) -> None:
        """The main function begins. ``restarts``: it follows the convention of the exit code 3."""
        if not self.serves:
            if not self._listener.runs:
                self._track_no_more(scan=True)
            self._tell_and_listen(m.Started(restarts))

    def start_silently(self) -> None:
        """The program begins its work, in which nobody listens to the supervisor."""
        self._track_no_more(scan=True)
        self.collector.run_as_usual()
        if self.checkpoints is not None:
            self.checkpoints.stop()
        self.send(m.Started(restarts=False, reads_messages=False))

    def _track_no_more(self, *, scan: bool) -> None:
        self.report(scan=scan)
        # A module not found until here is missing; before, it might still be written.
        self.tracker.starting = False

    def serve(self, server: Server, *, by_workers: bool = False) -> None:
        """The program accepts connections through ``server`` from now on.

        ``by_workers``: processes of the program do, which say themselves when they begin.
        """
        self.server = server
        self._track_no_more(scan=False)
        self._reports.begin_to_serve()
        self._tell_and_listen(None if by_workers else m.Serving(self.checks_later))
        self._listener.wake()
        for begin in self.after_serving:
            begin()

    def answered(self) -> None:
        """A request has been answered."""
        if not self._answered:
            self._answered = True
            self.send(m.Answered(undisturbed=not self.under_way.is_disturbed))
        self.framework.after_request()

    def _tell_written(self, path: str) -> None:
        self.send(m.Loaded(written=(path,)))

    def report(self, *, scan: bool = True) -> None:
        """Tell what was loaded since the last report."""
        self._reports.report(scan=scan)

    def before_answer(self) -> None:
        """A part of an answer is about to be sent: have watched what was loaded for it."""
        if self.is_here():
            self._reports.before_answer()

    def watch_globs(self, globs: Sequence[tuple[str, str]], files: Sequence[str] = ()) -> None:
        """Ask for more to be watched than what was loaded."""
        self.send(m.Loaded(tuple(m.LoadedFile(path, 0) for path in files), (), tuple(globs)))

    def request_restart(self) -> None:
        """The program wants a fresh start."""
        self.restart_requested = True
        self.send(m.Restart())

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Do this when the first requests after a save have been answered."""
        self._listener.when_quiet.append(action)

    def _tell_and_listen(self, news: m.Message | None) -> None:
        """Send the news, and have a thread read what the supervisor sends, if none does yet.

        In this order: who waits for the program need not wait for the thread.
        """
        if not self._listener.runs:
            self._run_thread(news)
        elif news is not None:
            self.send(news)

    def _run_thread(self, news: m.Message | None) -> None:
        self.started = True
        self.collector.run_as_usual()
        self.tracker.listeners.pop("exec", None)
        if self.checkpoints is not None:
            self.checkpoints.stop()
        # A thread of the program's may be waiting for an answer on the channel.
        with self._questions.lock:
            self.guard(on=False)
            if news is not None:
                self.send(news)
            self.tracker.notify = self._listener.wake
            # The process that has left the checkpoint behind has reported what it had loaded.
            self._listener.start(self.channel, scan=not self.resumed)
        self.clearance.started()

    def _report_again(self, scan: bool) -> bool:  # noqa: FBT001 - a callback
        self.report(scan=scan)
        return self.tracker.is_waiting

    def _received(  # noqa: C901, PLR0912 - one case for each message
        self, message: m.Message, descriptors: list[int]
    ) -> None:
        if not isinstance(message, m.ToChild):
            return
        match message:
            case m.Changed():
                self._answer(message)
            case m.AskLoaded():
                self.report(scan=False)
                self.send(m.Reported(message.token))
            case m.Retire():
                self._retire(message.grace)
            case m.Cleared():
                if message.alone:
                    self.clearance.give()
                self._questions.answered(message, descriptors)
            case m.Listening():
                self._questions.answered(message, descriptors)
            case m.Resume():
                if self.server is not None:
                    self.server.resume()
            case m.Release():
                if self.server is not None:
                    self.server.release()
            case m.Adopt():
                if self.server is not None:
                    self.server.adopt(socket.socket(fileno=descriptors[0]))
            case m.Go():
                # Read where it is awaited, before this thread begins to listen.
                pass
            case _:
                assert_never(message)

    def _retire(self, grace: float) -> None:
        again, self.retiring = self.retiring, True
        if self.server is not None:
            self._end_after(grace)
            if again:
                return
            self.server.retire()
            # The next process will need what requests needed here.
            self.report(scan=False)
        elif not again:
            os.kill(os.getpid(), signal.Signals[self.options.stop_signal])

    def _end_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        """Wait for no answer any more, except while a debugger's prompt is open."""
        if self.is_debugged():
            self._end_after(_PAUSE)
        elif self.server is not None:
            self.server.end()

    def _answer(self, message: m.Changed) -> None:
        answer = self.framework.take_changes(message.paths)
        self.send(m.Handled(message.token, answer.paths, answer.translations))
