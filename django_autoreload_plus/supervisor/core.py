"""The supervisor: carries out what the policy decides.

One asyncio loop hears everything: the watcher (from its thread), the children
(their channels), exits, signals and timers. Each becomes an event for
:func:`.policy.step`, and the actions that come back are done here.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import replace

from ..protocol import messages as m
from ..protocol.channel import ChannelClosed
from ..protocol.codec import MessageError
from ..protocol.failures import from_death, from_timeout
from ..protocol.gate import Gate, slot_of
from ..protocol.launch import Launch
from ..watcher import Watcher
from . import policy
from .code_state import CodeState
from .error_page import PageContext
from .error_server import ErrorServer
from .inspection import Inspection
from .journey import Journey
from .listener import Listeners
from .process import Child
from .reaper import Reaper
from .shutdown import Shutdown
from .starter import Starter
from .terminal import Terminal

#: After the grace period: time between asking and killing.
_KILL_DELAY = 1.0


class Supervisor:
    """One run of the command."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.options = launch.options
        self.facts = launch.facts
        self.terminal = Terminal()
        self.gate = Gate.create()
        self.listeners = Listeners()
        self.children: dict[int, Child] = {}
        self.state = policy.State()
        self.code = CodeState((*launch.facts.roots, os.getcwd()))
        self.starter = Starter(self)
        self.inspection = Inspection(self)
        self.shutdown = Shutdown(self)
        self._held: list[socket.socket] = []
        self._error_server: ErrorServer | None = None
        self._announced_first = False
        self._changed: set[str] = set()
        self.journey = Journey()

    async def run(self) -> int:
        """Supervise until the program or the user ends it; returns the exit status."""
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[int] = self.loop.create_future()
        self.reaper = Reaper(self.loop, self.ended)
        self.watcher = Watcher(
            self._notified, self.options, warn=self._warn, roots=self.code.roots
        )
        self.shutdown.install()
        self.watcher.start()
        self.gate.share(self.watcher.share(self.gate.reading))
        try:
            self._apply(policy.begin(self.state))
            return await self.done
        finally:
            await self._clean_up()

    # -- events -----------------------------------------------------------

    def handle(self, event: policy.Event) -> None:
        """Let the policy decide about an event, and do it."""
        self._apply(policy.step(self.state, event))

    def _notified(self, paths: frozenset[str]) -> None:
        # Called in the watcher's thread: the gate does not wait for the loop, which
        # opens it again if nothing turns out to have changed.
        if self.state.phase is policy.Phase.RUNNING:
            self.gate.close()
        self.loop.call_soon_threadsafe(self.files_changed, paths)

    def files_changed(self, paths: frozenset[str]) -> None:
        """The watcher saw something."""
        if not self._changed:
            self.journey = Journey()
            self.journey.mark("event")
        self._changed.update(paths)
        self.handle(policy.FilesChanged(paths))

    def _warn(self, text: str) -> None:
        self.loop.call_soon_threadsafe(self.terminal.note, text)

    def hear(self, child: Child) -> None:
        """Read what a child has to say."""
        try:
            for message, descriptors in child.channel.drain():
                self._obey(child, message, descriptors)
        except ChannelClosed:
            self.loop.remove_reader(child.channel)
        except MessageError as error:
            self.loop.remove_reader(child.channel)
            self.terminal.note(f"a child talks nonsense ({error}); it is stopped")
            child.kill()

    def _obey(self, child: Child, message: m.Message, descriptors: list[int]) -> None:
        handler: Callable[[Child, m.Message, list[int]], None] | None
        handler = getattr(self, f"_on_{type(message).__name__.lower()}", None)
        if handler is None:
            raise MessageError(f"unexpected {type(message).__name__}")
        handler(child, message, descriptors)

    def _on_hello(self, child: Child, message: m.Hello, _: list[int]) -> None:
        if message.version != m.VERSION:
            raise MessageError(f"version {message.version} instead of {m.VERSION}")
        child.pid, child.pid_is_certain = message.pid, True

    def _on_froze(self, child: Child, message: m.Froze, descriptors: list[int]) -> None:
        self.starter.froze(child, message, descriptors[0])

    def _on_refused(self, child: Child, message: m.Refused, _: list[int]) -> None:
        refusals = self.starter.checkpoints.refusals
        if message.reason not in refusals.values():
            self.terminal.note(f"  no checkpoint {message.label}: {message.reason}", verbosity=2)
        refusals[message.label] = message.reason

    def _on_swaprefused(self, child: Child, message: m.SwapRefused, _: list[int]) -> None:
        if self.children.get(child.generation) is child:
            self.starter.swap_refused(child, message.reason)

    def _on_loaded(self, child: Child, message: m.Loaded, _: list[int]) -> None:
        child.loaded.append(message)
        child.segment.update(item.path for item in message.files)
        child.segment.update(message.missing)
        self.code.add(message)
        if child.live:
            self._record(child)
        self._watch()

    def _on_configured(self, child: Child, message: m.Configured, _: list[int]) -> None:
        self.options, self.facts = message.options, message.facts
        self.terminal.color = message.facts.color
        self.terminal.verbosity = max(self.terminal.verbosity, message.facts.verbosity)
        self.code.roots = (*message.facts.roots, os.getcwd())
        self.terminal.roots = self.code.roots

    def _on_listen(self, child: Child, message: m.Listen, _: list[int]) -> None:
        try:
            listening = self.listeners.get(message.host, message.port, ipv6=message.ipv6)
        except OSError as error:
            child.channel.send(m.Listening(error.errno or 1, error.strerror or str(error)))
        except OverflowError as error:
            child.channel.send(m.Listening(1, str(error)))
        else:
            child.channel.send(m.Listening(), [listening.fileno()])

    def _on_started(self, child: Child, message: m.Started, _: list[int]) -> None:
        self._live(child, serves=False)

    def _on_serving(self, child: Child, message: m.Serving, _: list[int]) -> None:
        self._live(child, serves=True)

    def _on_failed(self, child: Child, message: m.Failed, _: list[int]) -> None:
        child.explained = True
        self.failed(child, message.failure)

    def _on_finished(self, child: Child, message: m.Finished, _: list[int]) -> None:
        child.explained = True
        self.handle(policy.Finished(child.generation, message.code))

    def _on_restart(self, child: Child, message: m.Restart, _: list[int]) -> None:
        child.explained = True
        self.handle(policy.RestartAsked(child.generation))

    def _on_say(self, child: Child, message: m.Say, _: list[int]) -> None:
        self.terminal.text(message.text)

    def _on_handled(self, child: Child, message: m.Handled, _: list[int]) -> None:
        self.inspection.answered(message)

    def _on_handback(self, child: Child, message: m.HandBack, descriptors: list[int]) -> None:
        connection = socket.socket(fileno=descriptors[0])
        if self.state.phase is policy.Phase.RUNNING:
            self._adopt(self.children[self.state.live], connection)
        elif self.state.phase is policy.Phase.BROKEN and self._error_server is not None:
            self._error_server.adopt(connection)
        else:
            self._held.append(connection)

    def ended(self, pid: int, status: int) -> None:
        """A process has ended: a child, a frozen copy, or an orphan of the program's."""
        for child in list(self.children.values()):
            # It may have said who it is, and why it ends, only just now.
            self.hear(child)
        for child in list(self.children.values()):
            if child.pid == pid:
                self._gone(child, status)

    def _gone(self, child: Child, status: int) -> None:
        self.loop.remove_reader(child.channel)
        child.channel.close()
        self.children.pop(child.generation, None)
        self.terminal.mend_echo()
        starting = self.state.phase is policy.Phase.STARTING
        if starting and child.generation == self.state.newest and not child.explained:
            self.failed(child, from_death(status))
        else:
            self.handle(policy.Gone(child.generation, status))
        self.shutdown.process_gone()

    def failed(self, child: Child, failure: m.Failure) -> None:
        """A child could not start: its files are what is watched for the fix."""
        edited = self._record(child)
        self.starter.checkpoints.forget(edited)
        self.handle(policy.Failed(child.generation, failure))
        if edited:
            self.files_changed(edited)

    def timed_out(self, child: Child) -> None:
        """A child does not become ready."""
        if child.live or self.children.get(child.generation) is not child:
            return
        child.explained = True
        self.failed(child, from_timeout(self.options.start_timeout))
        child.kill()

    def _live(self, child: Child, *, serves: bool) -> None:
        child.live = True
        self.journey.mark("ready")
        edited = self._record(child)
        self.starter.checkpoints.forget(edited)
        self._changed |= edited
        self.handle(policy.Live(child.generation, serves, outdated=bool(edited)))

    def _record(self, child: Child) -> frozenset[str]:
        loaded, child.loaded = child.loaded, []
        return self.code.record(loaded)

    # -- actions ----------------------------------------------------------

    def _apply(self, step: policy.Step) -> None:
        self.state, actions = step
        for action in actions:
            self._perform(action)

    def _perform(self, action: policy.Action) -> None:
        if isinstance(action, policy.Look):
            self.inspection.begin(action.paths)
        elif isinstance(action, policy.Pause):
            self.gate.close()
            if self._error_server is not None:
                self._error_server.pause()
        elif isinstance(action, policy.Admit):
            self._admit(action.generation)
        elif isinstance(action, policy.Start):
            if not self._changed:
                self.journey = Journey()
            self._start(action.generation)
        elif isinstance(action, policy.Retire):
            self._retire(action.generation)
        elif isinstance(action, policy.Kill):
            self._kill(action.generation)
        elif isinstance(action, policy.ShowFailure):
            self._show_failure(action)
        elif isinstance(action, policy.HideFailure):
            self._failure_over()
            self.terminal.note("the change was undone · the running code is live again")
        elif isinstance(action, policy.Announce):
            self._announce(action.generation)
        elif isinstance(action, policy.End):
            self.shutdown.end(action.status)

    def _start(self, generation: int) -> None:
        self.journey.mark("decided")
        self.starter.attempt(self.code.since_attempt())
        self.code.attempt()
        self.starter.start(generation)
        self.journey.mark("resumed" if self.children[generation].origin != "start" else "started")

    def _admit(self, generation: int) -> None:
        self.gate.admit(slot_of(generation))
        child = self.children.get(generation)
        if child is None:
            return
        child.channel.send(m.Resume())
        for connection in self._held:
            self._adopt(child, connection)
        self._held.clear()
        if self.state.phase is not policy.Phase.BROKEN:
            self._failure_over()

    def _adopt(self, child: Child, connection: socket.socket) -> None:
        with connection:
            child.channel.send(m.Adopt(), [connection.fileno()])

    def _retire(self, generation: int) -> None:
        child = self.children.get(generation)
        if child is None or child.retired:
            return
        child.retired = True
        grace = self.options.grace_period
        try:
            child.channel.send(m.Retire(grace))
        except ChannelClosed:
            return
        self.loop.call_later(grace, self._expire, child)

    def _expire(self, child: Child) -> None:
        if self.children.get(child.generation) is child:
            child.kill()

    def _kill(self, generation: int) -> None:
        child = self.children.get(generation)
        if child is not None:
            child.explained = True
            child.kill()

    def _show_failure(self, action: policy.ShowFailure) -> None:
        self._changed.clear()
        self.terminal.mend_echo()
        self.terminal.waiting(action.failure, serving=action.serving)
        if self.launch.address is not None and not self.listeners.sockets:
            try:
                self.listeners.ensure(self.launch.address)
            except OSError as error:
                self.terminal.note(f"no page for the browser: {error.strerror}")
        if action.serving or not self.listeners.sockets:
            return
        if self._error_server is None:
            self._error_server = ErrorServer(self.listeners.sockets)
        context = PageContext(debug=self.facts.debug, allowed_hosts=self.facts.allowed_hosts)
        self._error_server.show(action.failure, context)
        if self.state.live in self.children:
            self.children[self.state.live].channel.send(m.Release())
        for connection in self._held:
            self._error_server.adopt(connection)
        self._held.clear()

    def _failure_over(self) -> None:
        if self._error_server is not None:
            self._error_server.live()

    def _announce(self, generation: int) -> None:
        self.journey.mark("admitted")
        changed, self._changed = self._changed, set()
        self.code.settle(swapped=self.children[generation].swapped)
        self._watch()
        self.starter.live(self.children[generation])
        if self._announced_first or not self.children[generation].generation == 1:
            self.terminal.mend_echo()
            self.terminal.live(sorted(changed), self.journey.seconds)
            origin = self.children[generation].origin
            self.terminal.note(f"  from {origin}; {self.journey} ms", verbosity=2)
        self._announced_first = True

    def nothing_new(self) -> None:
        """The last change turned out to be none."""
        if self._changed:
            names = self.terminal.names(sorted(self._changed))
            self.terminal.note(f"{names} saved without a change", verbosity=2)
        self._changed.clear()

    def taken(self, paths: frozenset[str], *, translations: bool) -> None:
        """The running program has taken a change by itself."""
        self._changed -= paths
        if translations:
            self.terminal.taken(sorted(paths), "translations reset")

    def _watch(self) -> None:
        self.watcher.watch(self.code.targets())

    def end_policy(self) -> None:
        """Nothing is decided any more: the command ends."""
        self.state = replace(self.state, phase=policy.Phase.ENDING)

    async def _clean_up(self) -> None:
        self.watcher.stop()
        if self._error_server is not None:
            await self._error_server.close()
        for connection in self._held:
            connection.close()
        self.listeners.close()
        self.terminal.mend_echo()
