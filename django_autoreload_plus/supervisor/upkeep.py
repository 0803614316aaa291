"""What is done once a child is live, so that the next save finds everything prepared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..protocol import messages as m
from ..protocol.memory import private_memory
from .checkpoints import Checkpoints, Frozen
from .process import START, Child
from .warmth import Warmth

if TYPE_CHECKING:
    from .core import Supervisor

#: By then the first requests after a save have been answered, in seconds.
_UNTIL_SERVED = 0.15
#: And by then the copy in which all is loaded has finished its preparations.
_UNTIL_WEIGHED = 1.0


class Upkeep:
    """Copies that go, spares that wait, memory that is prepared and bounded."""

    def __init__(self, supervisor: Supervisor, checkpoints: Checkpoints) -> None:
        self._supervisor = supervisor
        self._checkpoints = checkpoints
        self.warmth = Warmth(lambda: supervisor.loop)
        #: Languages in which requests have come.
        self.languages: tuple[str, ...] = ()
        #: The copies that the terminal has been told about.
        self._told: list[str] = []
        self._weighing: asyncio.Task[None] | None = None

    def live(self, child: Child) -> None:
        """A child is live: see to the rest when it has answered its first requests."""
        child.live_since = time.monotonic()
        self._supervisor.loop.call_later(_UNTIL_SERVED, self._tidy, child)

    def answered(self, child: Child) -> None:
        """The child has answered its first request."""
        ready = self._checkpoints.ready()
        if child.origin == START:
            # Its checks came first, and have touched nearly everything.
            return
        if self._serves(child) and ready is not None and child.pid_is_certain:
            age = time.monotonic() - child.live_since
            self.warmth.answered(ready.label, child.pid, age)

    def touched(self, child: Child, message: m.Touched) -> None:
        """What a child had written to since the copy that it went on from."""
        self.warmth.touched(message.label, message.pages)
        for copy in self._checkpoints.live:
            if copy.label == message.label and self._serves(child):
                # There may be a process already that waits without it.
                self.warmth.warm(copy)

    def used(self, languages: Collection[str]) -> None:
        """Requests came in these languages: what they need is there before the next save."""
        new = tuple(language for language in languages if language not in self.languages)
        self.languages += new
        ready = self._checkpoints.ready()
        if ready is not None and new:
            self._checkpoints.compute(ready, new)
            self._supervisor.loop.call_soon(self._checkpoints.prepare, ready)

    def _tidy(self, child: Child) -> None:
        limit = self._supervisor.options.most_copies
        self._checkpoints.sweep()
        self._checkpoints.thin_out(limit)
        if self._serves(child) and limit:
            self._make_spares()
            if self._weighing is not None:
                self._weighing.cancel()
            self._weighing = self._supervisor.loop.create_task(self._bound_memory(child))

    def _make_spares(self) -> None:
        """Have the processes ready that the next save most likely needs."""
        for copy in self._checkpoints.live[-2:]:
            self._checkpoints.prepare(copy)
            self.warmth.warm(copy)

    def _serves(self, child: Child) -> bool:
        return self._supervisor.state.live == child.generation

    async def _bound_memory(self, child: Child) -> None:
        """Keep the memory of the copies within its limit; the least useful go first."""
        is_over = True
        while is_over:
            await asyncio.sleep(_UNTIL_WEIGHED)
            # In a thread: the kernel counts for milliseconds in each large process.
            sizes = await asyncio.to_thread(_weigh, [*self._checkpoints.live])
            if not self._serves(child):
                return
            self._tell(sizes)
            # One at a time: what it shared with its neighbour alone is the neighbour's then.
            is_over = sum(sizes.values()) > self._supervisor.options.checkpoint_memory
            is_over = is_over and self._checkpoints.drop_one() is not None

    def _tell(self, sizes: Mapping[Frozen, float]) -> None:
        labels = [copy.label for copy in sizes]
        if labels != self._told:
            self._told = labels
            self._supervisor.terminal.note(f"  {_account(sizes)}", verbosity=2)


def _weigh(copies: Collection[Frozen]) -> dict[Frozen, float]:
    """The private memory of each copy, in MiB."""
    return {copy: private_memory(copy.pid) / 2**20 for copy in copies}


def _account(sizes: Mapping[Frozen, float]) -> str:
    total = sum(sizes.values())
    if not total:
        # Nobody tells, as on macOS.
        return f"copies: {', '.join(copy.label for copy in sizes) or 'none'}"
    told = ", ".join(f"{copy.label} {size:.1f}" for copy, size in sizes.items())
    return f"copies, with their own memory in MiB: {told}; {total:.1f} together"
