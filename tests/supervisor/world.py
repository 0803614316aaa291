"""The real supervisor among pretended files and processes, moved step by step.

Real are the policy, the inspection, what is known of the code, the launcher's choice, the
lines of copies and all that stands between them. Pretended are the disk, the watcher's
thread, and the processes, which load one file after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, Literal

from django_autoreload_plus.options import Options
from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.breadcrumbs import _RAN
from django_autoreload_plus.protocol.command_line import Entry
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.protocol.launch import Launch
from django_autoreload_plus.records import dataclass, field
from django_autoreload_plus.supervisor import events
from django_autoreload_plus.supervisor.checkpoints.pool import CheckpointPool
from django_autoreload_plus.supervisor.checkpoints.upkeep import Upkeep
from django_autoreload_plus.supervisor.child import START, Child
from django_autoreload_plus.supervisor.launcher import Launcher
from django_autoreload_plus.supervisor.state import Phase
from django_autoreload_plus.supervisor.supervisor import Parts, Supervisor
from django_autoreload_plus.supervisor.terminal import Terminal
from django_autoreload_plus.watcher import Baseline, Change, Watcher
from django_autoreload_plus.watcher.baseline import Stamp, _Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from django_autoreload_plus.supervisor.checkpoints.line import Checkpoint
    from django_autoreload_plus.supervisor.state import State
    from django_autoreload_plus.watcher import Targets

#: Loaded in this order by every start, but for the last: a catalogue that a running program
#: reads when asked, and whose changes it takes.
FILES = ("/site/a.py", "/site/b.py", "/site/c.py", "/site/lazy.mo")
#: What a file that was deleted has.
GONE = ""
#: Every one of them can be loaded, but for the last three.
CONTENTS = ("0", "1", "2", "raise", "(", GONE)
GOOD = CONTENTS[:3]
#: The first file most often: every order of its edits matters.
EDITS = [
    *((FILES[0], content) for content in (*CONTENTS, *GOOD)),
    *((path, content) for path in FILES[1:3] for content in ("0", "1", "raise", GONE)),
    *((FILES[3], content) for content in ("0", "1", GONE)),
]
BROKEN = Failure("exception", "broken", "broken")


class Disk(Baseline):
    """The real comparison, on files in memory whose clock advances with each write."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0
        self.files = dict.fromkeys(FILES, ("0", 0))

    def write(self, path: str, content: str) -> None:
        """Save a file."""
        self.clock += 1
        self.files[path] = (content, self.clock)

    def record(self, paths: Iterable[str], *, keep_text: Callable[[str], bool]) -> None:
        """As the real one, from memory."""
        for path in paths:
            self._keeps_text.update({path} if keep_text(path) else ())
            self._store(path, self._version(path))

    def compare(self, path: str) -> Change | None:
        """As the real one, from memory."""
        old, new = self._versions.get(path, _Version(None)), self._version(path)
        if old.same_content(new):
            if path in self:
                self._store(path, new)
            return None
        kind: Literal["modified", "deleted"] = "deleted" if new.signature is None else "modified"
        return Change(path, kind, new.data, None, new)

    def edited_since(self, loaded: Iterable[tuple[str, int]]) -> set[str]:
        """By the clock of this disk, which tells any two moments apart."""
        return {path for path, time_ns in loaded if self._is_edited(path, time_ns, {})}

    def _is_edited(self, path: str, time_ns: int, _links: dict[str, tuple[str, ...]]) -> bool:
        content, time = self.files[path]
        recorded = self._versions.get(path)
        # Of what is gone nobody can tell since when.
        was_there = recorded is not None and recorded.signature is not None
        return time >= time_ns or (content == GONE and was_there)

    def present_stamp(self, path: str) -> Stamp | None:  # type: ignore[override]
        """As the real one, from memory."""
        return self._version(path).signature

    def _version(self, path: str) -> _Version:
        content, time = self.files[path]
        if content == GONE:
            return _Version(None)
        return _Version(Stamp(0, 0, changed=time), content.encode(), content.encode())


