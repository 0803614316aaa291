"""Child processes: how they are started, addressed and ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.entry import EXECUTABLE, Entry, package_root
from ..protocol.gate import Gate
from ..protocol.launch import CHILD_ENVIRONMENT, Launch

#: An environment variable has its limits; the bytecode of more files than this is
#: removed instead.
_MOST_CHANGED = 200


@dataclass(eq=False)
class Child:
    """One process that runs, or is about to run, the program."""

    generation: int
    pid: int
    channel: Channel
    #: Reports of what it loaded, in order.
    loaded: list[m.Loaded] = field(default_factory=list)
    live: bool = False
    #: It said how it ended; its exit status adds nothing.
    explained: bool = False
    retired: bool = False
    pid_is_certain: bool = True
    #: What it loaded since its last checkpoint.
    segment: set[str] = field(default_factory=set)
    #: How it came to be: ``"start"`` or the label of a checkpoint.
    origin: str = "start"
    swapped: bool = False

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
    launch: Launch,
    generation: int,
    gate: Gate,
    *,
    checkpoints: bool,
    swap: bool,
    changed: Iterable[str],
) -> tuple[Channel, subprocess.Popen[bytes]]:
    """Start the program afresh; returns our end of its channel.

    Descriptors that the user passed to the command reach the program, as they do
    without a reloader; ours are inheritable only for the moment of the start.
    """
    ours, theirs = Channel.pair()
    where = {
        "channel": theirs.fileno(),
        "gate": gate.descriptor,
        "events": gate.events,
        "generation": generation,
        "plugin": launch.plugin,
        "plugin_after": launch.plugin_after,
        "checkpoints": checkpoints,
        "swap": swap,
        "changed": list(changed)[:_MOST_CHANGED],
    }
    environment = {**os.environ, "RUN_MAIN": "true", CHILD_ENVIRONMENT: json.dumps(where)}
    shared = [d for d in (theirs.fileno(), gate.descriptor, gate.events) if d >= 0]
    try:
        for descriptor in shared:
            os.set_inheritable(descriptor, True)
        process = subprocess.Popen(command(launch.entry), env=environment, close_fds=False)
    finally:
        for descriptor in shared:
            os.set_inheritable(descriptor, False)
        theirs.close()
    return ours, process


def command(entry: Entry) -> list[str]:
    """The command line of a child."""
    if entry.kind == EXECUTABLE:
        return [entry.target, *entry.arguments]
    program = os.path.join(package_root(), "child", "__main__.py")
    return [sys.executable, *entry.flags, program, *entry.words()]
