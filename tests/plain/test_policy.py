"""Every order of edits, notices, looks and starts ends with the code that is on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.protocol.messages import Loaded, LoadedFile
from django_autoreload_plus.supervisor import policy
from django_autoreload_plus.supervisor.checkpoints import Checkpoints, Frozen
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.watcher import Baseline, Change
from django_autoreload_plus.watcher.content import _Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django_autoreload_plus.watcher.content import Stamp

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
BROKEN = Failure("import", "broken", "broken")


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
        return _Version((0, 0, 0, 0, time), content.encode(), content.encode())


@dataclass(eq=False)
class Copy(Frozen):
    """A frozen copy: what it has loaded is all there is of it."""

    held: dict[str, str] = field(default_factory=dict)


class Copies(Checkpoints):
    """The real lines of copies, which nobody has to tell that they are over."""

    def __init__(self) -> None:
        super().__init__(lambda _copy: None, lambda _copy: None)

    def _dissolve(self, copy: Frozen) -> None:
        copy.gone = True


@dataclass
class Process:
    """A child: loads one file after the other, each as it is at that moment.

    Before some of them it leaves a copy behind, and reports on that occasion.
    """

    generation: int
    loaded: dict[str, str] = field(default_factory=dict)
    unreported: list[LoadedFile] = field(default_factory=list)
    #: What it has sent, and nobody has heard yet; ``None``: that it has come to an end.
    sent: list[Loaded | Copy | None] = field(default_factory=list)
    #: What was heard and is not recorded yet, and the files since the last copy.
    reports: list[Loaded] = field(default_factory=list)
    segment: set[str] = field(default_factory=set)
    live: bool = False
    ended: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it has loaded everything, or as far as it gets."""
        return len(self.loaded) >= len(FILES) - 1 or self.is_broken

    @property
    def is_broken(self) -> bool:
        """Whether a file that it has loaded cannot be."""
        return any(self.loaded.get(path, "0") not in GOOD for path in FILES[:3])

    def report(self) -> None:
        """Say what was loaded since the last time."""
        if self.unreported:
            self.sent.append(Loaded(tuple(self.unreported)))
            self.unreported = []


