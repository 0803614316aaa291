"""The checkpoints of one start, in order, and what each of them is good for.

The start of a program is one line of imports. Each checkpoint stands at a point
of that line and knows its segment: the files that were first used between the
checkpoint before it and itself. A checkpoint is good for a change when none of the changed
files lies in its segment or in an earlier one.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterable, Mapping

from ...protocol import messages as m
from ...protocol.channel import Channel, ChannelClosed
from ...protocol.codec import MessageError
from ...protocol.probes import Probe, renewed
from ...records import dataclass

#: Points that are kept while others are thinned out.
_NAMED = (m.PROGRAM, m.SETTINGS, m.APPS, m.SETUP, m.READY)
#: Those without which many edits would take long.
_NEEDED = (m.PROGRAM, m.SETTINGS, m.SETUP, m.READY)
#: One of these saves nothing beside a checkpoint that follows it within so many seconds of import
#: time, before a module that was edited lately.
_CLOSE = 0.05
#: Begins the labels of checkpoints that precede a lately edited file.
BEFORE = "before "
#: The number of lately edited files before whose import a checkpoint is kept.
_EDITED = 3


@dataclass(eq=False)
class Spare:
    """A process made from a checkpoint, waiting to go on."""

    token: int
    channel: Channel
    pid: int = 0
    waiting: bool = False

    def is_asleep(self) -> bool:
        """Whether it certainly sleeps, waiting for its order, and runs nothing.

        Once it has said that it waits, the one system call it can be found in is
        the one that receives the order (the format is that of proc_pid_syscall(5)).
        """
        if not self.waiting:
            with contextlib.suppress(ChannelClosed, MessageError):
                self.waiting = any(isinstance(m_, m.Waiting) for m_, _ in self.channel.drain())
        if not (self.waiting and self.pid):
            return False
        path = f"/proc/{self.pid}/syscall"
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            return file.read().split()[0] not in ("running", "-1")
        return False


@dataclass(eq=False)
class Checkpoint:
    """One checkpoint."""

    label: str
    pid: int
    channel: Channel
    segment: frozenset[str | Probe]
    #: Import time from the start of the program to this point, in seconds.
    elapsed: float = 0.0
    #: The checkpoint holds exit handlers: its process has to stay as long as its line does.
    handlers: bool = False
    #: Files that were loaded before the checkpoint and not compared with the disk yet.
    loaded: tuple[m.Loaded, ...] = ()
    #: The files and folders that it has open.
    open_files: tuple[m.OpenFile, ...] = ()
    spare: Spare | None = None
    #: It has read the code of what is imported after it, or was told to.
    has_code: bool = False
    #: The module imported next was edited lately, as with a checkpoint that is named for that.
    precedes_edited: bool = False
    ended: bool = False
    #: What it has sent that cannot be read.
    problem: str = ""

    def replaced(self) -> str:
        """A path at which no longer stands what the checkpoint has open there; ``""``: none."""
        return next((item.path for item in self.open_files if not _stands(item)), "")

    def kill(self) -> None:
        """End its process at once, whatever it is doing, or if it is stopped."""
        if not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Line:
    """The checkpoints of one start, oldest first."""

    def __init__(
        self,
        generation: int,
        frozen: Iterable[Checkpoint] = (),
        *,
        keepers: Iterable[Checkpoint] = (),
        swapped: bool = False,
    ) -> None:
        self.generation = generation
        self.swapped = swapped
        self.frozen = list(frozen)
        #: The checkpoints that the start stands on; those after them it has left behind itself.
        self.base = tuple(self.frozen)
        #: Checkpoints that are resumed no more, and only wait to run their exit handlers: what
        #: these clean up is in use as long as anything that came after them.
        self.keepers = list(keepers)
        #: Segments of checkpoints that are gone, for the next one that comes.
        self._tail: frozenset[str | Probe] = frozenset()

    def good_for(self, changed: Collection[str | Probe]) -> int:
        """How many of the checkpoints precede every use of the changed files and probes."""
        changed = set(changed)
        count = 0
        for copy in self.frozen:
            if not changed.isdisjoint(copy.segment):
                break
            count += 1
        return count

    def append(self, copy: Checkpoint) -> None:
        """The start has come to a further point."""
        copy.segment |= self._tail
        self._tail = frozenset()
        self.frozen.append(copy)

    def remove(self, copy: Checkpoint) -> None:
        """Do without a checkpoint: its segment becomes part of the next one's."""
        index = self.frozen.index(copy)
        del self.frozen[index]
        if index < len(self.frozen):
            self.frozen[index].segment |= copy.segment
        else:
            self._tail |= copy.segment

    def cut(self, paths: Collection[str]) -> list[Checkpoint]:
        """Do without the checkpoints that have used these files; returns them."""
        ended = self.frozen[self.good_for(paths) :]
        # Backwards: the process that goes on is still the one that has used them.
        for copy in reversed(ended):
            self.remove(copy)
        return ended

    def renew(self, changed: Collection[Probe]) -> None:
        """These probes have other answers now."""
        self._tail = renewed(self._tail, changed)
        for copy in self.frozen:
            copy.segment = renewed(copy.segment, changed)

    @property
    def processes(self) -> list[Checkpoint]:
        """The checkpoints of this line with those that only keep exit handlers, oldest first."""
        return sorted((*self.keepers, *self.frozen), key=lambda copy: copy.elapsed)

    def least_useful(self, *, frees_memory: bool) -> Checkpoint | None:
        """The checkpoint whose loss costs the least import time; ``None``: all are needed.

        Named points, and those before lately edited files, go after all others. ``frees_memory``:
        only those whose process can end as well.
        """
        needed = self._with_handlers() if frees_memory else []
        kept = [copy for copy in self.frozen if copy.label in _NAMED] + self._edited() + needed
        return self._cheapest(except_for=kept) or self._cheapest(except_for=needed)

    def least_worth(self, weights: Mapping[Checkpoint, float]) -> Checkpoint | None:
        """The checkpoint that saves the least import time for its memory (``weights``, in MiB).

        ``None``: the points that many edits need are left, and those before lately edited files.
        """
        edited = self._edited()
        kept = [
            copy
            for copy, following in zip(self.frozen, [*self.frozen[1:], None], strict=True)
            if copy.label in _NEEDED
            and not (following in edited and following.elapsed - copy.elapsed < _CLOSE)
        ]
        except_for = kept + edited + self._with_handlers()
        return self._cheapest(except_for=except_for, weights=weights)

    def _edited(self) -> list[Checkpoint]:
        edited = [c for c in self.frozen if c.precedes_edited or c.label.startswith(BEFORE)]
        return edited[-_EDITED:]

    def _with_handlers(self) -> list[Checkpoint]:
        return [copy for copy in self.frozen if copy.handlers]

    def _cheapest(
        self,
        *,
        except_for: Collection[Checkpoint],
        weights: Mapping[Checkpoint, float] | None = None,
    ) -> Checkpoint | None:
        best, least = None, float("inf")
        for index, copy in enumerate(self.frozen[:-1]):
            if copy in except_for:
                continue
            before = self.frozen[index - 1].elapsed if index else 0.0
            gap = self.frozen[index + 1].elapsed - before
            worth = gap if weights is None else gap / max(weights.get(copy, 1.0), 1.0)
            if worth < least:
                best, least = copy, worth
        return best


def _stands(item: m.OpenFile) -> bool:
    try:
        info = os.stat(item.path)
    except OSError:
        return False
    return (info.st_dev, info.st_ino) == (item.device, item.inode)
