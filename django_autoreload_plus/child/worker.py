"""A worker process with an interpreter of its own, which its parent's supervisor looks after."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from ..protocol.gate import Gate
from .errands import Errands, tell_how_workers_fail
from .sockets import kept
from .sockets.shared import SharedSockets
from .source_loader import SourceOnlyFinder
from .tracker import Tracker


def begin(
    slot: int, changed: Sequence[str], errands: int, adopted: int, gate: int, events: int = -1
) -> None:
    """Record from now on what shapes this process; called before it loads the program's code.

    ``slot``: the number by which the program's processes go at the gate; ``changed``: files not
    to be loaded from bytecode. The others are descriptors.
    """
    for descriptor in (errands, adopted, gate, events):
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
    tracker = Tracker()
    tracker.fresh = SourceOnlyFinder(changed)
    reporter = Errands(tracker, socket.socket(fileno=errands), socket.socket(fileno=adopted))
    tracker.install()
    reporter.begin()
    kept.share(SharedSockets(Gate(gate, events), slot, reporter))
    tell_how_workers_fail(lambda: reporter)
