"""The lines that the command prints, and the stages of a save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.supervisor.terminal import Terminal
from django_autoreload_plus.supervisor.timings import ReloadTimings
from supervisor.alone import FAILURE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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


def test_a_stage_counts_once() -> None:
    """The times of a save would be those of its last repetition."""
    timings = ReloadTimings()
    timings.mark("event")
    timings.mark("decided")
    timings.mark("event")
    assert [name for name, _ in timings.marks] == ["event", "decided"]
    timings.keep(1)
    assert [name for name, _ in timings.marks] == ["event"]
