"""One child process: what is known of it, and how it is sent messages and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence

from ..protocol import messages as m
from ..protocol.address import Address
from ..protocol.channel import Channel, ChannelClosed, ChannelFull
from ..protocol.probes import Probe, renewed
from ..records import dataclass, field
from . import outgoing
from .processes import descendants_in_group

#: Where a process comes from that was not forked.
START = "start"


@dataclass(eq=False)
class Child:
    """One process that runs, or is about to run, the program."""

    generation: int
    pid: int
    channel: Channel
    #: Reports of what it loaded, in order, that were not compared with the disk yet.
    loaded: list[m.Loaded] = field(default_factory=list)
    live: bool = False
    #: It accepts connections.
    serves: bool = False
    #: A thread of it reads its channel; else it reads only answers to its questions.
    reads_messages: bool = False
    #: It follows the convention of the exit code 3.
    restarts: bool = False
    #: Processes of its own, when it was ordered to end: they end with it.
    helpers: set[int] = field(default_factory=set)
    has_exited: bool = False
    #: By the monotonic clock.
    live_since: float = 0.0
    #: The child said how it ended, or was given up: its exit status adds nothing.
    explained: bool = False
    retired: bool = False
    #: The child is live, and its checks have not come to their end.
    unchecked: bool = False
    #: The child knows that no older process is left.
    cleared: bool = False
    #: It waits for the end of older processes before it goes on.
    awaits_clearance: bool = False
    pid_is_certain: bool = True
    #: The files loaded since the last checkpoint.
    segment: set[str | Probe] = field(default_factory=set)
    #: A debugger's prompt is open in it, and whether it is in the main thread.
    prompts: bool = False
    prompts_main: bool = False
    #: The last prompt was left by a step, and is over for good if no other follows.
    prompt_ends: asyncio.TimerHandle | None = None
    #: How it came to be: :data:`START` or the label of a checkpoint.
    origin: str = START
    swapped: bool = False
    #: What was exchanged then, in words.
    exchanged: tuple[str, ...] = ()
    #: The channel of the image that this process may become, see :class:`.messages.Replacing`.
    next_channel: Channel | None = None
    #: The generation by which it goes at the gate, if that is another one.
    gate_generation: int = 0
    #: The address it asked for and did not get, and why; ``""``: it got all.
    refused: str = ""
    #: Where its program listens on sockets that it has bound.
    listens: set[Address] = field(default_factory=set)

    #: It has nothing to do but to wait for its worker processes, which are to serve.
    awaits_workers: bool = False

    #: Where its worker processes tell what they load.
    workers: socket.socket | None = None

    #: Called when it reads nothing any more.
    overflows: Callable[[], object] = lambda: None

    def send(self, message: m.Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; that the process has ended is no error."""
        try:
            outgoing.send(self.channel, message, descriptors)
        except ChannelFull:
            self.overflows()
        except (ChannelClosed, OSError):
            pass

    def becomes(self, descriptors: Sequence[int]) -> None:
        """The next image of this process uses this channel; none: there will be no such image."""
        if self.next_channel is not None:
            self.next_channel.close()
        found = [Channel(socket.socket(fileno=descriptor)) for descriptor in descriptors]
        self.next_channel = found[0] if found else None

    def add_loaded(self, loaded: m.Loaded) -> None:
        """Add files that it has loaded, still to be compared with the disk."""
        self.loaded.append(loaded)
        self.segment.update(item.path for item in loaded.files)
        self.segment.update(loaded.missing)
        self.segment.update(loaded.probes)
        if loaded.changed_probes:
            self.segment = set(renewed(self.segment, loaded.changed_probes))

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error, nor one that is not there yet."""
        if self.pid <= 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def note_helpers(self) -> None:
        """Note the processes that the program has started, before it ends."""
        if self.pid_is_certain and (self.workers is not None or not self.serves):
            self.helpers |= descendants_in_group(self.pid)

    def kill(self) -> None:
        """End it at once, whatever it is doing.

        While it loads, its process id may be out of date by one checkpoint: then
        the id is that of a checkpoint. Closing its channel ends it in any case.
        """
        if self.pid_is_certain:
            self.signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        with contextlib.suppress(OSError):
            self.channel.socket.shutdown(socket.SHUT_RDWR)
