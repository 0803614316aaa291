"""The return of an interpreter that was deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django_autoreload_plus.supervisor.interpreter import InterpreterReturn
from supervisor.virtual_time import run_at_once

if TYPE_CHECKING:
    from pathlib import Path


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

    run_at_once(make_it_anew)


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

    run_at_once(edit_meanwhile)
    assert not returned
