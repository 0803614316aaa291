"""The child's connection to its supervisor.

While the program loads, nothing of ours runs besides it: no thread (a process
with two cannot be forked safely). The kernel ends the process by itself when the
supervisor is gone: the channel is set to raise ``SIGIO``, whose default action
is to terminate on Linux; elsewhere a handler does that. Once the program runs, one
thread listens to the supervisor.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.gate import Gate, slot_of
from ..protocol.launch import ChildLaunch, child_from_environment
from ..protocol.options import Options
from ..protocol.trail import Trail
from .tracker import Tracker

if TYPE_CHECKING:
    from .checkpoints import Checkpointer

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: New modules are reported together when they come within this time, in seconds.
_REPORT_DELAY = 0.05
#: The first report waits until the requests after a save have been answered.
_FIRST_REPORT_DELAY = 0.15

#: What :func:`django_autoreload_plus.autoreload.on_change` collects.
change_receivers: list[Callable[[str], object]] = []


class Server(Protocol):
    """What serves connections in this process and follows the gate."""

    def resume(self) -> None:
        """The gate may have opened."""

    def release(self) -> None:
        """Give back the requests that wait for the gate."""

    def retire(self) -> None:
        """Accept nothing more; finish what is under way, then return."""

    def adopt(self, connection: socket.socket) -> None:
        """Serve a connection that another process accepted."""


class Link:
    """The channel, and what the child has to say over it."""

    def __init__(self, channel: Channel, gate: Gate, told: ChildLaunch, tracker: Tracker) -> None:
        self.channel = channel
        self.gate = gate
        self.told = told
        self.slot = slot_of(told.generation)
        #: Nothing has been live yet: what a start prints is still to be printed.
        self.first = told.first
        self.tracker = tracker
        tracker.tell_written = self._tell_written
        self.options = told.options
        self.facts = m.Facts()
        #: The program answers requests: it is live when it serves, not when its
        #: main function begins.
        self.serves = False
        #: The command line is being read: an exit is about it, not about code.
        self.reading_command_line = False
        self.started = False
        #: This process was forked from a frozen copy, or left one behind.
        self.forked = False
        #: It was told to go on from where a frozen copy stands.
        self.resumed = False
        #: Listening sockets that came with the order to go on.
        self.prefetched: dict[tuple[str, int, bool], socket.socket] = {}
        self.retiring = False
        self.restart_requested = False
        self.server: Server | None = None
        #: Takes frozen copies; absent where the program is run without them.
        self.checkpoints: Checkpointer | None = None
        self.take_changes: Callable[[tuple[str, ...]], m.Handled] | None = None
        #: Languages in which requests have come, to compute what they need in advance.
        self.languages: tuple[str, ...] = ()
        #: Files besides our own whose frames tell nothing about a mistake.
        self.carriers: list[str] = []
        #: Called when a request has been answered.
        self.after_request: Callable[[], None] | None = None
        #: What is to be done as soon as the program serves.
        self.after_serving: list[Callable[[], None]] = []
        #: What is to be done when the first requests after a save have been answered.
        self.when_quiet: list[Callable[[], None]] = []
        self._answered = False
        self._sending = threading.RLock()
        self._wake_read, self._wake_write = -1, -1
        self._woken = False

    def say(self, message: m.Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; a supervisor that is gone ends the process."""
        with self._sending:
            try:
                self.channel.send(message, descriptors)
            except ChannelClosed:
                os._exit(1)

    def guard(self, *, on: bool) -> None:
        """Let the kernel end this process when the supervisor's end closes."""
        if not hasattr(os, "O_ASYNC"):
            return
        descriptor = self.channel.fileno()
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
        is_free = signal.getsignal(signal.SIGIO) in (signal.SIG_DFL, self._hear_signal)
        if is_free and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGIO, self._hear_signal if on else signal.SIG_DFL)

    def _hear_signal(self, _number: int, _frame: object) -> None:
        self._exit_if_alone()

    def _exit_if_alone(self) -> None:
        try:
            gone = not self.channel.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if gone:
            os._exit(1)

    def configure(self, *, options: Options | None = None, facts: m.Facts | None = None) -> None:
        """Tell the supervisor what the program's configuration says."""
        self.options = options or self.options
        self.facts = facts or self.facts
        self.say(m.Configured(self.options, self.facts))

    def listen(self, host: str, port: int, *, ipv6: bool) -> socket.socket:
        """The supervisor's listening socket for this address.

        Raises the :class:`OSError` that binding it raised there.
        """
        prefetched = self.prefetched.pop((host, port, ipv6), None)
        if prefetched is not None:
            return prefetched
        self.guard(on=False)
        self.say(m.Listen(host, port, ipv6))
        try:
            reply, descriptors = self.channel.receive()
        except ChannelClosed:
            os._exit(1)
        self.guard(on=True)
        assert isinstance(reply, m.Listening)
        if reply.message:
            raise OSError(reply.error, reply.message) if reply.error else OSError(reply.message)
        return socket.socket(fileno=descriptors[0])

    def close_sockets(self) -> None:
        """Hold no port: this process is going to be a frozen copy."""
        for held in self.prefetched.values():
            held.close()
        self.prefetched.clear()

    def start(self) -> None:
        """The main function begins."""
        if not self.serves:
            self.report(scan=True)
            # Not before: what was not found by now is missing, not on its way.
            self.tracker.starting = False
            self._run_thread()
            self.say(m.Started())

    def serve(self, server: Server) -> None:
        """The program accepts connections through ``server`` from now on."""
        self.server = server
        self.report(scan=False)
        # Not before: what was not found by now is missing, not on its way.
        self.tracker.starting = False
        self._run_thread()
        self.say(m.Serving())
        if self.checkpoints is not None and self.checkpoints.swapper is not None:
            self.checkpoints.swapper.rest()
            self.when_quiet.append(self.checkpoints.swapper.let_go)
        self.wake()
        for begin in self.after_serving:
            begin()

    def answered(self) -> None:
        """A request has been answered."""
        if not self._answered:
            self._answered = True
            self.say(m.Answered())
        if self.after_request is not None:
            self.after_request()

    def _tell_written(self, path: str) -> None:
        self.say(m.Loaded(written=(path,)))

    def report(self, *, scan: bool = True) -> None:
        """Tell what was loaded since the last report."""
        loaded = self.tracker.collect(scan=scan)
        if loaded != m.Loaded():
            self.say(loaded)

    def watch_globs(self, globs: Sequence[tuple[str, str]], files: Sequence[str] = ()) -> None:
        """Ask for more to be watched than what was loaded."""
        self.say(m.Loaded(tuple(m.LoadedFile(path, 0) for path in files), (), tuple(globs)))

    def request_restart(self) -> None:
        """The program wants a fresh start."""
        self.restart_requested = True
        self.say(m.Restart())

    def wake(self) -> None:
        """There is something to report; callable from any thread."""
        if not self._woken and self._wake_write >= 0:
            self._woken = True
            os.write(self._wake_write, b"!")

    def _run_thread(self) -> None:
        self.started = True
        self.tracker.listeners.pop("exec", None)
        if self.checkpoints is not None:
            self.checkpoints.stop()
        self.guard(on=False)
        self._wake_read, self._wake_write = os.pipe()
        self.tracker.notify = self.wake
        threading.Thread(target=self._follow, name="autoreload-link", daemon=True).start()

    def _follow(self) -> None:
        import selectors

        with selectors.DefaultSelector() as selector:
            selector.register(self.channel, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            due, delay = False, _FIRST_REPORT_DELAY
            # What was there at the copy was looked at by the process that left it behind.
            scan = not self.resumed
            while True:
                ready = selector.select(delay if due else None)
                for key, _ in ready:
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 64)
                        due = True
                    else:
                        self._hear()
                if due and not ready:
                    self._woken = False
                    self.report(scan=scan)
                    self._become_quiet()
                    scan = False
                    due, delay = self.tracker.is_waiting, _REPORT_DELAY

    def _become_quiet(self) -> None:
        while self.when_quiet:
            self.when_quiet.pop(0)()

    def _hear(self) -> None:
        try:
            for message, descriptors in self.channel.drain():
                self._obey(message, descriptors)
        except ChannelClosed:
            os._exit(1)

    def _obey(self, message: m.Message, descriptors: list[int]) -> None:
        if isinstance(message, m.Changed):
            self._answer(message)
        elif isinstance(message, m.Retire):
            self._retire()
        elif isinstance(message, m.Resume) and self.server is not None:
            self.server.resume()
        elif isinstance(message, m.Release) and self.server is not None:
            self.server.release()
        elif isinstance(message, m.Adopt) and self.server is not None:
            self.server.adopt(socket.socket(fileno=descriptors[0]))

    def _retire(self) -> None:
        self.retiring = True
        if self.server is not None:
            self.server.retire()
            # The next process will need what requests needed here.
            self.report(scan=False)
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    def _answer(self, message: m.Changed) -> None:
        taken = self.take_changes or take_changes
        answer = taken(message.paths)
        self.say(m.Handled(message.token, answer.paths, answer.translations))