@dataclass(eq=False)
class Process:
    """A child: loads one file after the other, each as it is at that moment.

    Before some of them it leaves a copy behind, and reports on that occasion. It is the
    other end of its channel as well: what it has sent is read by ``drain()``.
    """

    world: World
    generation: int
    pid: int
    loaded: dict[str, str] = field(default_factory=dict)
    unreported: list[m.LoadedFile] = field(default_factory=list)
    #: What it has sent, with the descriptors, and nobody has read yet.
    sent: list[tuple[m.FromChild, list[int]]] = field(default_factory=list)
    live: bool = False
    ended: bool = False
    #: It has asked for clearance and waits; it was told that no older process is left.
    waits: bool = False
    cleared: bool = False
    #: A debugger's prompt is open in it, or has been left by a step.
    debugged: bool = False
    steps: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it has loaded everything, or as far as it gets."""
        return len(self.loaded) >= len(FILES) - 1 or self.is_broken

    @property
    def is_broken(self) -> bool:
        """Whether a file that it has loaded cannot be."""
        return any(self.loaded.get(path, "0") not in GOOD for path in FILES[:3])

    def load(self, path: str) -> None:
        """Load a file as it is now."""
        disk = self.world.disk
        disk.clock += 1
        content = self.loaded[path] = disk.files[path][0]
        self.unreported.append(m.LoadedFile(path, disk.clock, path if content else ""))
        if self is self.world.processes[-1] and not self.ended:
            trail = self.world.supervisor._trail.descriptor
            os.write(trail, f"{_RAN}{disk.clock} {path}\n".encode())

    def report(self) -> None:
        """Say what was loaded since the last time."""
        if self.unreported:
            self.sent.append((m.Loaded(tuple(self.unreported)), []))
            self.unreported = []

    def leave_a_copy(self) -> None:
        """Freeze here; a new process goes on."""
        self.report()
        label = f"copy {len(self.world.held)}"
        self.world.held[label] = {**self.loaded}
        ours, theirs = socket.socketpair()
        theirs.close()
        self.sent.append((m.Froze(label, self.pid), [ours.detach()]))
        self.pid = self.world.new_pid()
        self.sent.append((m.Hello(self.pid), []))

    def ask(self) -> None:
        """Be about to do what only one process may do at a time."""
        self.waits = True
        self.sent.append((m.AskClearance("socket.bind"), []))

    def prompt(self, *, steps: bool) -> None:
        """Open a debugger's prompt, or leave it."""
        self.debugged = not self.debugged
        self.steps = steps and not self.debugged
        self.sent.append((m.Prompt(self.debugged, steps=self.steps), []))

    def finish(self) -> None:
        """Everything is loaded: say so, or why not."""
        if self.is_broken:
            self.report()
            self.sent.append((m.Failed(BROKEN), []))
            self.ended = True
            return
        self.live = True
        if self.world.at_once and not self.world.serves and self.generation % 2:
            # It never says anything, and nothing of it listens.
            return
        self.report()
        if self.world.at_once:
            self.sent.append((m.Started(restarts=False), []))
        if self.world.serves:
            self.sent.append((m.Serving(), []))
        elif not self.world.at_once:
            self.sent.append((m.Started(), []))

    # The supervisor's end of its channel

    def post(self, message: m.Message, _descriptors: Sequence[int] = ()) -> bool:
        """Do what the supervisor wants."""
        if isinstance(message, m.Retire):
            self.ended = True
        elif isinstance(message, m.Cleared):
            self.waits, self.cleared = False, True
        elif isinstance(message, m.Changed):
            path = FILES[-1]
            taken = (path,) if path in message.paths and path in self.loaded else ()
            for taken_path in taken:
                self.loaded[taken_path] = self.world.disk.files[taken_path][0]
            self.sent.append((m.Handled(message.token, taken), []))
        return True

    def drain(self) -> Iterator[tuple[m.Message, list[int]]]:
        """Yield what was sent."""
        while self.sent:
            yield self.sent.pop(0)

    def fileno(self) -> int:
        """Return what no loop here reads from."""
        return self.pid

    def close(self) -> None:
        """Nobody reads what was sent."""
        for _, descriptors in self.sent:
            for descriptor in descriptors:
                os.close(descriptor)
        self.sent.clear()


@dataclass(eq=False)
class PretendedChild(Child):
    """What the supervisor knows of a process; no signal leaves this one."""

    def signal(self, _number: int) -> None:
        """End the process, whatever the signal is."""
        self.process.ended = True

    def kill(self) -> None:
        """End the process."""
        self.process.ended = True

    @property
    def process(self) -> Process:
        """The other end."""
        assert isinstance(self.channel, Process)
        return self.channel


class PretendedLauncher(Launcher):
    """Chooses as the real one does; the processes are pretended."""

    world: World

    def _spawn(self, generation: int, *, first: bool) -> Child:
        del first
        child = self.world.child(generation, {}, START)
        child.process.cleared = self._alone
        return child

    def _resume(self, base: Checkpoint, generation: int, *_: Any, **_more: Any) -> Child | None:
        child = self.world.child(generation, self.world.held[base.label], base.label)
        child.loaded = list(base.loaded)
        child.process.cleared = self._alone
        return child


