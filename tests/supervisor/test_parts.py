"""Each part of the supervisor alone, with values and callables in place of the others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.address import Address
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.codec import encode
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.protocol.gate import Gate, slot_of
from django_autoreload_plus.protocol.messages import LoadedFile
from django_autoreload_plus.records import replace
from django_autoreload_plus.supervisor import events, outgoing, policy
from django_autoreload_plus.supervisor.actions import Admit, Defer, Kill, Pause, ShowFailure, Start
from django_autoreload_plus.supervisor.checkpoints.line import Checkpoint, Line
from django_autoreload_plus.supervisor.checkpoints.pool import CheckpointPool
from django_autoreload_plus.supervisor.child import Child
from django_autoreload_plus.supervisor.children import Children
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.supervisor.error_page.respond import PageContext
from django_autoreload_plus.supervisor.inspector import Inspector
from django_autoreload_plus.supervisor.load_recorder import LoadRecorder
from django_autoreload_plus.supervisor.reload_report import ReloadReport
from django_autoreload_plus.supervisor.shutdown import Shutdown
from django_autoreload_plus.supervisor.state import Phase, State
from django_autoreload_plus.supervisor.terminal import Terminal
from django_autoreload_plus.supervisor.timings import ReloadTimings
from django_autoreload_plus.supervisor.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

FAILURE = Failure("exception", "NameError: tea", "Traceback\n", path="/site/a.py", line=3)


class Heard:
    """What :class:`Children` has told, and a child with the other end of its channel."""

    def __init__(self, *, will_reap: bool = True, removes: bool = False) -> None:
        self.removes = removes
        self.received: list[m.FromChild] = []
        self.problems: list[str] = []
        self.exited: list[int] = []
        self.children = Children(
            received=self._received,
            unreadable=lambda _child, problem: self.problems.append(problem),
            unresponsive=lambda _child: self.problems.append("deaf"),
            worker_failed=lambda _child, _failure: None,
            exited=lambda _child, status: self.exited.append(status),
            replaced=lambda _child, _channel: None,
            will_reap=lambda _pid: will_reap,
        )
        ours, self.other_end = Channel.pair()
        self.child = Child(1, 1 << 30, ours)
        self.children.add(self.child)

    def _received(self, child: Child, message: m.FromChild, _descriptors: list[int]) -> None:
        self.received.append(message)
        if self.removes:
            self.children.remove(child)

    def close(self) -> None:
        """Close what the test has left open."""
        for child in self.children:
            self.children.remove(child)
        self.other_end.close()


def run(test: Callable[[], Any]) -> None:
    """Run a coroutine function to its end, bounded."""
    asyncio.run(asyncio.wait_for(test(), 20))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until something has come true."""
    while not condition():  # noqa: ASYNC110 - what is awaited is not always an event
        await asyncio.sleep(0.001)


# Children


def test_messages_are_passed_on() -> None:
    """Nothing that a child says would reach anybody."""

    async def talk() -> None:
        with closing(Heard()) as heard:
            heard.other_end.send(m.Hello(4711))
            heard.other_end.send(m.Answered())
            await until(lambda: len(heard.received) == 2)
            assert heard.child.pid == 4711
            assert heard.received == [m.Hello(4711), m.Answered()]

    run(talk)


def test_another_version_is_a_problem() -> None:
    """After an upgrade the command would take messages for what they were before."""

    async def talk() -> None:
        with closing(Heard()) as heard:
            heard.other_end.send(m.Hello(4711, version=0))
            await until(lambda: heard.problems)
            assert "restart the command after an upgrade" in heard.problems[0]

    run(talk)


def test_the_end_of_a_child_is_told_once() -> None:
    """A dead child would be waited for, or two starts made in its place."""

    async def end() -> None:
        with closing(Heard()) as heard:
            heard.children.ended(heard.child.pid, 7)
            heard.children.ended(heard.child.pid, 7)
            assert heard.exited == [7]
            assert not heard.children

    run(end)


def test_what_a_child_said_may_remove_it() -> None:
    """A start that is made again because of what it said would print a traceback of ours."""

    async def talk() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(what))
        with closing(Heard(removes=True)) as heard:
            heard.other_end.send(m.Answered())
            heard.other_end.send(m.Answered())
            heard.other_end.close()
            await until(lambda: heard.received or told)
            heard.children.read(heard.child)
            assert heard.received == [m.Answered()]
            assert not told
            assert not heard.problems

    run(talk)


