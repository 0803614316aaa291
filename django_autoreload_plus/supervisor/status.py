"""The status of the command, as it is told to whoever asks.

The keys are described in ``docs/status.md``, for tools that read them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Protocol

from ..protocol import messages as m
from ..protocol import status_socket
from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from ..records import dataclass
from ..watcher import Diagnostics
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .children import Child
from .file_watch import FileWatch
from .history import History, Reload
from .state import Phase, State

#: A program that does not report within this time is stopped, or has ended; seconds.
_REPORT_TIME = 2.0


class DecisionPort(Protocol):
    """The part of the supervisor that knows when everything is decided."""

    files: FileWatch

    def live_child(self) -> Child | None:
        """The child that was live last and still is there."""

    def take_stock(self) -> None:
        """Read what the children have sent by now, and watch what they tell of."""

    def is_decided(self) -> bool:
        """Whether nothing is known of that is still to be decided about."""


class Decision:
    """Tells when everything that was saved up to a moment is decided about."""

    def __init__(self, surroundings: DecisionPort) -> None:
        self._surroundings = surroundings
        self._news: set[asyncio.Event] = set()
        self._token = 0
        #: By the number of the question.
        self._reports: dict[int, asyncio.Event] = {}

    def update(self) -> None:
        """Something has happened."""
        for news in self._news:
            news.set()

    def reported(self, token: int) -> None:
        """A child has told what it has loaded by now."""
        if token in self._reports:
            self._reports[token].set()

    async def wait(self) -> None:
        """Return when everything saved by now is decided about."""
        news = asyncio.Event()
        self._news.add(news)
        try:
            await self._noticed()
            while not self._surroundings.is_decided():
                news.clear()
                await news.wait()
        finally:
            self._news.discard(news)

    async def _noticed(self) -> None:
        """Wait until every change up to now is known here."""
        await self._have_reported()
        self._surroundings.take_stock()
        loop = asyncio.get_running_loop()
        noticed = asyncio.Event()

        def notice() -> None:
            loop.call_soon_threadsafe(noticed.set)

        self._surroundings.files.watcher.when_caught_up(notice)
        await noticed.wait()

    async def _have_reported(self) -> None:
        """Have the live child tell what requests have made it load just now."""
        child = self._surroundings.live_child()
        if child is None or not child.hears:
            return
        self._token += 1
        token, answer = self._token, asyncio.Event()
        self._reports[token] = answer
        try:
            child.send(m.Report(token))
            await asyncio.wait_for(answer.wait(), _REPORT_TIME)
        except asyncio.TimeoutError:
            pass
        finally:
            del self._reports[token]


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


def report(snapshot: Snapshot) -> dict[str, Any]:
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