class Copies(CheckpointPool):
    """The real lines of copies, to which nobody speaks."""

    def _watch(self, copy: Checkpoint) -> None:
        """Nothing comes from it."""

    def _unwatch(self, copy: Checkpoint) -> None:
        """Nothing comes from it."""

    def _dissolve(self, copy: Checkpoint) -> None:
        copy.ended = True
        copy.channel.close()

    def prepare(self, copy: Checkpoint) -> None:
        """No process waits."""


class NoMemory(Upkeep):
    """Weighs nothing."""

    async def _bound_memory(self, child: Child) -> None:
        """Leave every copy in place."""


class Silent(Terminal):
    """Prints nothing; a failure must not be shown while a change is looked at."""

    world: World

    def text(self, text: str) -> None:
        """Print nothing."""

    def waiting(self, failure: Failure, *, serving: bool) -> None:
        """See that nobody is told of a failure that may be over."""
        del failure, serving
        assert not self.world.supervisor.inspector.is_under_way, "the change may be the fix"

    def restore_modes(self) -> None:
        """Leave the terminal of the tests alone."""


class PretendedWatcher(Watcher):
    """Knows what is watched; has no thread."""

    world: World

    def open(self, former: Watcher | None = None) -> None:
        """Nothing is opened."""

    def start(self) -> None:
        """Nothing is read."""

    def stop(self) -> None:
        """Nothing was opened."""

    def watch(self, targets: Targets) -> frozenset[str]:
        """Take note of what is to be watched."""
        self.world.watched = set(targets.files | targets.missing)
        return frozenset()