class World:
    """What the supervisor does with the policy's decisions, without processes and time."""

    def __init__(self, channel: Channel, *, serves: bool) -> None:
        self.disk = Disk()
        self.code = CodeState(["/site"])
        self.code.baseline = self.disk
        self.copies = Copies()
        self.channel = channel
        self.state = policy.State()
        self.serves = serves
        self.children: dict[int, Process] = {}
        self.admitted = 0
        self.watched: set[str] = set()
        #: Told by the kernel, and not yet read by the watcher.
        self.events: set[str] = set()
        self.undecided: set[str] = set()
        self.looks = False
        self._apply(policy.begin(self.state))

    def edit(self, number: int) -> None:
        """Save a file; only what a report has named is watched."""
        path, content = EDITS[number % len(EDITS)]
        if content == GONE and self.disk.stamp(path) is None:
            # What comes and goes between two looks leaves nothing to find.
            return
        self.disk.write(path, content)
        self.events |= {path} & self.watched

    def watch(self, _: int = 0) -> None:
        """Watch what was reported."""
        self.watched |= self.code.files

    def notice(self, _: int = 0) -> None:
        """Let the watcher read what the kernel has told."""
        if self.events:
            events, self.events = self.events, set()
            self._changed(frozenset(events))

    def look(self, _: int = 0) -> None:
        """Compare, and decide."""
        if not self.looks:
            return
        self.looks = False
        self.code.look(self.undecided)
        self.undecided.clear()
        verdict, failure = self.code.verdict(live=bool(self.state.live)), None
        if verdict == "new" and self.state.live:
            verdict = self._offer(self.children[self.state.live])
        if verdict == "new" and any(change.data == b"(" for change in self.code.dirty.values()):
            verdict, failure = "syntax", BROKEN
            self.code.attempt()
        self._handle(policy.Looked(verdict, failure))

    def decide(self, _: int = 0) -> None:
        """Notice and look, as it happens when nothing else does meanwhile."""
        self.notice()
        self.look()

    def _offer(self, child: Process) -> str:
        """Let the running program take what it can."""
        taken = [path for path in self.code.dirty if path == FILES[-1]]
        if FILES[-1] in child.loaded and taken:
            child.loaded[FILES[-1]] = self.disk.files[FILES[-1]][0]
        self.code.take([self.code.dirty[path] for path in taken])
        if self.code.dirty:
            return "new"
        self.code.attempt()
        return "taken"

    def load(self, number: int) -> None:
        """Some starting process goes on with its next file, sometimes behind a copy."""
        starting = [c for c in self.children.values() if not (c.is_complete or c.ended)]
        if not starting:
            return
        child = starting[number % len(starting)]
        if number // len(starting) % 2:
            child.report()
            copy = Copy("", 0, self.channel, frozenset(), held={**child.loaded})
            child.sent.append(copy)
        self._load(child, next(path for path in FILES if path not in child.loaded))
        if child.is_complete:
            child.report()
            child.sent.append(None)

    def load_late(self, number: int) -> None:
        """Some running process imports a module in a request."""
        running = [c for c in self.children.values() if c.live and FILES[-1] not in c.loaded]
        if running:
            child = running[number % len(running)]
            self._load(child, FILES[-1])
            child.report()

    def hear(self, number: int) -> None:
        """Hear one thing of some process."""
        talking = [c for c in self.children.values() if c.sent or c.ended]
        if not talking:
            return
        child = talking[number % len(talking)]
        if not child.sent:
            del self.children[child.generation]
            self._handle(policy.Gone(child.generation, 0))
            return
        message = child.sent.pop(0)
        if isinstance(message, Loaded):
            self._hear_report(child, message)
        elif isinstance(message, Copy):
            message.segment, child.segment = frozenset(child.segment), set()
            message.reports = tuple(child.reports)
            self.copies.add(child.generation, message)
        elif not child.ended:
            self._hear_end(child)

    def settle(self) -> None:
        """Nobody edits any more: let everything come to its end."""
        for _ in range(200):
            before = (self.state, len(self.events), self.looks, str(self.children))
            for step in (self.watch, self.notice, self.look, self.load, self.hear):
                for number in range(3):
                    step(number)
                    self.check()
            if before == (self.state, len(self.events), self.looks, str(self.children)):
                return
        raise AssertionError("never comes to rest")

    def check(self) -> None:
        """Nobody answers while a change is known of that may be new."""
        assert not (self.serves and self.looks and self.admitted)

    def _load(self, child: Process, path: str) -> None:
        self.disk.clock += 1
        content = child.loaded[path] = self.disk.files[path][0]
        child.unreported.append(LoadedFile(path, self.disk.clock, path if content else ""))

    def _hear_report(self, child: Process, report: Loaded) -> None:
        child.reports.append(report)
        child.segment |= {item.path for item in report.files}
        self.code.add(report)
        edited = self._record(child) if child.live else frozenset()
        if edited:
            self._changed(edited)

    def _hear_end(self, child: Process) -> None:
        edited = self._record(child)
        if child.is_broken:
            if edited:
                self._changed(edited)
            self._handle(policy.Failed(child.generation, BROKEN))
        else:
            child.live = True
            self._handle(policy.Live(child.generation, self.serves, outdated=bool(edited)))

    def _record(self, child: Process) -> frozenset[str]:
        self.watch()
        reports, child.reports = child.reports, []
        edited = self.code.record([item for report in reports for item in report.files])
        self.copies.forget(edited)
        self.copies.recorded(child.generation)
        self.code.loaded()
        return edited

    def _changed(self, paths: frozenset[str]) -> None:
        self._handle(policy.FilesChanged(paths))

    def _handle(self, event: policy.Event) -> None:
        self._apply(policy.step(self.state, event))

    def _apply(self, step: policy.Step) -> None:
        self.state, actions = step
        for action in actions:
            self._perform(action)

    def _perform(self, action: policy.Action) -> None:
        if isinstance(action, policy.Look):
            self.undecided |= action.paths
            self.looks = True
        elif isinstance(action, policy.Pause):
            self.admitted = 0
        elif isinstance(action, policy.Admit):
            self.admitted = action.generation
        elif isinstance(action, policy.Start):
            self._start(action.generation)
        elif isinstance(action, (policy.Kill, policy.Retire)):
            self._end(action.generation)
        elif isinstance(action, policy.ShowFailure):
            assert not self.looks, "the change under way may be the fix"
        elif isinstance(action, policy.Announce):
            self.code.settle(swapped=False)
            self.copies.confirm(action.generation)

    def _start(self, generation: int) -> None:
        since = self.code.since_start()
        self.code.start()
        base = self.copies.best(self.code.changed, since)
        self.copies.begin(generation, base)
        child = self.children[generation] = Process(generation)
        if isinstance(base, Copy):
            child.loaded = {**base.held}
            child.reports = [*base.reports]

    def _end(self, generation: int) -> None:
        if generation in self.children:
            self.children[generation].ended = True


