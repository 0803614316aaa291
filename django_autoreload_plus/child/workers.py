"""Processes that the program makes, and that run its code, too: what they load counts.

One that was forked goes on to record its imports. One with an interpreter of its own, made by
:mod:`multiprocessing`, begins to record them before it loads anything of the program's (see
:mod:`.worker`): what its parent sends it has our beginning in it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any

from ..protocol import datagrams
from ..protocol import messages as m
from ..protocol.command_line import package_root
from .clearance import is_own_act
from .connection import Connection
from .errands import Errands, tell_how_workers_fail

#: Executed by the new interpreter. The package may be found by none of its own paths yet.
_BEGIN = """
import sys
sys.path.append(root)
try:
    from django_autoreload_plus.child import worker
finally:
    sys.path.remove(root)
worker.begin(slot, changed, *[handle.detach() for handle in handles])
"""
_KEY = "django_autoreload_plus"


class Workers:
    """The worker processes of this process."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        #: How they reach the supervisor, once there are any.
        self.errands: Errands | None = None
        self._adopted: socket.socket | None = None

    def install(self) -> None:
        """Hear of every worker before it begins."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before_fork, after_in_child=self._forked)
            tracker = self._link.tracker
            tracker.call_after_import("multiprocessing.spawn", self._accompany_spawned)
            tracker.call_after_import(
                "multiprocessing.process", lambda: tell_how_workers_fail(self._of_worker)
            )

    def adopt(self, connection: socket.socket) -> None:
        """Let one of them take a connection when it accepts."""
        if self._adopted is not None:
            with contextlib.suppress(OSError):
                socket.send_fds(self._adopted, [b"!"], [connection.fileno()])

    def _open(self) -> Errands | None:
        if self.errands is None and self._link.is_here():
            reader, writer = datagrams.pair()
            with reader:
                self._link.send(m.WorkersChannel(), [reader.fileno()])
            adopted, self._adopted = datagrams.pair()
            adopted.setblocking(False)
            self.errands = Errands(self._link.tracker, writer, adopted)
            self._link.held += (writer, adopted, self._adopted)
        return self.errands

    def _before_fork(self) -> None:
        if not is_own_act():
            self._open()

    def _forked(self) -> None:
        if self.errands is not None and not self._link.is_here():
            self.errands.begin()

    def _of_worker(self) -> Errands | None:
        return None if self._link.is_here() else self.errands

    def _accompany_spawned(self) -> None:
        spawn: Any = sys.modules["multiprocessing.spawn"]
        get_preparation_data = spawn.get_preparation_data

        def accompanied(name: str) -> Any:
            data = get_preparation_data(name)
            errands = self._open()
            if errands is not None:
                gate = self._link.gate
                passed = (errands.writer.fileno(), errands.adopted.fileno())
                held = (*passed, gate.descriptor, gate.events)
                changed, given = self._link.tracker.changed, [each for each in held if each >= 0]
                data[_KEY] = _Beginning(self._link.slot, changed, given)
            return data

        spawn.get_preparation_data = accompanied


class _Beginning:
    """Is pickled for another interpreter, which executes :data:`_BEGIN` when it reads it."""

    def __init__(self, slot: int, changed: tuple[str, ...], descriptors: list[int]) -> None:
        self._state = {"slot": slot, "changed": changed}
        self._descriptors = descriptors

    def __reduce__(self) -> Any:
        reduction: Any = sys.modules["multiprocessing.reduction"]
        handles = [reduction.DupFd(descriptor) for descriptor in self._descriptors]
        root = os.path.dirname(package_root())
        return exec, (_BEGIN, {"root": root, "handles": handles, **self._state})
