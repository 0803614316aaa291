"""Small collaborators of the supervisor: the interpreter's return, prompts, what is reported."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.supervisor import events
from django_autoreload_plus.supervisor.child import Child
from django_autoreload_plus.supervisor.interpreter import InterpreterReturn
from django_autoreload_plus.supervisor.open_prompts import OpenPrompts
from django_autoreload_plus.supervisor.reload_report import ReloadReport
from django_autoreload_plus.supervisor.terminal import Terminal
from supervisor.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a loop in which no time passes."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(test())
    finally:
        loop.close()


@pytest.fixture
def child() -> Iterator[Child]:
    """Return a child that nobody is at the other end of."""
    ours, theirs = Channel.pair()
    yield Child(2, 0, ours, origin="at urls")
    ours.close()
    theirs.close()


def test_the_program_starts_when_its_interpreter_is_back(tmp_path: Path) -> None:
    """After an environment was made anew, the command would wait for an edit."""
    python = tmp_path / "python"
    returned: list[int] = []

    async def make_it_anew() -> None:
        wait = InterpreterReturn(
            lambda: str(python), is_awaited=lambda _: True, returned=returned.append
        )
        wait.begin(3)
        await asyncio.sleep(2)
        assert not returned
        python.touch(mode=0o755)
        await asyncio.sleep(1)
        assert returned == [3]

    run(make_it_anew)


def test_a_later_start_ends_the_wait(tmp_path: Path) -> None:
    """A start that has long been superseded would be repeated."""
    returned: list[int] = []
    python = tmp_path / "python"

    async def edit_meanwhile() -> None:
        awaited = [True]
        wait = InterpreterReturn(
            lambda: str(python), is_awaited=lambda _: awaited[0], returned=returned.append
        )
        wait.begin(3)
        awaited[0] = False
        await asyncio.sleep(1)
        python.touch(mode=0o755)
        await asyncio.sleep(1)

    run(edit_meanwhile)
    assert not returned


def test_a_step_is_no_end_of_the_debugging(child: Child) -> None:
    """A change would end the process between two steps of a debugger."""
    happened: list[events.Event] = []
    ended: list[str] = []
    opened, left = events.PromptOpened(2), events.PromptLeft(2)

    async def step() -> None:
        prompts = OpenPrompts(happened.append, lambda: ended.append("left"))
        prompts.changed(child, m.Prompt(is_open=True))
        prompts.changed(child, m.Prompt(is_open=False, steps=True))
        await asyncio.sleep(0.5)
        prompts.changed(child, m.Prompt(is_open=True))
        await asyncio.sleep(5)
        assert happened == [opened, opened]
        prompts.changed(child, m.Prompt(is_open=False, steps=True))
        await asyncio.sleep(5)
        assert happened == [opened, opened, left]

    run(step)
    assert ended == ["left"]


@pytest.fixture
def report() -> ReloadReport:
    """Return a report whose terminal has no colours."""
    terminal = Terminal()
    terminal.color, terminal.started = False, True
    return ReloadReport(terminal)


def test_files_that_were_only_touched_are_not_named(
    report: ReloadReport, child: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line about a reload would name files that have nothing to do with it."""
    report.files_changed({"/site/a.py", "/site/touched.py"})
    report.starting()
    report.launched(child)
    report.history.started(child)
    report.live(child, {"/site/a.py"})
    assert "/site/a.py changed · live in" in capsys.readouterr().err
    (reload,) = report.history.reloads
    assert (reload.files, reload.outcome, reload.origin) == (("/site/a.py",), "live", "at urls")


def test_the_page_comes_before_the_line(
    report: ReloadReport, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who reads the line and asks at once would not get the page."""
    failure = Failure("import", "broken", "Traceback\n")
    printed: list[str] = []

    def show_page() -> str:
        printed.append(capsys.readouterr().err)
        return "the port is in use"

    report.files_changed({"/site/a.py"})
    report.failed(failure, serving=False, show_page=show_page)
    assert printed == [""]
    assert "no page for the browser: the port is in use" in capsys.readouterr().err
    assert report.history.failure is failure


def test_what_is_being_started_is_named_when_it_is_live(
    report: ReloadReport, child: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file saved again while its new code starts would be left out of the line."""
    report.files_changed({"/site/a.py", "/site/b.py"})
    report.unchanged(kept={"/site/a.py"}, undone=False)
    assert [reload.files for reload in report.history.reloads] == [("/site/b.py",)]
    report.live(child, {"/site/a.py"})
    assert "/site/a.py changed" in capsys.readouterr().err