def take_changes(paths: tuple[str, ...]) -> m.Handled:
    """Ask the receivers of a program without a framework."""
    taken = tuple(path for path in paths if _taken(path))
    translations = any(path.endswith(".mo") for path in paths) and reset_gettext()
    if translations:
        taken = tuple(dict.fromkeys((*taken, *(p for p in paths if p.endswith(".mo")))))
    return m.Handled(0, taken, translations)


def reset_gettext() -> bool:
    """Forget the catalogues the standard library has read."""
    gettext = sys.modules.get("gettext")
    if gettext is None:
        return False
    gettext._translations.clear()
    return True


def _taken(path: str) -> bool:
    # A list, not any(): every receiver hears of every change.
    return any([bool(receiver(path)) for receiver in change_receivers])  # noqa: C419


_current: Link | None = None


def connect() -> Link | None:
    """The link of this process, or ``None`` when no supervisor started it."""
    global _current  # noqa: PLW0603 - a process has one link
    if _current is None:
        told = child_from_environment()
        if told is not None:
            _current = _connect(told)
    return _current


def _connect(told: ChildLaunch) -> Link:
    for descriptor in (told.channel, told.gate, told.events, told.trail):
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=told.channel))
    link = Link(channel, Gate(told.gate, told.events), told, Tracker())
    trail = Trail(told.trail)
    trail.arm()
    link.tracker.listeners["exec"] = trail.executing
    link.guard(on=True)
    link.say(m.Hello(os.getpid()))
    return link
