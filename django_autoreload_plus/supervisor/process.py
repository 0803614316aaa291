"""Child processes: how they are started, addressed and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.entry import EXECUTABLE, Entry, package_root
from ..protocol.gate import Gate
from ..protocol.launch import CHILD_ENVIRONMENT, ChildLaunch, child_in_memory
from ..protocol.trail import Trail

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
    #: By the monotonic clock.
    live_since: float = 0.0
    #: It said how it ended, or was given up; its exit status adds nothing.
    explained: bool = False
    retired: bool = False
    pid_is_certain: bool = True
    #: What it loaded since its last checkpoint.
    segment: set[str] = field(default_factory=set)
    #: How it came to be: :data:`START` or the label of a checkpoint.
    origin: str = START
    swapped: bool = False
    #: The address it asked for and did not get, and why; ``""``: it got all.
    refused: str = ""

    def tell(self, message: m.Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; to one that is gone there is nothing to say."""
        with contextlib.suppress(ChannelClosed, OSError):
            self.channel.send(message, descriptors)

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone is no error."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, whatever it is doing.

        While it loads, its process id may be out of date by one checkpoint: then
        the id is that of a frozen copy. Closing its channel ends it in any case.
        """
        if self.pid_is_certain:
            self.signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        with contextlib.suppress(OSError):
            self.channel.socket.shutdown(socket.SHUT_RDWR)


def spawn(
    entry: Entry, gate: Gate, trail: Trail, told: ChildLaunch
) -> tuple[Channel, subprocess.Popen[bytes]]:
    """Start the program afresh; returns our end of its channel.

    Descriptors that the user passed to the command reach the program, as they do
    without a reloader; ours are inheritable only for the moment of the start.
    """
    ours, theirs = Channel.pair()
    told = replace(
        told,
        channel=theirs.fileno(),
        gate=gate.descriptor,
        events=gate.events,
        trail=trail.descriptor,
    )
    letter = child_in_memory(told)
    environment = {**os.environ, "RUN_MAIN": "true", CHILD_ENVIRONMENT: str(letter)}
    held = (letter, theirs.fileno(), gate.descriptor, gate.events, trail.descriptor)
    shared = [descriptor for descriptor in held if descriptor >= 0]
    try:
        for descriptor in shared:
            os.set_inheritable(descriptor, True)
        process = subprocess.Popen(command(entry), env=environment, close_fds=False)
    finally:
        for descriptor in shared:
            os.set_inheritable(descriptor, False)
        os.close(letter)
        theirs.close()
    return ours, process


def command(entry: Entry) -> list[str]:
    """The command line of a child."""
    if entry.kind == EXECUTABLE:
        return [entry.target, *entry.arguments]
    program = os.path.join(package_root(), "child", "__main__.py")
    return [sys.executable, *entry.flags, program, *entry.words()]
