"""Nobody answers between a save and the decision about it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.entry import Entry
from django_autoreload_plus.protocol.gate import Gate
from django_autoreload_plus.protocol.launch import Launch
from django_autoreload_plus.supervisor.core import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Return one that has not started anything."""
    program = tmp_path / "program.py"
    program.touch()
    supervisor = Supervisor(Launch(Entry.parse([str(program)], ())))
    yield supervisor
    os.close(supervisor.reception.gate.descriptor)
    os.close(supervisor.trail.descriptor)


def test_a_save_told_of_in_the_middle_of_a_decision(supervisor: Supervisor, tmp_path: Path) -> None:
    """Old code, or an old error page, would answer a request sent after the save."""
    ours = supervisor.reception.gate
    as_a_child_sees_it = Gate(os.dup(ours.descriptor))

    async def decide() -> None:
        supervisor.loop = asyncio.get_running_loop()
        # While the loop is busy, so that it can only hear of this afterwards.
        watcher = threading.Thread(
            target=supervisor._notified, args=(frozenset({str(tmp_path / "other.py")}),)
        )
        watcher.start()
        watcher.join()
        # What it decides in this moment is about the files before the save.
        ours.admit(1)
        assert as_a_child_sees_it.is_behind()
        assert ours.is_behind()
        await asyncio.sleep(0)
        assert not as_a_child_sees_it.is_behind()
        assert supervisor.inspection.is_under_way

    asyncio.run(decide())
    os.close(as_a_child_sees_it.descriptor)


def test_each_of_several_saves_has_to_be_heard_of() -> None:
    """The first of two saves would open the gate for the code before the second one."""
    gate = Gate.create()
    gate.told()
    gate.told()
    gate.heard()
    assert gate.is_behind()
    gate.heard()
    assert not gate.is_behind()
    os.close(gate.descriptor)
