"""Older processes end before a child does what only one process may do at a time."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.options import Options
from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.supervisor import clearing, events
from django_autoreload_plus.supervisor.checkpoints.pool import CheckpointPool
from django_autoreload_plus.supervisor.child import Child
from django_autoreload_plus.supervisor.children import Children
from django_autoreload_plus.supervisor.clearing import Clearing
from supervisor.alone import run, until

if TYPE_CHECKING:
    from pathlib import Path

    from django_autoreload_plus.protocol.failure import Contention, FailureKind
    from django_autoreload_plus.protocol.reasons import Reason

#: No process can have it.
NOBODY = 1 << 30


class Scene:
    """Two children, the older of which is live, and what is decided about them."""

    def __init__(self, *, keep_serving: bool = False) -> None:
        self.events: list[events.Event] = []
        self.reasons: list[str] = []
        self.children = Children(
            received=lambda *_: None,
            unreadable=lambda *_: None,
            unresponsive=lambda _child: None,
            worker_failed=lambda _child, _failure: None,
            exited=lambda *_: self.clearing.update(),
            replaced=lambda *_: None,
            will_reap=lambda _pid: True,
        )
        self.clearing = Clearing(
            self.children,
            CheckpointPool(ended=lambda *_: None, lost=lambda _copy: None),
            options=lambda: Options(keep_serving=keep_serving),
            handle=self._handle,
            tell=self._tell,
        )
        self.ends: list[Channel] = []
        self.old, self.new = self.add(1), self.add(2)
        self.old.live = self.old.serves = True

    def add(self, generation: int) -> Child:
        """Add a child; nobody has its process id."""
        ours, theirs = Channel.pair()
        child = Child(generation, NOBODY + generation, ours)
        self.children.add(child)
        self.ends.append(theirs)
        return child

    def heard(self, child: Child) -> list[m.Message]:
        """Return what a child has been told since the last look."""
        return [message for message, _ in self.ends[child.generation - 1].drain()]

    def _handle(self, event: events.Event) -> None:
        self.events.append(event)
        if isinstance(event, events.ClearanceAsked):
            self.clearing.begin(event.generation)

    def _tell(self, _text: str, reason: Reason) -> None:
        self.reasons.append(reason.code)

    def close(self) -> None:
        """Close what the test has left open."""
        for child in self.children:
            self.children.remove(child)
        for end in self.ends:
            end.close()


def test_a_child_goes_on_when_the_older_one_has_ended() -> None:
    """The new process would fail at what the old one still holds, or wait for ever."""

    async def clear() -> None:
        with closing(Scene()) as scene:
            scene.clearing.asked(scene.new, m.AskClearance("socket.bind"))
            assert [type(message) for message in scene.heard(scene.old)] == [m.Retire]
            assert not scene.heard(scene.new)
            scene.children.ended(scene.old.pid, 0)
            assert scene.heard(scene.new) == [m.Cleared()]
            assert scene.reasons == ["AP401"]

    run(clear)


def test_an_end_of_all_is_told_to_the_policy() -> None:
    """A start that is to be tried alone would never come."""

    async def clear() -> None:
        with closing(Scene()) as scene:
            scene.clearing.begin(0)
            for child in (scene.old, scene.new):
                assert events.Alone() not in scene.events
                scene.children.ended(child.pid, 0)
            assert scene.events == [events.Alone()]

    run(clear)


def test_the_only_child_is_told_once_that_it_is_alone() -> None:
    """Each port that a lone program binds would cost it a question."""

    async def clear() -> None:
        with closing(Scene()) as scene:
            scene.children.ended(scene.new.pid, 1)
            scene.clearing.update()
            assert scene.heard(scene.old) == [m.Cleared()]

    run(clear)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what processes wait for")
@pytest.mark.parametrize(
    ("program", "reasons"),
    [("while True: pass", []), ("input()", ["AP403"])],
    ids=["busy", "waiting"],
)
def test_a_start_without_a_processor_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch, program: str, reasons: list[str]
) -> None:
    """On a busy machine the old process would be ended, and its copies lost, for nothing."""
    looks: list[int] = []

    def without_processor(pid: int) -> float:
        looks.append(pid)
        return 0.0

    monkeypatch.setattr(clearing, "cpu_seconds", without_processor)
    monkeypatch.setattr(clearing, "_GLANCE", 0.01)

    async def watch() -> None:
        with closing(Scene()) as scene:
            scene.new.pid = process.pid
            scene.clearing.watch(scene.new)
            await until(lambda: scene.reasons if reasons else len(looks) > 3 * clearing._IDLE_TIME)
            assert scene.reasons == reasons

    # The line tells that it runs: before, it may well wait.
    begin = "print(flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", begin + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            run(watch)
        finally:
            process.kill()


def test_a_process_that_has_told_nothing_yet_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap that takes long on a busy machine would end the old process, and all copies."""
    monkeypatch.setattr(clearing, "_GLANCE", 0.01)

    async def watch() -> None:
        with closing(Scene()) as scene:
            looks: list[Child] = []

            def has(child: Child) -> bool:
                looks.append(child)
                return True

            monkeypatch.setattr(scene.children, "has", has)
            scene.new.pid_is_certain = False
            scene.clearing.watch(scene.new)
            await until(lambda: len(looks) > 2 * clearing._LONG_TIME)
            assert not scene.reasons

    run(watch)


def test_a_start_that_has_failed_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it ends it uses no processor: the copies of the last good code would go."""
    monkeypatch.setattr(clearing, "_GLANCE", 0.01)
    monkeypatch.setattr(clearing, "cpu_seconds", lambda _pid: 0.0)

    async def watch() -> None:
        with closing(Scene()) as scene:
            scene.new.explained = True
            scene.clearing.watch(scene.new)
            newest = scene.add(3)
            scene.clearing.watch(newest)
            await until(lambda: scene.events)
            assert scene.events == [events.ClearanceAsked(newest.generation)]

    run(watch)


def test_a_database_that_nobody_holds_ends_nobody(tmp_path: Path) -> None:
    """Each project with SQLite would lose the overlap of the old and the new process."""
    database = tmp_path / "db.sqlite3"
    database.touch()

    async def clear() -> None:
        with closing(Scene()) as scene:
            scene.clearing.asked(scene.new, m.AskClearance("sqlite3.connect", str(database)))
            assert scene.heard(scene.new) == [m.Cleared(alone=False)]
            assert not scene.heard(scene.old)
            assert not scene.events

    run(clear)


@pytest.mark.parametrize(
    ("kind", "contention", "keep_serving", "suspected"),
    [
        ("exception", "possible", False, True),
        ("exception", "possible", True, False),
        ("exception", "likely", True, True),
        ("exception", "impossible", False, False),
        ("syntax", "likely", False, False),
    ],
)
def test_which_failures_are_tried_again(
    kind: FailureKind, contention: Contention, *, keep_serving: bool, suspected: bool
) -> None:
    """Mistakes in the code would be shown late, or others' locks as mistakes in the code."""

    async def suspect() -> None:
        with closing(Scene(keep_serving=keep_serving)) as scene:
            failure = Failure(kind, "OSError: in use", "", contention=contention)
            assert scene.clearing.may_have_caused(failure, scene.new) is suspected
            assert not scene.clearing.may_have_caused(failure, scene.old)
            await until(lambda: True)

    run(suspect)
