"""Prepares checkpoints, spares and memory for the next save, once a child is live."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from ...options import Options
from ...protocol import messages as m
from ...protocol.channel import Channel
from ...protocol.memory import anonymous_memory, private_memory, proportional_memory
from ..child import START, Child
from .line import Checkpoint
from .pool import CheckpointPool
from .prefault import Prefaulter

#: Time for the first requests after a save to be answered before the checkpoints are put in
#: order, in seconds.
_UNTIL_SERVED = 0.15
#: After that a checkpoint may read the code that it is going to need, in seconds.
_UNTIL_READ = 0.3
#: The requests for one page tell one after the other what they have used; seconds.
_UNTIL_COMPUTED = 0.5
#: Time for the ready checkpoint to finish its preparations before the memory is measured, in
#: seconds.
_UNTIL_WEIGHED = 1.0

#: Time for a checkpoint to end that was ordered to, in seconds.
_UNTIL_GONE = 0.2
#: All processes together may take so many times as much as two that run the program: a margin
#: below what the documents promise.
_MOST_TIMES = 1.5
#: What this package takes in the process that runs the program, in bytes.
_OURS = 5 * 2**20


class Upkeep:
    """Drops checkpoints, has spares made, prepares their memory and bounds that of all."""

    def __init__(
        self,
        checkpoints: CheckpointPool,
        *,
        options: Callable[[], Options],
        serves: Callable[[Child], bool],
        detail: Callable[[str], None],
    ) -> None:
        """``serves`` says whether a child is the live one, ``detail`` prints a line."""
        self._checkpoints = checkpoints
        self._options = options
        self._serves = serves
        self._detail = detail
        checkpoints.code_read = self._code_read
        self.prefaulter = Prefaulter()
        #: What requests have used: languages, and what else the framework's adapter names.
        self.uses: tuple[str, ...] = ()
        #: Those of them for which nothing has been computed yet.
        self._uncomputed: list[str] = []
        #: The checkpoints that were listed in the terminal.
        self._noted: list[str] = []
        #: The private memory of each checkpoint when it was measured last, in MiB.
        self.weights: Mapping[Checkpoint, float] = {}
        self._weighing: asyncio.Task[None] | None = None

    def went_live(self, child: Child) -> None:
        """A child is live: see to the rest when it has answered its first requests."""
        self._checkpoints.confirm(child.generation)
        child.live_since = time.monotonic()
        asyncio.get_running_loop().call_later(_UNTIL_SERVED, self._tidy, child)

    def froze(self, child: Child, message: m.Froze, descriptor: int) -> None:
        """A starting child has left a checkpoint behind."""
        copy = Checkpoint(
            message.label,
            message.pid,
            Channel(socket.socket(fileno=descriptor)),
            frozenset(child.segment),
            message.elapsed,
            message.handlers,
            tuple(child.loaded),
            message.open_files,
        )
        if message.label != m.READY:
            # Of the checkpoint where all is loaded, what was known of the last one is good enough
            # until a child has answered.
            self.prefaulter.discard(message.label)
        child.segment = set()
        child.pid_is_certain = False
        self._checkpoints.add(child.generation, copy)
        self._checkpoints.thin_out(2 * self._options().checkpoint_limit)

    def answered(self, child: Child, *, undisturbed: bool) -> None:
        """The child has answered its first request, and has done nothing else meanwhile."""
        ready = self._checkpoints.ready()
        if child.origin == START:
            # Its checks came first, and have touched nearly everything.
            return
        if undisturbed and self._serves(child) and ready is not None and child.pid_is_certain:
            self.prefaulter.answered(ready.label, child.pid)

    def touched(self, child: Child, message: m.Touched) -> None:
        """Note the pages that a child has written to since the checkpoint it was resumed from."""
        self.prefaulter.touched(message.label, message.pages)
        for copy in self._checkpoints.live:
            if copy.label == message.label and self._serves(child):
                # There may be a process already that waits without it.
                self.prefaulter.warm(copy)

    def used(self, uses: Collection[str]) -> None:
        """Requests have used these: what they need is there before the next save."""
        new = [use for use in uses if use not in self.uses]
        self.uses += tuple(new)
        if new and not self._uncomputed:
            asyncio.get_running_loop().call_later(_UNTIL_COMPUTED, self._compute)
        self._uncomputed += new

    def _compute(self) -> None:
        uses, self._uncomputed = self._uncomputed, []
        ready = self._checkpoints.ready()
        if ready is not None:
            self._checkpoints.compute(ready, uses)
            asyncio.get_running_loop().call_soon(self._checkpoints.prepare, ready)

    def _tidy(self, child: Child) -> None:
        limit = self._options().most_copies
        self._checkpoints.sweep()
        self._checkpoints.thin_out(limit)
        if self._serves(child) and limit:
            self._make_spares()
            asyncio.get_running_loop().call_later(_UNTIL_READ, self._read_code, child)
            if self._weighing is not None:
                self._weighing.cancel()
            self._weighing = asyncio.get_running_loop().create_task(self._bound_memory(child))

    def _read_code(self, child: Child) -> None:
        if self._serves(child):
            self._checkpoints.read_code()

    def _code_read(self, copy: Checkpoint, modules: int) -> None:
        self._checkpoints.make_anew(copy)
        self.prefaulter.warm(copy)
        self._detail(f"{copy.label}: the code of {modules:,} modules waits in memory")

    def _make_spares(self) -> None:
        """Have the processes ready that the next save most likely needs."""
        for copy in self._checkpoints.live[-2:]:
            self._checkpoints.prepare(copy)
            self.prefaulter.warm(copy)

    async def _bound_memory(self, child: Child) -> None:
        """Keep the memory of the checkpoints within its limit; the least useful go first."""
        is_over, pause = True, _UNTIL_WEIGHED
        while is_over:
            await asyncio.sleep(pause)
            pause = _UNTIL_GONE
            # In a thread: the kernel counts for milliseconds in each large process.
            sizes = await asyncio.to_thread(_weigh, [*self._checkpoints.live])
            limit = self._options().checkpoint_memory
            takes_much = limit is None and await asyncio.to_thread(_is_much, self._processes(child))
            if not self._serves(child):
                return
            self.weights = sizes
            self._tell(sizes)
            # One at a time: pages that it shared with one other are private to that one then.
            if limit is None:
                is_over = takes_much and self._checkpoints.drop_least_worth(sizes) is not None
            else:
                is_over = sum(sizes.values()) > limit and self._checkpoints.drop_one() is not None

    def _processes(self, child: Child) -> list[int]:
        """The program's process, and all others of the command."""
        copies = self._checkpoints.all()
        spares = [copy.spare.pid for copy in copies if copy.spare is not None]
        return [child.pid, os.getpid(), *(copy.pid for copy in copies), *spares]

    def _tell(self, sizes: Mapping[Checkpoint, float]) -> None:
        labels = [copy.label for copy in sizes]
        if labels != self._noted:
            self._noted = labels
            self._detail(_account(sizes))


def _weigh(copies: Collection[Checkpoint]) -> dict[Checkpoint, float]:
    """The private memory of each checkpoint, in MiB."""
    return {copy: private_memory(copy.pid) / 2**20 for copy in copies}


def _is_much(processes: Sequence[int]) -> bool:
    """Whether they take too much together, the first of them being that of the program."""
    enough = _MOST_TIMES * 2 * max(anonymous_memory(processes[0]) - _OURS, 0)
    return sum(map(proportional_memory, processes)) > enough


def _account(sizes: Mapping[Checkpoint, float]) -> str:
    total = sum(sizes.values())
    if not total:
        # The system gives no figures, as on macOS.
        return f"copies: {', '.join(copy.label for copy in sizes) or 'none'}"
    listed = ", ".join(f"{copy.label} {size:.1f}" for copy, size in sizes.items())
    return f"copies, with their own memory in MiB: {listed}; {total:.1f} together"
