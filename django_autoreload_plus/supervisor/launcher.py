"""Starts children: from a checkpoint where one is good enough, else afresh."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection
from importlib.util import cache_from_source

from ..options import Options
from ..paths import working_directory
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.channel import ChannelClosed
from ..protocol.first_child import channel_of
from ..protocol.launch import ChildLaunch, Launch
from ..protocol.probes import REPOSITORY, Probe
from ..protocol.reasons import Reason
from ..protocol.spawn import command, spawn
from . import conditions, outgoing
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .checkpoints.upkeep import Upkeep
from .child import Child
from .code_state import CodeState
from .probe_comparison import Comparison
from .reaper import Reaper
from .reload_log import ReloadLog
from .swaps import Swaps
from .traffic import Traffic

#: The modules edited last get a checkpoint just before their import.
_MOST_POINTS = 3


class Launcher:
    """Makes the next child in the fastest way that is exact."""

    def __init__(  # noqa: PLR0913 - everything that a start is made of
        self,
        launch: Launch,
        *,
        code: CodeState,
        trail: Breadcrumbs,
        traffic: Traffic,
        reaper: Reaper,
        checkpoints: CheckpointPool,
        upkeep: Upkeep,
        options: Callable[[], Options],
        log: ReloadLog,
    ) -> None:
        self._launch = launch
        #: The environment of every child: that of this process as it was started.
        self._environment = dict(os.environ)
        self._code = code
        self._trail = trail
        self._traffic = traffic
        self._reaper = reaper
        self._checkpoints = checkpoints
        self._upkeep = upkeep
        self._options = options
        self._log = log
        self._swaps = Swaps(code)
        #: The first child, where it was started before this process could do so.
        self._begun = launch.first_child
        self._points: list[str] = []
        self._alone = False
        self._edited: list[str] = []
        self._since: frozenset[str] = frozenset()
        self._directory = working_directory()
        self._conditions = conditions.present(self.executable)
        #: Sources of which an earlier start may have left bytecode that only looks right.
        self._suspects: frozenset[str] = frozenset()
        #: A process that has just become another image (``exec``), and begins again.
        self.next_image: Child | None = None
        #: Probes of the checkpoints that would have another answer now.
        self._stale: frozenset[Probe] = frozenset()
        self._has_looked = False
        self._comparison = Comparison()
        #: Why there are no later checkpoints than there are.
        self._refusals: tuple[Reason, ...] = ()
        #: The child made last from a checkpoint, and that checkpoint.
        self._ordered: tuple[Checkpoint, Child] | None = None

    def start(
        self, generation: int, *, first: bool, alone: bool = False, swap: bool = True
    ) -> Child:
        """Start the program with the files as they are now.

        ``first``: nothing has been live yet; ``alone``: no other process of the program is
        there; ``swap``: try whether exchanging function bodies is enough. Raises
        :class:`OSError` where no process can be started.
        """
        code = self._code
        if self._begun is not None:
            return self._take_over(generation)
        self._alone = alone
        self._remember(code.dirty)
        self._trail.clear()
        # Of the checkpoints that there are; a start begins to collect its own.
        self._refusals = self._checkpoints.refusals if self._may_resume() else ()
        self._tell_replaced()
        self._suspects = code.changed | self._since
        _discard_bytecode(self._suspects)
        self._has_looked = False
        child = self._as_next_image(generation)
        if child is None and swap:
            child = self._swapped(generation, first=first)
            if child is not None:
                # What comes after the last copy is loaded all the same.
                self._explain_refusals()
        self._look_again(generation)
        if child is None:
            child = self._resumed(generation, first=first)
        return child or self._spawn(generation, first=first)

    def close(self) -> None:
        """Leave nothing behind that a later command would take for the code on the disk."""
        _discard_bytecode(self._code.changed | self._code.since_start())

    def swap_refused(self, generation: int, reason: Reason) -> None:
        """The process made for this start cannot exchange what it was told to."""
        self._swaps.refuse(reason, generation)

    def ordered_from(self, copy: Checkpoint) -> Child | None:
        """The child made last, if this checkpoint was told to make it."""
        base, child = self._ordered or (None, None)
        return child if base is copy else None

    def drop_next_image(self) -> None:
        """End the process in which the program has begun again, if nobody needs it."""
        if self.next_image is not None:
            _discard(self.next_image)
            self.next_image = None

    def note_changes(self, since: Collection[str]) -> None:
        """Where the disk differs from what the latest attempt was started from."""
        self._since = frozenset(since)

    def quiet_time(self) -> float:
        """For how long to wait for further changes before a start, in seconds."""
        self.note_changes(self._code.since_start())
        return 0.0 if self._is_cheap() else self._options().debounce

    @property
    def executable(self) -> str:
        """The file that a start from the beginning executes."""
        return command(self._launch.entry)[0]

    def _look_again(self, generation: int) -> None:
        """See what may make copies useless besides edits; once in each start."""
        if not self._has_looked:
            self._has_looked = True
            self._check_conditions(generation)
            self._probe_again()

    def _check_conditions(self, generation: int) -> None:
        conditions.go_back_to(self._directory)
        now = conditions.present(self.executable)
        change = now.change_since(self._conditions)
        if change:
            self._conditions = now
            self._checkpoints.distrust_before(generation)
            self._log.tell("no copy is resumed: ", Reason("AP244", change))

    def _probe_again(self) -> None:
        self._stale = self._comparison.differing(
            self._checkpoints.probes(), written=self._code.written, is_ignored=self._code.is_ignored
        )
        if self._stale:
            paths = sorted({probe.path for probe in self._stale})
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            is_git = any(probe.how == REPOSITORY for probe in self._stale if probe.path == paths[0])
            what = f"the git repository of {paths[0]}" if is_git else paths[0]
            self._log.tell(
                "", Reason("AP241", f"the program would not find {what} as it did{more}")
            )

    def _may_resume(self) -> bool:
        return self._options().most_copies > 0

    def _is_cheap(self) -> bool:
        """Whether a start now costs so little that waiting would cost more."""
        return self._may_resume() and self._best() is not None

    def _best(self) -> Checkpoint | None:
        changed = self._code.changed
        early = bool(self._code.unread(changed | self._since))
        stale = self._stale
        return self._checkpoints.best(changed | stale, self._since | stale, early=early)

    def _swapped(self, generation: int, *, first: bool) -> Child | None:
        """A child whose function bodies are exchanged, if nothing else changed."""
        ready = self._ready()
        if ready is None or ready.replaced():
            return None
        edited = self._code.changed - self._code.taken
        if unread := self._code.unread(edited | self._since):
            reason = Reason("AP135", f"nothing is known to have read {min(unread)}")
            self._log.tell("imported again: ", reason)
            return None
        paths = [path for path in edited if self._checkpoints.has_loaded(path)]
        swaps = self._swaps.plan(paths, generation)
        if isinstance(swaps, Reason):
            self._log.tell("imported again: ", swaps)
            return None
        self._log.mark("compiled")
        self._checkpoints.begin(generation, ready, swapped=True)
        child = self._resume(ready, generation, swaps, first=first)
        if child is None:
            reason = Reason("AP142", "the copy of the loaded program has ended")
            self._log.tell("imported again: ", reason)
            return None
        # It exchanges them meanwhile, and is given no request before it is admitted.
        self._look_again(generation)
        is_trusted = self._checkpoints.ready() is ready
        if is_trusted and not self._checkpoints.is_concerned(self._stale):
            return child
        if is_trusted:
            self._log.tell("imported again: ", Reason("AP136", "it looked there while starting"))
        _discard(child)
        return None

    def _ready(self) -> Checkpoint | None:
        """The checkpoint in whose forks function bodies may be exchanged."""
        if not self._may_resume():
            return None
        if not self._options().swap:
            self._log.explain(Reason("AP141", "swaps are switched off"))
            return None
        ready = self._checkpoints.ready()
        # A program that is no server has none at all.
        if ready is None and (self._traffic.listeners.sockets or not self._launch.at_once):
            reason = Reason("AP142", "there is no copy of the loaded program")
            if self._checkpoints.live:
                self._log.tell("imported again: ", reason)
            else:
                self._log.explain(reason)
        return ready

    def _tell_replaced(self) -> None:
        for copy in self._checkpoints.live:
            if path := copy.replaced():
                reason = Reason("AP242", f"{path} was open and has been replaced")
                self._log.tell(f"no copy from {copy.label} on: ", reason)
                return

    def _resumed(self, generation: int, *, first: bool) -> Child | None:
        self._explain_checkpoints()
        while self._may_resume() and (base := self._best()) is not None:
            base.precedes_edited |= base.label.removeprefix("at ") in self._edited
            self._checkpoints.begin(generation, base)
            child = self._resume(base, generation, first=first)
            if child is not None:
                return child
            # The checkpoint was killed, and the end of its channel was not read yet.
            self._checkpoints.lost(base)
        self._checkpoints.begin(generation, None)
        return None

    def _explain_checkpoints(self) -> None:
        """Note why no later checkpoint can be resumed than the one that will be, or none."""
        if not self._may_resume():
            self._log.explain(Reason("AP201", "copies are switched off"))
            return
        copies, best = self._checkpoints.live, self._best()
        if best is None and copies:
            self._log.explain(Reason("AP240", "the change comes before the first copy"))
        elif best is None:
            self._log.explain(Reason("AP243", "there are no copies"))
        if not copies or best is copies[-1]:
            self._explain_refusals()

    def _explain_refusals(self) -> None:
        for reason in self._refusals:
            self._log.explain(reason)

    def _take_over(self, generation: int) -> Child:
        """The first child, which has begun already."""
        begun, self._begun = self._begun, None
        assert begun is not None
        self._checkpoints.begin(generation, None)
        self._reaper.add_pid(begun.pid)
        return Child(generation, begun.pid, channel_of(begun))

    def _as_next_image(self, generation: int) -> Child | None:
        child, self.next_image = self.next_image, None
        if child is not None:
            self._upkeep.prefaulter.forget()
            self._checkpoints.begin(generation, None)
            child.generation = generation
        return child

    def _spawn(self, generation: int, *, first: bool) -> Child:
        launch = self._launch
        self._upkeep.prefaulter.forget()
        child_launch = ChildLaunch(
            generation,
            launch.plugin,
            launch.plugin_after,
            first=first,
            options=self._options(),
            at_once=launch.at_once,
            alone=self._alone,
            given=launch.given,
            changed=tuple(sorted(self._suspects)),
            has_server=launch.has_server,
        )
        channel, process = spawn(
            launch.entry, self._traffic.gate, self._trail, child_launch, self._environment
        )
        self._reaper.add(process)
        return Child(generation, process.pid, channel)

    def _resume(
        self,
        base: Checkpoint,
        generation: int,
        swaps: tuple[m.Swap, ...] | None = None,
        *,
        first: bool,
    ) -> Child | None:
        process = self._checkpoints.fork(base)
        if process is None:
            return None
        sockets = self._traffic.listeners.by_address()
        order = m.Go(
            generation,
            alone=self._alone,
            changed=tuple(sorted(self._suspects)),
            points=tuple(self._points),
            edited=tuple(self._edited),
            first=first,
            checkpoints=self._may_resume(),
            swaps=swaps or (),
            uses=self._upkeep.uses,
            taken=tuple(sorted(self._code.taken)) if swaps is not None else (),
            sockets=tuple(sockets),
            learn=swaps is None and not self._upkeep.prefaulter.knows(base),
        )
        try:
            outgoing.send(process.channel, order, [held.fileno() for held in sockets.values()])
        except ChannelClosed:
            process.channel.close()
            return None
        child = Child(
            generation,
            process.pid,
            process.channel,
            list(base.loaded),
            pid_is_certain=False,
            origin=base.label,
            swapped=swaps is not None,
            exchanged=tuple(dict.fromkeys(kind for swap in swaps or () for kind in swap.kinds)),
        )
        self._ordered = base, child
        return child

    def _remember(self, changed: Collection[str]) -> None:
        modules = self._code.modules
        names = [modules[path] for path in sorted(changed) if modules.get(path)]
        self._edited = names[:_MOST_POINTS]
        kept = [name for name in self._points if name not in names]
        self._points = [*kept, *self._edited][-_MOST_POINTS:]


def _discard(child: Child) -> None:
    """End a child that nobody knows of yet."""
    child.kill()
    child.channel.close()


def _discard_bytecode(sources: Collection[str]) -> None:
    """Remove the bytecode of these sources, whatever it claims to be made from.

    Python compares only a source's size and the second of its time, and a later
    start that need not know of an edit would do so: two quick edits look the
    same to it, and so does one whose time is put back afterwards.
    """
    for path in sources:
        if path.endswith(".py"):
            with contextlib.suppress(OSError, NotImplementedError):
                os.unlink(cache_from_source(path))