MOVES = (
    World.edit,
    World.decide,
    World.notice,
    World.look,
    World.load,
    World.load_late,
    World.hear,
    World.watch,
)


@pytest.fixture(scope="module")
def channel() -> Iterator[Channel]:
    """Return what a copy is spoken to through; here nobody speaks to one."""
    ours, theirs = Channel.pair()
    yield ours
    ours.close()
    theirs.close()


# Saved, undone, saved again, each time before the last start was through.
@example(moves=[(0, 1), (1, 0), (0, 0), (1, 0), (0, 1)], serves=True, runs=True)
# Undone just after the starting process had read it.
@example(moves=[(0, 1), (1, 0), (4, 0), (0, 0), (4, 0), (4, 0), (6, 0)], serves=False, runs=True)
# The same with a file that nobody had known before.
@example(
    moves=[(4, 0), (4, 0), (0, 0), (4, 0), (6, 0), (0, 3), (4, 0), (0, 0)],
    serves=True,
    runs=False,
)
# Deleted just after it was loaded.
@example(moves=[(4, 0), (6, 0), (0, 5)], serves=True, runs=False)
# Live while another change has been noticed and not looked at.
@example(
    moves=[(0, 1), (1, 0), (0, 9), (2, 0), *[(4, 0)] * 3, *[(6, 0)] * 4], serves=True, runs=True
)
# Loaded by a start that was given up, and edited before it was watched.
@example(
    moves=[
        *((4, 0), (4, 1), (6, 0), (6, 0), (0, 1)),
        *((4, 1), (6, 0), (6, 0), (7, 0), (0, 10), (1, 0)),
    ],
    serves=True,
    runs=False,
)
# Undone and done again around its loading by a start that was then given up.
@example(
    moves=[
        *((0, 1), (1, 0), (0, 0), (4, 0), (4, 1), (6, 0), (6, 0), (0, 1)),
        *((0, 10), (1, 0)),
    ],
    serves=True,
    runs=True,
)
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(range(len(MOVES))), st.integers(0, len(EDITS) - 1)), max_size=40
    ),
    serves=st.booleans(),
    runs=st.booleans(),
)
def test_what_is_live_is_what_is_on_the_disk(
    channel: Channel, moves: list[tuple[int, int]], *, serves: bool, runs: bool
) -> None:
    """Some order of saves would leave old code, or an old failure, until the next save."""
    world = World(channel, serves=serves)
    if runs:
        world.settle()
    for move, number in moves:
        MOVES[move](world, number)
        world.check()
    world.settle()
    disk = {path: content for path, (content, _) in world.disk.files.items()}
    if world.state.phase is policy.Phase.BROKEN:
        assert any(disk[path] not in GOOD for path in FILES[:3])
        return
    assert world.state.phase is policy.Phase.RUNNING
    live = world.children[world.state.live]
    assert {path: disk[path] for path in live.loaded} == live.loaded
    assert list(world.children) == [world.state.live]
    assert not serves or world.admitted == world.state.live
