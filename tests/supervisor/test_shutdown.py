"""How the command ends."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

from django_autoreload_plus.supervisor.checkpoints.pool import CheckpointPool
from django_autoreload_plus.supervisor.shutdown import Shutdown
from supervisor.alone import Heard, run, until


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
