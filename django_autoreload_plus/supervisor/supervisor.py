"""The supervisor: the mediator between all parts of the command.

The watcher (from its thread), the messages of the children, the ends of processes,
signals and timers become events for :func:`.policy.step`, which alone decides; the
actions that come back are carried out here, by collaborators that do not know of
each other. :meth:`Supervisor.handle` is the one way in.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import AsyncExitStack
from typing import Any

from .. import editors
from ..exhaustive import assert_never
from ..own_code import OwnCode
from ..paths import working_directory
from ..protocol import first_child
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.channel import Channel
from ..protocol.failure import Failure
from ..protocol.gate import Gate
from ..protocol.launch import Launch
from ..protocol.reasons import Reason
from ..records import dataclass
from ..watcher import Watcher
from . import actions, events, policy
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .checkpoints.upkeep import Upkeep
from .child import START, Child
from .children import Children
from .clearing import Clearing
from .code_state import CodeState
from .decision import Decision
from .ends import Ends
from .error_page.respond import PageContext
from .file_watch import FileWatch
from .inspector import Inspector
from .launcher import Launcher
from .load_recorder import LoadRecorder
from .loads import Loads
from .open_prompts import OpenPrompts
from .parent import Parent
from .processes import descendants
from .progress import Progress
from .reaper import Reaper
from .reload_log import ReloadLog
from .shutdown import PATIENCE, Shutdown
from .starts import Starts
from .state import Phase, State
from .status import Snapshot, as_data
from .status_server import StatusServer
from .terminal import Terminal
from .traffic import Traffic


@dataclass(frozen=True)
class Parts:
    """The classes of which the supervisor is made; tests replace some of them."""

    terminal: type[Terminal] = Terminal
    watcher: type[Watcher] = Watcher
    checkpoints: type[CheckpointPool] = CheckpointPool
    upkeep: type[Upkeep] = Upkeep
    launcher: type[Launcher] = Launcher


class Supervisor:
    """One run of the command."""

    def __init__(self, launch: Launch, parts: Parts = Parts()) -> None:  # noqa: B008 - a constant
        """Make what the command needs; call it where an event loop runs."""
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[int] = self._loop.create_future()
        self._options = launch.options
        self._project = launch.project
        self._environment_lost = launch.environment_lost
        self._at_once = launch.at_once
        self._state = State(
            keep_serving=launch.options.keep_serving,
            at_once=launch.at_once,
            restarts=not launch.at_once,
        )
        self._folders = launch.entry.folders()
        self._command = launch.entry.words()
        self._begun = launch.first_child
        self._trail = Breadcrumbs(self._begun.trail) if self._begun else Breadcrumbs.create()
        self.terminal = parts.terminal()
        self.log = ReloadLog(self.terminal)
        self.code = CodeState(OwnCode((*launch.project.roots, working_directory())))
        # Each group needs those before it; what comes later it reaches by a callback.
        self._make_processes(launch, parts)
        self._make_watching(parts)
        self._make_deciding()
        self._make_ending()

    def _make_processes(self, launch: Launch, parts: Parts) -> None:
        """The processes of the program, where they come from, and the sockets they are given."""
        begun = self._begun
        self.traffic = Traffic(
            launch.address,
            Gate.relayed(begun.gate, begun.events) if begun else Gate.create(),
            lambda: self.inspector.is_under_way,
        )
        self._reaper = Reaper(self._loop)
        self.children = Children(
            received=self._received,
            unreadable=lambda child, problem: self._ends.unreadable(child, problem),
            unresponsive=lambda child: self._ends.unresponsive(child),
            worker_failed=lambda child, failure: self._progress.worker_failed(child, failure),
            exited=self._child_exited,
            replaced=self._child_replaced,
            will_reap=self._reaper.will_reap,
            stop_signal=lambda: signal.Signals[self._options.stop_signal],
        )
        self.checkpoints = parts.checkpoints(ended=self.children.ended, lost=self._checkpoint_lost)
        self.upkeep = parts.upkeep(
            self.checkpoints,
            options=lambda: self._options,
            serves=lambda child: self.live_child() is child,
            detail=self.log.detail,
        )
        self.launcher = parts.launcher(
            launch,
            code=self.code,
            trail=self._trail,
            traffic=self.traffic,
            reaper=self._reaper,
            checkpoints=self.checkpoints,
            upkeep=self.upkeep,
            options=lambda: self._options,
            log=self.log,
        )
        self._clearing = Clearing(
            self.children,
            self.checkpoints,
            options=lambda: self._options,
            handle=self.handle,
            tell=self.log.tell,
        )
        self.parent = Parent(
            launch,
            self.code,
            self._reaper,
            is_ending=lambda: self._state.phase is Phase.ENDING,
            exited=self._parent_exited,
            killed=self._parent_killed,
            terminal=self.terminal,
        )

    def _make_watching(self, parts: Parts) -> None:
        """What is known about the files: what was loaded, what is watched, and what differs."""
        self._recorder = LoadRecorder(
            self.code,
            doubt=self.checkpoints.forget,
            edited=self._files_changed,
            finished=lambda: self.decision.update(),
        )
        self.files = FileWatch(
            parts.watcher,
            code=self.code,
            gate=self.traffic.gate,
            options=lambda: self._options,
            answers=lambda: self._state.answers,
            changed=self._files_changed,
            matched=self._recorder.later,
            warn=self.terminal.message,
        )
        self._loads = Loads(
            self.code,
            self.checkpoints,
            self.parent,
            self.files,
            self._recorder,
            edited=self._files_changed,
        )
        self.inspector = Inspector(
            self.code,
            self.children,
            self.log,
            state=lambda: self._state,
            asks=lambda: self._project.asks,
            quiet_time=self.launcher.quiet_time,
            decided=self.handle,
        )

    def _make_deciding(self) -> None:
        """What becomes of a child, as events for the policy."""
        self._prompts = OpenPrompts(self.handle, self._prompt_left)
        self._progress = Progress(
            self._trail,
            self.children,
            code=self.code,
            loads=self._loads,
            clearing=self._clearing,
            traffic=self.traffic,
            log=self.log,
            at_once=self._at_once,
            options=lambda: self._options,
            state=lambda: self._state,
            handle=self.handle,
        )
        self._starts = Starts(
            self.launcher,
            children=self.children,
            code=self.code,
            clearing=self._clearing,
            progress=self._progress,
            log=self.log,
            at_once=self._at_once,
            state=lambda: self._state,
            handle=self.handle,
        )
        self._ends = Ends(
            self._trail,
            self.children,
            code=self.code,
            loads=self._loads,
            clearing=self._clearing,
            launcher=self.launcher,
            prompts=self._prompts,
            log=self.log,
            state=lambda: self._state,
            handle=self.handle,
        )

    def _make_ending(self) -> None:
        """The end of the command, and who asks about it from outside."""
        self._shutdown = Shutdown(
            self._loop,
            self.children,
            self.checkpoints,
            self.parent,
            patience=self._patience,
            asked=lambda status: self.handle(events.StopAsked(status)),
            needed=self._may_end_by_itself,
            finished=self._finish,
        )
        self.decision = Decision(
            self.children,
            self.files,
            state=lambda: self._state,
            is_reading=lambda: self.inspector.is_under_way or self._recorder.is_reading,
        )
        self._status = StatusServer(self._snapshot, self.decision.wait, self.log.detail)

    async def run(self) -> int:
        """Supervise until the program or the user ends it; returns the exit status."""
        # Only here: it sets the time zone in the environment, which children are given as it was.
        self.terminal.configure(self._project)
        async with AsyncExitStack() as undo:
            self._shutdown.install()
            if self._begun is not None:
                first_child.unblock(self._begun)
            undo.callback(self._shutdown.uninstall)
            self._reaper.start(self._process_ended)
            undo.callback(self._reaper.stop)
            undo.callback(self.close)
            undo.callback(self.terminal.restore_modes)
            undo.push_async_callback(self.traffic.close)
            undo.callback(self.launcher.close)
            undo.callback(self.parent.close)
            self.parent.take_over()
            if self._environment_lost:
                self.log.detail(
                    "the environment was overwritten: children inherit what the settings changed"
                )
            self.files.start()
            undo.callback(self.files.stop)
            self.handle(events.Begin())
            self._status.open(self._folders)
            undo.callback(self._status.close)
            return await self._done

    def close(self) -> None:
        """Give back the shared memory that every child is given."""
        self._trail.close()
        self.traffic.gate.release()

    # -- the one way in, and the one way out ----------------------------------

    def handle(self, event: events.Event) -> None:
        """Let the policy decide about an event, and do it."""
        self._state, to_do = policy.step(self._state, event)
        for action in to_do:
            self._perform(action)
        self.decision.update()

    def _perform(  # noqa: C901, PLR0912 - one case for each action
        self, action: actions.Action
    ) -> None:
        match action:
            case actions.Inspect():
                self.inspector.begin(action.paths)
            case actions.Pause():
                self.traffic.pause()
            case actions.Admit():
                self._admit(action)
            case actions.Start():
                self._starts.start(action.generation)
            case actions.RetireChild():
                self._retire(action.generation)
            case actions.Kill():
                self.log.history.abandoned(self.children.get(action.generation))
                self.children.give_up(action.generation)
            case actions.Clear():
                self._clearing.begin(action.generation)
            case actions.ShowFailure():
                self._show_failure(action)
            case actions.HideFailure():
                self.log.failure_over()
            case actions.Defer():
                self.log.deferred()
            case actions.Announce():
                self._announce(action.generation)
            case actions.End():
                self._end(action.status)
            case _:
                assert_never(action)

    def _received(  # noqa: C901, PLR0912, PLR0915 - one case for each message
        self, child: Child, message: m.FromChild, descriptors: list[int]
    ) -> None:
        match message:
            case m.Hello():
                if child.generation == self._state.newest and child.origin != START:
                    self.log.mark("swapped" if child.swapped else "resumed")
            case m.Loaded():
                self._loads.add(child, message)
            case m.Configured():
                self._configure(child, message)
            case m.Listen():
                self.traffic.listen(child, message)
            case m.Keep():
                self.traffic.keep(child, message, socket.socket(fileno=descriptors[0]))
            case m.AskClearance():
                self._clearing.asked(child, message)
            case m.Started():
                self._progress.started(child, message)
            case m.Serving():
                self._progress.serving(child, message)
            case m.Failed():
                self._progress.failed(child, message.failure)
            case m.Finished():
                was_given_up, child.explained = child.explained, True
                if not was_given_up:
                    self.handle(events.ProgramFinished(child.generation, message.code))
            case m.Restart():
                child.explained = True
                self.log.restart_asked()
                self.handle(events.RestartAsked(child.generation))
            case m.Replacing():
                child.becomes(descriptors)
            case m.Say():
                self._checked(child, message)
            case m.Prompt():
                self._prompts.changed(child, message)
            case m.Handled():
                self.inspector.answered(message)
            case m.AskWatched():
                # Whatever was reported before has been handled by now.
                os.close(descriptors[0])
            case m.Reported():
                self.decision.reported(message.token)
            case m.WorkersChannel():
                self.children.add_workers_channel(child, socket.socket(fileno=descriptors[0]))
            case m.HandBack():
                self.traffic.take_back(socket.socket(fileno=descriptors[0]))
            case m.Used():
                self.upkeep.used(message.uses)
            case m.Answered():
                self.upkeep.answered(child, undisturbed=message.undisturbed)
            case m.Touched():
                self.upkeep.touched(child, message)
            case m.Waiting():
                # Read while the process is a spare; here it goes on already.
                pass
            case m.Froze():
                self.upkeep.froze(child, message, descriptors[0])
            case m.Refused():
                if self.checkpoints.refused(message):
                    self.log.detail(f"no checkpoint {message.label}: {message.reason}")
            case m.SwapRefused():
                self._starts.without_swap(child, message.reason)
            case _:
                assert_never(message)

    # -- files ------------------------------------------------------------------

    def _files_changed(self, paths: frozenset[str]) -> None:
        self.log.files_changed(paths)
        if self._runs_programs():
            self.code.changed_beside(paths)
        self.handle(events.FilesChanged(paths))

    def _runs_programs(self) -> bool:
        """Whether the child under way has started a process that is there, and may write.

        Not of a program that runs from its first line: that has processes of its own for its
        work, and it is the developer who edits meanwhile.
        """
        child = self.children.get(self._state.newest)
        if self._at_once or child is None or self._state.phase is not Phase.STARTING:
            return False
        return child.pid > 0 and bool(descendants(child.pid))

    def live_child(self) -> Child | None:
        """The child that was live last and still is there."""
        return self.children.get(self._state.live)

    # -- what the children say --------------------------------------------------

    def _configure(self, child: Child, message: m.Configured) -> None:
        """The program's configuration, as its child has read it."""
        before, self._options, self._project = self._options, message.options, message.project
        if {*before.preload} != {*self._options.preload}:
            # Those libraries come before every checkpoint.
            self.checkpoints.distrust_before(child.generation + 1)
        self.handle(events.SettingsRead(self._options.keep_serving))
        self.terminal.configure(message.project)
        self.code.own = OwnCode((*message.project.roots, working_directory()))
        if before.for_watcher != self._options.for_watcher:
            self.files.renew()

    def _checked(self, child: Child, message: m.Say) -> None:
        """The checks of a child have come to their end."""
        child.unchecked = False
        self.terminal.checked(message.text, printed=message.printed)
        self.decision.update()

    # -- how processes end ------------------------------------------------------

    def _process_ended(self, pid: int, status: int) -> None:
        self.children.ended(pid, status)
        self.parent.ended(pid, status)

    def _child_exited(self, child: Child, status: int) -> None:
        self._ends.exited(child, status)
        self._clearing.update()
        self._shutdown.process_ended()

    def _child_replaced(self, child: Child, channel: Channel) -> None:
        self._ends.replaced(child, channel)
        self._shutdown.process_ended()

    def _parent_exited(self) -> None:
        self._shutdown.process_ended()

    def _parent_killed(self) -> None:
        self._shutdown.terminate()

    def _checkpoint_lost(self, copy: Checkpoint) -> None:
        if copy.problem:
            self.terminal.message(f"a copy sent what cannot be read; it is dropped: {copy.problem}")
        self._starts.checkpoint_lost(copy)
        self._clearing.update()
        self._shutdown.process_ended()

    # -- what the policy wants done ---------------------------------------------

    def _admit(self, action: actions.Admit) -> None:
        child = self.children.get(action.generation)
        if child is not None:
            self.traffic.admit(child, failure_over=action.failure_over)

    def _show_failure(self, action: actions.ShowFailure) -> None:
        failure = action.failure
        self.log.failed(
            failure,
            serving=action.serving,
            show_page=lambda: self._show_page(failure),
            at_prompt=bool(self._state.prompts),
        )

    def _show_page(self, failure: Failure) -> str | None:
        project = self._project
        editor = editors.template(self._options.editor, os.environ)
        context = PageContext(project.debug, project.allowed_hosts, editor)
        return self.traffic.show(failure, context, self.live_child())

    def _announce(self, generation: int) -> None:
        child = self.children.get(generation)
        assert child is not None
        self.log.mark("accepting")
        changed = self.code.changed_at_start
        self.parent.consider(changed)
        self.parent.went_live()
        self.code.settle(swapped=child.swapped)
        self.upkeep.went_live(child)
        self.log.live(child, changed, at_prompt=bool(self._state.prompts))
        if self.terminal.verbosity > 1 and (watched := self.files.news()):
            self.log.detail(watched)

    def _prompt_left(self) -> None:
        if self._state.deferred is not None:
            # The time at the prompt is no time of the reload.
            self.log.begin_anew()

    def _retire(self, generation: int) -> None:
        if self._state.phase is Phase.CLEARING:
            text = "the old process ends first: it does not serve through the reloader"
            self.log.explain(Reason("AP404", text))
        if self.children.get(generation) is None:
            # Not started, or gone in this very moment.
            self._loop.call_soon(self.handle, events.ProcessExited(generation, 0))
        else:
            self.children.retire(generation, self._options.grace_period)

    def _snapshot(self) -> dict[str, Any]:
        return as_data(
            Snapshot(
                self._state,
                tuple(self._command),
                self._folders[0],
                self.live_child(),
                self.files.diagnostics(),
                self.checkpoints,
                self.upkeep.weights,
                self.log.history,
            )
        )

    def _end(self, status: int) -> None:
        self.traffic.gate.close()
        self._shutdown.end(status)

    def _patience(self) -> float:
        return self._options.grace_period if self._at_once else PATIENCE

    def _may_end_by_itself(self, child: Child) -> bool:
        needed = child.generation in (self._state.live, self._state.newest)
        return needed or self._clearing.is_ending(child)

    def _finish(self, status: int) -> None:
        if not self._done.done():
            self._done.set_result(status)
