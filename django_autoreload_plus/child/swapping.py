"""Function bodies exchanged in a process that was resumed from the ready copy."""

from __future__ import annotations

import base64
import marshal
from collections.abc import Sequence
from types import CodeType

from ..protocol.messages import Swap
from .swap import CopyAudit, Index, Ready, Refusal, RunRecorder, prepare
from .tracker import Tracker


class Swapper:
    """What the start is recorded with, and what uses the record afterwards."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._recorder = RunRecorder()
        self._audit = CopyAudit()
        self._index = Index()

    def start(self) -> None:
        """Begin to record, before anything of the user's is imported."""
        if self._recorder.start() is None:
            self._tracker.listeners.update(self._audit.listeners())

    def trim(self) -> None:
        """Take the record apart as it grows: a copy taken now need not do it each time."""
        self._recorder.trim()

    def build_index(self) -> None:
        """In the frozen copy, while it idles: find every function and its code."""
        self._audit.stop()
        self._recorder.prepare()
        self._index.build(complete=self._audit.functions_made)

    def apply(self, swaps: Sequence[Swap]) -> str | None:
        """Exchange the bodies of all files or of none; returns why not."""
        prepared: list[Ready] = []
        for swap in swaps:
            ready = self._prepare(swap)
            if isinstance(ready, Refusal):
                return ready.reason
            prepared.append(ready)
        for ready in prepared:
            ready.apply()
        return None

    def rest(self) -> None:
        """The process serves from now on: record nothing more."""
        self._recorder.rest()

    def let_go(self) -> None:
        """Forget what only the swap needed; touches much memory, so not before it is quiet."""
        self._index.clear()

    def _prepare(self, swap: Swap) -> Ready | Refusal:
        return prepare(
            swap.path,
            unpack(swap.old),
            unpack(swap.new),
            self._index,
            self._recorder,
            self._audit,
            self._tracker.sources_read,
        )


def pack(code: CodeType) -> str:
    """A code object as text; both ends are the same interpreter."""
    return base64.b64encode(marshal.dumps(code)).decode("ascii")


def unpack(text: str) -> CodeType:
    """What :func:`pack` wrote."""
    code = marshal.loads(base64.b64decode(text))  # noqa: S302 - from our own supervisor
    assert isinstance(code, CodeType)
    return code
