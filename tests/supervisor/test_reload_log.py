"""What users are told of a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.protocol.messages import READY
from django_autoreload_plus.supervisor.reload_log import ReloadLog
from django_autoreload_plus.supervisor.terminal import Terminal

if TYPE_CHECKING:
    from django_autoreload_plus.supervisor.child import Child


@pytest.fixture
def log() -> ReloadLog:
    """Return a log whose terminal has no colours."""
    terminal = Terminal()
    terminal.color, terminal.started = False, True
    return ReloadLog(terminal)


def test_files_that_were_only_touched_are_not_named(
    log: ReloadLog, child: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line about a reload would name files that have nothing to do with it."""
    log.files_changed({"/site/a.py", "/site/touched.py"})
    log.starting()
    log.launched(child)
    log.history.started(child)
    log.live(child, {"/site/a.py"})
    assert "/site/a.py changed · live in" in capsys.readouterr().err
    (reload,) = log.history.reloads
    assert (reload.files, reload.outcome, reload.origin) == (("/site/a.py",), "live", "at urls")


@pytest.mark.parametrize(("exchanged", "way"), [((), "copy"), (("line numbers",), "swap")])
def test_a_swap_without_an_exchange_is_none(
    log: ReloadLog, child: Child, exchanged: tuple[str, ...], way: str
) -> None:
    """The status would name an exchange, where the copy had not loaded the file, or has it so."""
    child.origin, child.swapped, child.exchanged = READY, True, exchanged
    log.files_changed({"/site/a.py"})
    log.starting()
    log.launched(child)
    log.history.started(child)
    log.live(child, {"/site/a.py"})
    (reload,) = log.history.reloads
    assert (reload.way, reload.origin) == (way, READY)


def test_the_page_comes_before_the_line(log: ReloadLog, capsys: pytest.CaptureFixture[str]) -> None:
    """Who reads the line and asks at once would not get the page."""
    failure = Failure("exception", "broken", "Traceback\n")
    printed: list[str] = []

    def show_page() -> str:
        printed.append(capsys.readouterr().err)
        return "the port is in use"

    log.files_changed({"/site/a.py"})
    log.failed(failure, serving=False, show_page=show_page)
    assert printed == [""]
    assert "no page for the browser: the port is in use" in capsys.readouterr().err
    assert log.history.failure is failure


def test_what_is_being_started_is_named_when_it_is_live(
    log: ReloadLog, child: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file saved again while its new code starts would be left out of the line."""
    log.files_changed({"/site/a.py", "/site/b.py"})
    log.unchanged(kept={"/site/a.py"}, undone=False)
    assert [reload.files for reload in log.history.reloads] == [("/site/b.py",)]
    log.live(child, {"/site/a.py"})
    assert "/site/a.py changed" in capsys.readouterr().err


def test_an_edit_during_a_start_is_named_by_the_next_one(
    log: ReloadLog, child: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second of two quick saves would be taken for a restart that the program asked for."""
    log.files_changed({"/site/a.py"})
    log.starting()
    log.files_changed({"/site/a.py"})
    log.live(child, {"/site/a.py"})
    log.starting()
    capsys.readouterr()
    log.live(child, {"/site/a.py"})
    assert "/site/a.py changed · live in" in capsys.readouterr().err
    assert [reload.files for reload in log.history.reloads] == [("/site/a.py",)] * 2