class World:
    """One command, its files and its processes. Make it, and move it, inside an event loop."""

    def __init__(self, *, serves: bool, at_once: bool = False) -> None:
        """``at_once``: the program runs from its first line, and need not say that it does."""
        self.serves = serves
        self.at_once = at_once
        self.disk = Disk()
        self.watched: set[str] = set()
        #: Told by the kernel, and not yet read by the watcher.
        self.events: set[str] = set()
        #: What the copies have loaded, by their labels.
        self.held: dict[str, dict[str, str]] = {}
        self.processes: list[Process] = []
        self._pids = 1 << 30
        options = Options(start_timeout=0.0, swap=False)
        launch = Launch(Entry("script", "/site/program.py"), options, at_once=at_once)
        self.supervisor = Supervisor(
            launch,
            Parts(
                terminal=self._with_world(Silent),
                watcher=self._with_world(PretendedWatcher),
                checkpoints=Copies,
                upkeep=NoMemory,
                launcher=self._with_world(PretendedLauncher),
            ),
        )
        self.supervisor.code.own = OwnCode(["/site"])
        self.supervisor.code.baseline = self.disk
        self.supervisor.handle(events.Begin())

    def _with_world(self, kind: type[Any]) -> type[Any]:
        return type(kind.__name__, (kind,), {"world": self})

    def close(self) -> None:
        """Give back what the supervisor has opened."""
        for process in self.processes:
            process.close()
        for copy in self.supervisor.checkpoints.all():
            copy.channel.close()
        self.supervisor.close()

    def new_pid(self) -> int:
        """Return a process id that the kernel gives to nobody."""
        self._pids += 1
        return self._pids

    def child(self, generation: int, loaded: dict[str, str], origin: str) -> PretendedChild:
        """Return a new child that has loaded this much."""
        process = Process(self, generation, self.new_pid(), {**loaded})
        self.processes.append(process)
        return PretendedChild(generation, process.pid, process, origin=origin)  # type: ignore[arg-type]

    @property
    def state(self) -> State:
        """What the policy knows."""
        return self.supervisor._state

    def alive(self) -> list[Process]:
        """Return the processes that the supervisor still has to do with."""
        return [
            child.process for child in self.supervisor.children if isinstance(child, PretendedChild)
        ]

    # Moves

    async def edit(self, number: int) -> None:
        """Save a file; only what a report has named is watched."""
        path, content = EDITS[number % len(EDITS)]
        if content == GONE and self.disk.stamp(path) is None:
            # What comes and goes between two looks leaves nothing to find.
            return
        self.disk.write(path, content)
        self.events |= {path} & self.watched

    async def notice(self, _: int = 0) -> None:
        """Let the watcher read what the kernel has told."""
        if self.events:
            events, self.events = self.events, set()
            self.supervisor.files.notified(frozenset(events))
            await asyncio.sleep(0)

    async def look(self, _: int = 0) -> None:
        """Let an inspection come to its end; what a child is asked it answers."""
        while self.supervisor.inspector.is_under_way:
            await asyncio.sleep(0.05)
            self.supervisor.children.read_all()

    async def decide(self, _: int = 0) -> None:
        """Notice and look, as it happens when nothing else does meanwhile."""
        await self.notice()
        await self.look()

    async def tick(self, number: int = 0) -> None:
        """Let the loop go round a few times only."""
        for _ in range(number % 4):
            await asyncio.sleep(0)

    async def wait(self, _: int = 0) -> None:
        """Let some time pass: what was reported is watched."""
        await asyncio.sleep(0.06)

    async def load(self, number: int) -> None:
        """Some starting process goes on with its next file, sometimes behind a copy."""
        starting = [p for p in self.alive() if not (p.is_complete or p.ended or p.waits)]
        starting = [p for p in starting if not p.debugged]
        if not starting:
            return
        process = starting[number % len(starting)]
        if number // len(starting) % 2:
            process.leave_a_copy()
        process.load(next(path for path in FILES if path not in process.loaded))
        if process.is_complete:
            process.finish()

    async def ask(self, number: int) -> None:
        """Some process is about to do what only one may do at a time."""
        asking = [p for p in self.alive() if not (p.ended or p.is_broken or p.waits or p.cleared)]
        if asking:
            asking[number % len(asking)].ask()

    async def prompt(self, number: int) -> None:
        """Some process comes to a debugger's prompt, or leaves it, now and then by a step."""
        processes = [p for p in self.alive() if not p.ended]
        if processes:
            processes[number % len(processes)].prompt(steps=number % 3 == 0)

    async def leave_prompts(self, _: int = 0) -> None:
        """Whoever uses a debugger goes on."""
        for process in self.alive():
            if process.debugged or process.steps:
                process.debugged = True
                process.prompt(steps=False)

    async def load_late(self, number: int) -> None:
        """Some running process imports a module in a request."""
        running = [p for p in self.alive() if p.live and FILES[-1] not in p.loaded]
        if running:
            process = running[number % len(running)]
            process.load(FILES[-1])
            process.report()

    async def hear(self, number: int) -> None:
        """Read what some process has sent, or notice its end."""
        children = self.supervisor.children
        talking = [p for p in self.alive() if p.sent or p.ended]
        if not talking:
            return
        process = talking[number % len(talking)]
        child = children.get(process.generation)
        assert child is not None
        if process.sent:
            children.read(child)
        else:
            children.ended(process.pid, 0)

    async def query(self, _: int = 0) -> None:
        """Somebody asks whether everything saved by now is decided about."""
        await self.notice()
        self.supervisor.children.read_all()
        self.supervisor.files.update_if_due()
        if self.supervisor.decision.is_made():
            self.compare()

    def compare(self) -> None:
        """See that what is live is what is on the disk, or that the disk is broken."""
        disk = {path: content for path, (content, _) in self.disk.files.items()}
        is_broken = self.state.phase is Phase.BROKEN
        assert is_broken == (self.supervisor.log.history.failure is not None)
        if is_broken:
            assert any(disk[path] not in GOOD for path in FILES[:3])
            return
        assert self.state.phase is Phase.RUNNING
        live = [process for process in self.alive() if process.generation == self.state.live]
        assert len(live) == 1
        assert live[0].loaded == {path: disk[path] for path in live[0].loaded}

    async def settle(self) -> None:
        """Nobody edits any more: let everything come to its end."""
        before: tuple[object, ...] = ()
        for _ in range(200):
            if self.at_once:
                # Programs are taken to run, or not to serve, when nothing has come for a while.
                await asyncio.sleep(4)
            for step in (
                self.leave_prompts,
                self.wait,
                self.notice,
                self.look,
                self.load,
                self.hear,
            ):
                for number in range(3):
                    await step(number)
                    self.check()
            alive = [(p.generation, len(p.loaded), len(p.sent), p.ended) for p in self.alive()]
            now = (self.state, len(self.events), alive)
            if now == before:
                return
            before = now
        raise AssertionError("never comes to rest")

    def check(self) -> None:
        """Nobody answers while a change is known of that may be new."""
        traffic = self.supervisor.traffic
        looks = self.supervisor.inspector.is_under_way
        assert not (self.serves and looks and traffic._admitted is not None)
        # One that was told so keeps it until the next one asks, and has ended by then.
        cleared = [p for p in self.alive() if p.cleared]
        assert len(cleared) <= 1, "two processes hold what only one may"


#: Moves by their numbers, to which examples refer.
MOVES: tuple[Callable[..., Any], ...] = (
    World.edit,
    World.decide,
    World.notice,
    World.look,
    World.load,
    World.load_late,
    World.hear,
    World.wait,
    World.tick,
    World.ask,
    World.query,
    World.prompt,
)


@contextlib.asynccontextmanager
async def world(*, serves: bool, at_once: bool = False) -> Any:
    """Have a world, and give back what it has opened."""
    made = World(serves=serves, at_once=at_once)
    try:
        yield made
    finally:
        made.close()
        # Let the timers of what has ended go with it.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