def test_an_uncertain_process_id_is_not_believed() -> None:
    """The end of the copy that a child has left behind would be taken for that of the child."""

    async def end() -> None:
        with closing(Heard()) as heard:
            heard.child.pid_is_certain = False
            heard.children.ended(heard.child.pid, 0)
            assert not heard.exited

    run(end)


def test_an_end_that_nobody_reports() -> None:
    """Where orphans go to the first process of the system, a dead child would be waited for."""

    async def end() -> None:
        with closing(Heard(will_reap=False)) as heard:
            heard.other_end.close()
            await until(lambda: heard.exited)
            assert heard.exited == [-signal.SIGKILL]

    run(end)


def test_a_child_retires_once() -> None:
    """A second order would cut the time that answers under way have."""

    async def retire() -> None:
        with closing(Heard()) as heard:
            heard.child.serves = True
            heard.children.retire(1, 5.0)
            heard.children.retire(1, 0.0)
            heard.children.retire(99, 0.0)
            await asyncio.sleep(0)
            messages = [message for message, _ in heard.other_end.drain()]
            assert messages == [m.Retire(5.0)]
            assert heard.child.retired

    run(retire)


def test_what_is_not_read_waits_outside_the_loop() -> None:
    """A stopped child would stop the terminal, the error page and Ctrl-C."""

    async def send() -> None:
        ours, theirs = Channel.pair()
        with closing(theirs):
            ours.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            paths = tuple(f"/site/module{number}.py" for number in range(2000))
            read, write = os.pipe()
            for token in range(20):
                outgoing.send(ours, m.Changed(token, paths))
            outgoing.send(ours, m.Adopt(), [write])
            os.close(write)
            received: list[tuple[m.Message, list[int]]] = []
            while len(received) < 21:
                await asyncio.sleep(0)
                received += theirs.drain()
            assert [message.token for message, _ in received[:-1]] == [*range(20)]  # type: ignore[union-attr]
            os.write(received[-1][1][0], b"tea")
            assert os.read(read, 9) == b"tea"
            os.close(received[-1][1][0])
            os.close(read)
            outgoing.close(ours)

    run(send)


def test_a_child_that_reads_nothing_is_told_of() -> None:
    """A stopped process would never be replaced, and fill the memory of the command."""

    async def flood() -> None:
        with closing(Heard()) as heard:
            paths = tuple(f"/site/module{number}.py" for number in range(20000))
            for token in range(40):
                heard.child.send(m.Changed(token, paths))
            await until(lambda: heard.problems)
            assert set(heard.problems) == {"deaf"}

    run(flood)


def test_half_a_message_keeps_nobody_waiting() -> None:
    """A child that was stopped while it wrote would stop the loop, or be replaced for it."""

    async def talk() -> None:
        with closing(Heard()) as heard, closing(Heard()) as other:
            data = encode(m.Hello(4711))
            frame = len(data).to_bytes(4, "big") + bytes([0]) + data
            heard.other_end.socket.sendall(frame[:9])
            other.other_end.send(m.Answered())
            await until(lambda: other.received)
            assert not heard.received
            assert not heard.problems
            heard.other_end.socket.sendall(frame[9:])
            await until(lambda: heard.received)
            assert heard.received == [m.Hello(4711)]

    run(talk)


def test_a_copy_whose_message_cannot_be_read_is_dropped() -> None:
    """A fault of a frozen copy would end the command, or make it resume what nobody hears."""

    async def talk() -> None:
        lost: list[Checkpoint] = []
        pool = CheckpointPool(ended=lambda _pid, _status: None, lost=lost.append)
        ours, theirs = Channel.pair()
        pool.begin(1, None)
        copy = Checkpoint("setup", 1 << 30, ours, frozenset())
        pool.add(1, copy)
        with closing(theirs):
            theirs.socket.sendall((8).to_bytes(4, "big") + bytes([0]) + b"not JSON")
            await until(lambda: lost)
            assert lost == [copy]
            assert "not JSON" in copy.problem
            assert not pool.all()

    run(talk)


