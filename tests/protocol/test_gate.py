"""Nobody answers between a save and the decision about it."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from django_autoreload_plus.protocol.command_line import Entry
from django_autoreload_plus.protocol.gate import Gate
from django_autoreload_plus.protocol.launch import Launch
from django_autoreload_plus.supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from pathlib import Path


def test_a_save_told_of_in_the_middle_of_a_decision(tmp_path: Path) -> None:
    """Old code, or an old error page, would answer a request sent after the save."""
    program = tmp_path / "program.py"
    program.touch()

    async def decide() -> None:
        supervisor = Supervisor(Launch(Entry.parse([str(program)], ())))
        ours = supervisor.traffic.gate
        as_a_child_sees_it = Gate(os.dup(ours.descriptor))
        # While the loop is busy, so that it can only hear of this afterwards.
        watcher = threading.Thread(
            target=supervisor.files.notified, args=(frozenset({str(tmp_path / "other.py")}),)
        )
        watcher.start()
        watcher.join()
        # What it decides in this moment is about the files before the save.
        ours.admit(1)
        assert as_a_child_sees_it.has_pending()
        assert ours.has_pending()
        await asyncio.sleep(0)
        assert not as_a_child_sees_it.has_pending()
        assert supervisor.inspector.is_under_way
        as_a_child_sees_it.release()
        supervisor.close()

    asyncio.run(decide())


def test_each_of_several_saves_has_to_be_heard_of() -> None:
    """The first of two saves would open the gate for the code before the second one."""
    gate = Gate.create()
    gate.announce()
    gate.announce()
    gate.acknowledge()
    assert gate.has_pending()
    gate.acknowledge()
    assert not gate.has_pending()
    gate.release()
