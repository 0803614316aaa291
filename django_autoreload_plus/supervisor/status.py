"""The status of the command, as it is told to whoever asks.

The keys are described in ``docs/status.md``, for tools that read them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..protocol import status_socket
from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from ..records import dataclass
from ..watcher import Diagnostics
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .child import Child
from .history import History, Reload
from .state import Phase, State


@dataclass(frozen=True)
class Snapshot:
    """Everything that the status is made from."""

    state: State
    command: tuple[str, ...]
    folder: str
    child: Child | None
    watcher: Diagnostics
    checkpoints: CheckpointPool
    weights: Mapping[Checkpoint, float]
    history: History


def as_data(snapshot: Snapshot) -> dict[str, Any]:
    """The status, as plain data."""
    # Before anything was live: those of the start under way.
    copies = snapshot.checkpoints.live or snapshot.checkpoints.all()
    return {
        "version": status_socket.VERSION,
        "state": _state(snapshot.state),
        "pid": os.getpid(),
        "program": snapshot.child.pid if snapshot.child is not None else None,
        "command": list(snapshot.command),
        "folder": snapshot.folder,
        "files": snapshot.watcher.files,
        "watcher": _watcher(snapshot.watcher),
        "copies": [_copy(copy, snapshot.weights.get(copy)) for copy in copies],
        "refusals": [_reason(reason) for reason in snapshot.checkpoints.refusals],
        "failure": _failure(snapshot.history.failure),
        "reloads": [_reload(reload) for reload in snapshot.history.reloads],
    }


def _state(state: State) -> str:
    if state.phase is Phase.BROKEN:
        return "broken"
    return "live" if state.phase in (Phase.RUNNING, Phase.DECIDING) else "starting"


def _reason(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "text": reason.text, "place": reason.place}


def _watcher(found: Diagnostics) -> dict[str, Any]:
    return {
        "name": found.backend,
        "reason": _reason(found.reason),
        "folders": found.directories,
        "watches": found.watches,
        "scanned": [{"path": tree.path, "reason": _reason(tree.reason)} for tree in found.polled],
        "missed": found.missed,
    }


def _copy(copy: Checkpoint, mebibytes: float | None) -> dict[str, Any]:
    return {
        "name": copy.label,
        "pid": copy.pid,
        "mebibytes": None if mebibytes is None else round(mebibytes, 1),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "summary": failure.summary,
        "path": failure.path,
        "line": failure.line,
        "text": failure.text,
    }


def _reload(reload: Reload) -> dict[str, Any]:
    return {
        "time": datetime.fromtimestamp(reload.time, timezone.utc).isoformat(
            timespec="milliseconds"
        ),
        "files": list(reload.files),
        "outcome": reload.outcome,
        "way": reload.way or None,
        "from": reload.origin or None,
        "exchanged": list(reload.exchanged),
        "milliseconds": round(reload.seconds * 1000, 1),
        "reasons": [_reason(reason) for reason in reload.reasons],
    }