def test_the_copy_before_an_edited_module_goes_last() -> None:
    """The second edit of a module would import more than the first one did."""
    ours, theirs = Channel.pair()
    with closing(ours.socket), closing(theirs):
        copies = [
            Checkpoint(label, 1, ours, frozenset(), elapsed)
            for label, elapsed in (("settings", 0.0), ("at a", 0.1), ("at b", 5.0), ("ready", 9.0))
        ]
        assert Line(1, copies).least_useful(frees_memory=False) is copies[1]
        copies[1].precedes_edited = True
        assert Line(1, copies).least_useful(frees_memory=False) is copies[2]


def test_the_copy_goes_that_is_least_worth_its_memory() -> None:
    """Much memory would be held for little time, and the points that all edits need would go."""
    ours, theirs = Channel.pair()
    with closing(ours.socket), closing(theirs):
        copies = [
            Checkpoint(label, 1, ours, frozenset(), elapsed)
            for label, elapsed in (("settings", 0.0), ("at a", 1.0), ("at b", 2.5), ("ready", 3.0))
        ]
        line = Line(1, copies)
        assert line.least_worth({copies[1]: 10.0, copies[2]: 10.0}) is copies[2]
        assert line.least_worth({copies[1]: 40.0, copies[2]: 10.0}) is copies[1]
        copies[1].handlers = True
        assert line.least_worth({copies[1]: 40.0, copies[2]: 10.0}) is copies[2]
        line.remove(copies[2])
        assert line.least_worth({}) is None
        line.frozen[0].elapsed, line.frozen[1].precedes_edited = line.frozen[1].elapsed, True
        assert line.least_worth({}) is line.frozen[0], "the next one is as good"


# Shutdown


class NoParent:
    """Stands for no code of the parent's."""

    def end(self) -> bool:
        """Nothing is left of it."""
        return True

    def kill(self) -> None:
        """There is nothing to kill."""


def test_the_command_ends_after_its_children() -> None:
    """The shell's prompt would come while the program still cleans up."""

    async def end() -> None:
        with closing(Heard()) as heard:
            finished: list[int] = []
            no_parent: Any = NoParent()
            shutdown = Shutdown(
                asyncio.get_running_loop(),
                heard.children,
                CheckpointPool(ended=lambda _pid, _status: None, lost=lambda _copy: None),
                no_parent,
                patience=lambda: 5.0,
                asked=lambda _status: None,
                needed=lambda _child: True,
                finished=finished.append,
            )
            shutdown.end(3)
            shutdown.end(0)
            await asyncio.sleep(0.01)
            assert not finished
            heard.children.ended(heard.child.pid, 0)
            shutdown.process_ended()
            await until(lambda: finished)
            assert finished == [3]

    run(end)


# Traffic


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    """Return one that has no address of its own."""
    made = Traffic(None, Gate.create(), lambda: False)
    yield made
    made.gate.release()


def child_with_channel(generation: int) -> tuple[Child, Channel]:
    """Return a child and what it would read from."""
    ours, theirs = Channel.pair()
    return Child(generation, 0, ours), theirs


def test_the_admitted_child_alone_may_answer(traffic: Traffic) -> None:
    """Old code would answer beside the new."""

    async def admit() -> None:
        child, its_end = child_with_channel(3)
        traffic.admit(child, failure_over=True)
        assert traffic.gate.admits(slot_of(3))
        assert not traffic.gate.admits(slot_of(2))
        assert [message for message, _ in its_end.drain()] == [m.Resume()]
        traffic.pause()
        assert not traffic.gate.admits(slot_of(3))
        for channel in (child.channel, its_end):
            channel.close()

    run(admit)


def test_parked_connections_go_to_the_next_child(traffic: Traffic) -> None:
    """A request that the old process gave back would never be answered."""

    async def park() -> None:
        client, server = socket.socketpair()
        traffic.take_back(server)
        child, its_end = child_with_channel(2)
        traffic.admit(child, failure_over=True)
        (_, _), (adopt, descriptors) = its_end.drain()
        assert adopt == m.Adopt()
        with client, socket.socket(fileno=descriptors[0]) as adopted:
            adopted.sendall(b"tea")
            assert client.recv(9) == b"tea"
        for channel in (child.channel, its_end):
            channel.close()

    run(park)


def test_an_address_in_use_is_told(traffic: Traffic) -> None:
    """The command would end, or wait, without a word about the port."""

    async def listen() -> None:
        child, its_end = child_with_channel(1)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            traffic.listen(child, m.Listen(Address("127.0.0.1", taken.getsockname()[1])))
        (reply, _) = next(its_end.drain())
        assert isinstance(reply, m.Listening)
        assert reply.message
        assert child.refused.startswith("127.0.0.1:")
        for channel in (child.channel, its_end):
            channel.close()

    run(listen)


