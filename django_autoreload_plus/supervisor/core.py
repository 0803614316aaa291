"""The supervisor: one asyncio loop in which everything comes together.

The watcher (from its thread), the children (their channels), exits, signals and
timers become events for :func:`.policy.step`; the actions that come back are
carried out by :class:`.acting.Acting`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace

from ..protocol import messages as m
from ..protocol.failure import Failure
from ..protocol.launch import Launch
from ..protocol.messages import LoadedFile
from ..protocol.options import Options
from ..protocol.trail import Trail
from ..watcher import Watcher
from . import policy
from .acting import Acting
from .code_state import CodeState
from .hearing import Hearing
from .inspection import Inspection
from .journey import Journey
from .last_words import LastWords
from .process import Child
from .reaper import Reaper
from .reception import Reception
from .recording import Recording
from .shutdown import Shutdown
from .starter import Starter
from .terminal import Terminal

#: How a process of an unknown id ended is heard of by then, if ever; seconds.
_LAST_NEWS = 0.5
#: A change of one of these options needs another watcher.
_WATCHER_OPTIONS = ("watch", "ignore", "polling", "poll_interval", "safety_interval")

#: Reports that come within this time are acted on together.
_WATCH_DELAY = 0.05


class Supervisor:
    """One run of the command."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.options = launch.options
        self.facts = launch.facts
        self.terminal = Terminal()
        self.reception = Reception(launch.address, lambda: self.inspection.is_under_way)
        self.children: dict[int, Child] = {}
        self.state = policy.State(keep_serving=launch.options.keep_serving)
        self.code = CodeState((*launch.facts.roots, os.getcwd()))
        #: Files that changed since the last decision, for the terminal.
        self.changed: set[str] = set()
        self.journey = Journey()
        #: Something has been live: what a start prints has been printed.
        self.announced = False
        self.trail = Trail.create()
        self.last_words = LastWords(self)
        self.starter = Starter(self)
        self.inspection = Inspection(self)
        self.recording = Recording(self)
        self.shutdown = Shutdown(self)
        self.hearing = Hearing(self)
        self._acting = Acting(self)
        self._to_watch: asyncio.TimerHandle | None = None

    async def run(self) -> int:
        """Supervise until the program or the user ends it; returns the exit status."""
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[int] = self.loop.create_future()
        self.reaper = Reaper(self.loop, self.ended)
        self.shutdown.install()
        self._open_watcher()
        self.watcher.start()
        try:
            self._apply(policy.begin(self.state))
            return await self.done
        finally:
            self.watcher.stop()
            self.starter.close()
            await self.reception.close()
            self.terminal.mend_echo()
            self.reaper.stop()
            self.shutdown.uninstall()

    def handle(self, event: policy.Event) -> None:
        """Let the policy decide about an event, and do it."""
        self._apply(policy.step(self.state, event))

    def end_policy(self) -> None:
        """Nothing is decided any more: the command ends."""
        self.state = replace(self.state, phase=policy.Phase.ENDING)

    # -- files --------------------------------------------------------------

    def files_changed(self, paths: frozenset[str]) -> None:
        """The watcher saw something."""
        if not self.changed:
            self.journey = Journey()
            self.journey.mark("event")
        self.changed |= paths
        self.handle(policy.FilesChanged(paths))

    def nothing_new(self, *, known: bool) -> None:
        """The last change turned out to be none; ``known``: none since the attempt."""
        starting = known and self.state.phase is policy.Phase.STARTING
        # What the child under way is started for is still to be told when it is live.
        kept = self.changed & self.code.attempted if starting else set()
        if self.changed - kept:
            names = self.terminal.names(sorted(self.changed - kept))
            self.terminal.note(f"{names} saved without a change", verbosity=2)
        self.changed = kept

    def taken(self, paths: frozenset[str], *, translations: bool) -> None:
        """The running program has taken a change by itself."""
        self.changed -= paths
        if translations:
            self.terminal.taken(sorted(paths), "translations reset")

    def watch(self) -> None:
        """Watch what is known to shape the program by now."""
        if self._to_watch is not None:
            self._to_watch.cancel()
            self._to_watch = None
            self._watch_now()

    def _watch_now(self) -> None:
        now = time.time_ns()
        matches = self.watcher.watch(self.code.targets())
        # Nobody says when they were loaded; from now on they count as known.
        self.recording.later(LoadedFile(path, now) for path in sorted(matches))

    def _watch_soon(self) -> None:
        # Comparing all with all that is watched costs milliseconds in a large
        # project, and a starting child reports often.
        if self._to_watch is None:
            self._to_watch = self.loop.call_later(_WATCH_DELAY, self.watch)

    # -- children -----------------------------------------------------------

    def configure(self, message: m.Configured) -> None:
        """The program's configuration, as its child has read it."""
        before, self.options, self.facts = self.options, message.options, message.facts
        self.state = replace(self.state, keep_serving=self.options.keep_serving)
        self.terminal.configure(message.facts)
        self.code.roots = (*message.facts.roots, os.getcwd())
        if _watcher_options(before) != _watcher_options(self.options):
            self._open_watcher(self.watcher)
            # Before anything is read: what happened meanwhile is about these files.
            self._watch_now()
            self.watcher.start()

    def loaded(self, child: Child, message: m.Loaded) -> None:
        """A child has loaded files."""
        if self.code.add(message):
            self._watch_soon()
        edited = self._record(child) if child.live else frozenset()
        if edited:
            self.files_changed(edited)

    def live(self, child: Child, *, serves: bool) -> None:
        """A child runs, or serves."""
        child.live = True
        self.journey.mark("ready" if child.swapped else "imported")
        edited = self._record(child)
        self.code.loaded()
        self.changed |= edited
        self.handle(policy.Live(child.generation, serves, outdated=bool(edited)))

    def failed(self, child: Child, failure: Failure) -> None:
        """A child could not start: its files are what is watched for the fix."""
        edited = self._record(child)
        self.code.loaded()
        if edited:
            # First: what was edited meanwhile may be the fix.
            self.files_changed(edited)
        self.handle(policy.Failed(child.generation, failure))

    def timed_out(self, child: Child) -> None:
        """A child does not become ready."""
        if not child.live and self.children.get(child.generation) is child:
            self._asking = self.loop.create_task(self._explain_hanging(child))

    async def _explain_hanging(self, child: Child) -> None:
        failure = await self.last_words.of_hanging(child)
        if not child.live and self.children.get(child.generation) is child:
            child.explained = True
            self.failed(child, failure)
            child.kill()

    def ended(self, pid: int, status: int) -> None:
        """A process has ended: a child, a frozen copy, or an orphan of the program's."""
        for child in list(self.children.values()):
            # It may have said who it is, and why it ends, only just now.
            self.hearing.hear(child)
        for child in list(self.children.values()):
            # An uncertain one may be that of the copy that it has just left behind.
            if child.pid == pid and child.pid_is_certain:
                self._gone(child, status)

    def out_of_reach(self, child: Child) -> None:
        """A child's channel is closed. Its end may go unnoticed."""
        if not self._will_be_heard_of(child):
            self.loop.call_later(_LAST_NEWS, self._lost, child)

    def _lost(self, child: Child) -> None:
        if self.children.get(child.generation) is child and not self._will_be_heard_of(child):
            self._gone(child, -signal.SIGKILL)

    def _will_be_heard_of(self, child: Child) -> bool:
        return child.pid_is_certain and self.reaper.hears_of(child.pid)

    def _gone(self, child: Child, status: int) -> None:
        self.loop.remove_reader(child.channel)
        child.channel.close()
        self.children.pop(child.generation, None)
        self.terminal.mend_echo()
        starting = self.state.phase is policy.Phase.STARTING
        if child.refused and not self.announced and not child.explained:
            # No edit makes an address available: Django's command ends, and so does this one.
            self.handle(policy.Finished(child.generation, status))
        elif starting and child.generation == self.state.newest and not child.explained:
            self.failed(child, self.last_words.of_dead(child, status))
        else:
            self.handle(policy.Gone(child.generation, status))
        self.shutdown.process_gone()

    def _record(self, child: Child) -> frozenset[str]:
        """What was edited after the child had begun to load it."""
        reports, child.loaded = child.loaded, []
        # Watched first: an edit is then an event or seen here.
        self.watch()
        self.starter.checkpoints.recorded(child.generation)
        return self.recording.record(item for report in reports for item in report.files)

    # -- plumbing -----------------------------------------------------------

    def _apply(self, step: policy.Step) -> None:
        self.state, actions = step
        for action in actions:
            self._acting.perform(action)

    def _open_watcher(self, former: Watcher | None = None) -> None:
        self.watcher = Watcher(self._notified, self.options, warn=self._warn, roots=self.code.roots)
        self.watcher.open(former)
        self.code.is_ignored = self.watcher.ignores
        gate = self.reception.gate
        gate.share(self.watcher.share(gate.reading))

    def _notified(self, paths: frozenset[str]) -> None:
        # Called in the watcher's thread: the gate does not wait for the loop, which
        # opens it again if nothing turns out to have changed.
        if self.state.answers:
            self.reception.gate.close()
        # It may just be opening it, for what it has decided before: until it has heard,
        # nobody answers.
        self.reception.gate.told()
        self.loop.call_soon_threadsafe(self._heard, paths)

    def _heard(self, paths: frozenset[str]) -> None:
        self.files_changed(paths)
        self.reception.gate.heard()

    def _warn(self, text: str) -> None:
        self.loop.call_soon_threadsafe(self.terminal.note, text)


def _watcher_options(options: Options) -> tuple[object, ...]:
    return tuple(getattr(options, name) for name in _WATCHER_OPTIONS)
