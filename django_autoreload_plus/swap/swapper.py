"""Function bodies exchanged in a process that was resumed from the ready checkpoint."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Sequence
from types import CodeType
from typing import TYPE_CHECKING

from ..own_code import looks_own
from ..protocol.messages import Swap
from ..protocol.reasons import Reason
from .audit import CopyAudit, Listeners
from .index import CallInFork, Index
from .mirrors import Mirror
from .recorder import PACKAGE, RunRecorder

if TYPE_CHECKING:
    from .apply import Ready
    from .compare import Refusal
    from .headers import Header
    from .names import Delta, Edited
    from .statements import Statement


class Swapper:
    """Records a start for later swaps, and carries them out in a resumed process."""

    def __init__(
        self, listeners: Listeners, sources_read: Collection[str], call_in_fork: CallInFork
    ) -> None:
        """``listeners`` are called for audit events; ``sources_read`` grows during the start.

        ``call_in_fork`` returns what a function returns in a forked process, b"" where that fails.
        """
        self._listeners = listeners
        self._sources_read = sources_read
        self._recorder = RunRecorder()
        self._audit = CopyAudit()
        self._index = Index()
        self._call_in_fork = call_in_fork
        self._records = False

    def start(self) -> None:
        """Begin to record, before anything of the user's is imported."""
        self._records = self._recorder.start() is None
        if self._records:
            self._listeners.update(self._audit.listeners(self._listeners))
            self._audit.hooks.install()

    def add(self, mirror: Mirror) -> None:
        """Exchange what these objects hold with the names of their module."""
        if self._records:
            self._audit.namespaces.add(mirror)

    def trim(self) -> None:
        """Take the record apart as it grows: a checkpoint taken now need not do it each time."""
        self._recorder.trim()

    def load(self) -> None:
        """Import what a swap needs, before the checkpoint is taken in which it happens.

        The process that goes on has it as well: a swapped process must not be told from
        one that started.
        """
        from . import apply  # noqa: F401 - see above

        # What is served from here on is not to see what the modules were.
        self._audit.namespaces.stop()

    def read_no_more(self) -> None:
        """The program runs, and no checkpoint comes after this: its modules are ordinary ones."""
        self._audit.namespaces.stop()

    def observe(self) -> None:
        """In the checkpoint: something runs that belongs to the start."""
        self._audit.go_on()
        self._audit.namespaces.observe()

    def build_index(self) -> None:
        """In the checkpoint, while it idles: find every function and its code."""
        self._audit.stop()
        self._audit.namespaces.stop()
        self._recorder.prepare()
        if self._records:
            self._index.build_own(self._call_in_fork, _is_own, complete=self._audit.functions_made)

    def apply(self, swaps: Sequence[Swap]) -> Reason | None:
        """Exchange the bodies of all files or of none; returns why not."""
        from .compare import Refusal
        from .names import edited

        prepared: list[Ready] = []
        reads = self._audit.namespaces
        deltas = {swap.path: unpack_delta(swap.names) for swap in swaps}
        changes = edited(deltas.items(), reads)
        # What one file takes from another is there first, as it was when they were imported.
        for swap in sorted(swaps, key=lambda swap: reads.order_of(swap.path)):
            ready = self._prepare(swap, deltas[swap.path], changes)
            if isinstance(ready, Refusal):
                return ready.reason
            prepared.append(ready)
        for ready in prepared:
            ready.apply()
        return None

    def stop(self) -> None:
        """The process serves from now on: record nothing more."""
        self._audit.hooks.stop()
        self._recorder.stop()
        self._audit.stop()
        self._audit.namespaces.stop()

    def let_go(self) -> None:
        """Forget what only the swap needed; touches memory, so not before it is quiet."""
        self._index.clear()

    def _prepare(self, swap: Swap, delta: Delta, changes: Edited) -> Ready | Refusal:
        from .apply import prepare

        return prepare(
            swap.path,
            unpack(swap.old),
            unpack(swap.new),
            self._index,
            self._recorder,
            self._audit,
            self._sources_read,
            delta,
            changes,
        )


def _is_own(path: str) -> bool:
    """Whether a file may be one that is edited; this package may lie anywhere."""
    return looks_own(path) and not path.startswith(PACKAGE)


def pack(code: CodeType) -> str:
    """A code object as text; both ends are the same interpreter."""
    return marshal.dumps(code).hex()


def pack_delta(
    gone: Sequence[Statement], come: Sequence[Statement], headers: Sequence[Header]
) -> str:
    """Statements and headers of functions as text."""
    parts = tuple(tuple(one.plain() for one in side) for side in (gone, come, headers))
    return marshal.dumps(parts).hex()


def unpack_delta(text: str) -> Delta:
    """What :func:`pack_delta` wrote."""
    from .headers import Header
    from .names import Delta
    from .statements import Statement

    if not text:
        return Delta()
    gone, come, headers = marshal.loads(bytes.fromhex(text))  # noqa: S302 - from our supervisor
    went, came = (tuple(map(Statement.from_plain, side)) for side in (gone, come))
    return Delta(went, came, tuple(Header(*one) for one in headers))


def unpack(text: str) -> CodeType:
    """The code object that :func:`pack` wrote."""
    code = marshal.loads(bytes.fromhex(text))  # noqa: S302 - from our own supervisor
    assert isinstance(code, CodeType)
    return code