def test_no_page_without_an_address(traffic: Traffic) -> None:
    """A program that serves nothing would fail a second time, over its error page."""

    async def show() -> None:
        assert traffic.show(FAILURE, PageContext(), None) is None

    run(show)


# Inspector


class Notes(ReloadReport):
    """What users would be told of an inspection."""

    def __init__(self) -> None:
        super().__init__(Terminal())
        self.news: list[object] = []

    def taken(self, paths: frozenset[str], *, translations: bool) -> None:
        """Note what was taken."""
        self.news.append((paths, translations))

    def unchanged(self, *, kept: Collection[str], undone: bool) -> None:
        """Note that there was nothing, and whether that ends a failure."""
        assert not kept
        self.news.append("undone" if undone else "unchanged")


class Inspected:
    """An inspection of files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = CodeState(OwnCode([str(folder)]))
        self.heard = Heard()
        self.report = Notes()
        self.decided: list[events.Inspected] = []
        self.inspector = Inspector(
            self.code,
            self.heard.children,
            self.report,
            state=lambda: State(Phase.BROKEN, newest=1, live=1),
            asks=lambda: False,
            quiet_time=lambda: 0.0,
            decided=self.decided.append,
        )

    def loaded(self, name: str, text: str) -> str:
        """Return the path of a file that the running program was made from."""
        path = self.folder / name
        path.write_text(text)
        self.code.baseline.record([str(path)], keep_text=self.code.is_own)
        return str(path)

    async def verdict(self, path: str) -> str:
        """Inspect a file, and return what is decided."""
        self.inspector.begin([path])
        await until(lambda: self.decided)
        return self.decided.pop().verdict


def test_verdicts_about_a_source(tmp_path: Path) -> None:
    """A save without a change would restart, or an edit would not."""

    async def inspect() -> None:
        inspected = Inspected(tmp_path)
        path = inspected.loaded("views.py", "one = 1\n")
        assert await inspected.verdict(path) == "same"
        (tmp_path / "views.py").write_text("two = 2\n")
        assert await inspected.verdict(path) == "new"
        inspected.code.attempt()
        assert await inspected.verdict(path) == "known"
        (tmp_path / "views.py").write_text("two = (\n")
        assert await inspected.verdict(path) == "syntax"
        (tmp_path / "views.py").write_text("one = 1\n")
        assert await inspected.verdict(path) == "same"
        assert inspected.report.news == ["undone", "unchanged", "undone"]
        inspected.heard.close()

    run(inspect)


def test_only_the_answer_to_the_question_counts(tmp_path: Path) -> None:
    """A late answer about one edit would be taken for the next edit of that file."""

    async def inspect() -> None:
        inspected = Inspected(tmp_path)
        path = inspected.loaded("tea.txt", "one")
        (tmp_path / "tea.txt").write_text("two")
        inspected.inspector.begin([path])
        questions: list[tuple[m.Message, list[int]]] = []
        while not questions:
            await asyncio.sleep(0.001)
            questions += inspected.heard.other_end.drain()
        question = questions[0][0]
        assert isinstance(question, m.Changed)
        inspected.inspector.answered(m.Handled(question.token + 1, (path,)))
        await asyncio.sleep(0.01)
        assert inspected.inspector.is_under_way
        inspected.inspector.answered(m.Handled(question.token, (path,)))
        await until(lambda: inspected.decided)
        assert inspected.decided[0].verdict == "taken"
        assert inspected.report.news == [(frozenset({path}), False)]
        inspected.heard.close()

    run(inspect)


# Load recorder


def test_libraries_are_read_later(tmp_path: Path) -> None:
    """A large project's first answer would wait until every library was read."""

    async def record() -> None:
        code = CodeState(OwnCode([str(tmp_path / "site")]))
        for name in ("site", "lib"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.py").write_text("one = 1\n")
        own, other = str(tmp_path / "site/a.py"), str(tmp_path / "lib/a.py")
        later: list[frozenset[str]] = []
        recorder = LoadRecorder(code, doubt=lambda _paths: None, edited=later.append)
        assert not recorder.record([LoadedFile(own, 0), LoadedFile(other, 0)])
        assert own in code.baseline
        assert other not in code.baseline
        await until(lambda: other in code.baseline)
        assert not later

    run(record)


# Terminal and timings


def test_names_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A branch switch would print a thousand paths."""
    monkeypatch.chdir(tmp_path)
    terminal = Terminal()
    terminal.configure(m.ProjectInfo(color=False, roots=(str(tmp_path),)))
    paths = [str(tmp_path / f"m{number}.py") for number in range(5)]
    assert terminal.names(paths[:2]) == "m0.py, m1.py"
    assert terminal.names(paths) == "m0.py and 4 more files"
    terminal.live(paths[:1], 0.0421)
    terminal.waiting(FAILURE, serving=False)
    printed = capsys.readouterr().err
    assert "m0.py changed · live in 42 ms\n" in printed
    assert "NameError: tea · waiting for a fix\n" in printed


def test_checks_say_a_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The same warning would stand below every reload."""
    terminal = Terminal()
    terminal.checked("W001 at 0x7f00\n", printed=False)
    terminal.checked("W001 at 0x7f99\n", printed=False)
    terminal.checked("W002\n", printed=False)
    assert capsys.readouterr().err == "W001 at 0x7f00\nW002\n"


def test_a_station_counts_once() -> None:
    """The times of a save would be those of its last repetition."""
    timings = ReloadTimings()
    timings.mark("event")
    timings.mark("decided")
    timings.mark("event")
    assert [name for name, _ in timings.marks] == ["event", "decided"]
    timings.keep(1)
    assert [name for name, _ in timings.marks] == ["event"]


# The policy


def test_the_live_code_fails_while_its_successor_starts() -> None:
    """The fix of code that has failed late would be ended, and its failure shown again."""
    starting = State(Phase.STARTING, newest=2, live=1, serves=True)
    state, actions = policy.step(starting, events.StartFailed(1, FAILURE))
    assert (state.phase, state.live) == (Phase.STARTING, 0)
    assert actions == (Kill(1),)


def test_the_live_code_fails_while_a_change_is_looked_at() -> None:
    """A change that may be the fix would not be tried, or the failure not be shown."""
    deciding = State(Phase.DECIDING, newest=1, live=1, serves=True, inspecting=True)
    held, _ = policy.step(deciding, events.StartFailed(1, FAILURE))
    _, actions = policy.step(held, events.Inspected("new"))
    assert Start(2) in actions
    _, actions = policy.step(held, events.Inspected("known"))
    assert ShowFailure(FAILURE) in actions


DEBUGGED = State(
    Phase.DECIDING, newest=1, live=1, serves=True, inspecting=True, prompts=frozenset({1})
)


def test_a_change_waits_for_the_prompt() -> None:
    """A save would end the process that is being looked into."""
    state, actions = policy.step(DEBUGGED, events.Inspected("new"))
    assert actions == (Defer(),)
    # Said once, however often it is saved.
    state, actions = policy.step(state, events.FilesChanged(frozenset({"a.py"})))
    state, again = policy.step(state, events.Inspected("syntax", FAILURE))
    assert Defer() not in (*actions, *again)
    state, actions = policy.step(state, events.Inspected("known"))
    assert actions == ()
    _, actions = policy.step(state, events.PromptLeft(1))
    assert ShowFailure(FAILURE) in actions
    undone, actions = policy.step(state, events.Inspected("same"))
    assert actions == (Admit(1),)
    assert undone.deferred is None


def test_a_start_with_a_prompt_is_not_ended() -> None:
    """The same for a prompt in code that is being imported."""
    starting = replace(DEBUGGED, phase=Phase.STARTING, newest=2, prompts=frozenset({2}))
    waiting, actions = policy.step(starting, events.Inspected("new"))
    assert actions == (Defer(),)
    _, actions = policy.step(waiting, events.PromptLeft(2))
    assert Kill(2) in actions
    assert Start(3) in actions
    # What it goes on to say is about old code.
    failed, actions = policy.step(waiting, events.StartFailed(2, FAILURE))
    assert actions == ()
    assert Start(3) in policy.step(failed, events.PromptLeft(2))[1]


def test_no_page_while_the_process_that_has_failed_ends() -> None:
    """A request after the fix would be answered with the failure before it."""
    broken = State(Phase.BROKEN, newest=2, ending=2, at_once=True, inspecting=True)
    state, actions = policy.step(broken, events.Inspected("new"))
    assert state.phase is Phase.CLEARING
    assert Pause() in actions
