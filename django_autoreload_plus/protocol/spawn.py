"""Starts a child as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from ..records import replace
from .breadcrumbs import Breadcrumbs
from .channel import Channel
from .command_line import EXECUTABLE, Entry, package_root
from .gate import Gate
from .launch import CHILD_ENVIRONMENT, RUN_MAIN, ChildLaunch, child_in_memory


def spawn(
    entry: Entry,
    gate: Gate,
    trail: Breadcrumbs,
    launch: ChildLaunch,
    environment: Mapping[str, str],
) -> tuple[Channel, subprocess.Popen[bytes]]:
    """Start the program afresh; returns our end of its channel.

    Raises :class:`OSError` where the interpreter is not there or no process can be made.
    Descriptors that the user passed to the command reach the program, as they do
    without a reloader; ours are inheritable only for the moment of the start.
    """
    ours, theirs = Channel.pair()
    launch = replace(
        launch,
        channel=theirs.fileno(),
        gate=gate.descriptor,
        events=gate.events,
        trail=trail.descriptor,
    )
    launch_memory = child_in_memory(launch)
    environment = {**environment, RUN_MAIN: "true", CHILD_ENVIRONMENT: str(launch_memory)}
    ours_too = (gate.descriptor, gate.events, trail.descriptor, launch.turn)
    held = (launch_memory, theirs.fileno(), *ours_too)
    shared = [descriptor for descriptor in held if descriptor >= 0]
    try:
        for descriptor in shared:
            os.set_inheritable(descriptor, True)
        process = subprocess.Popen(command(entry), env=environment, close_fds=False)
    except BaseException:
        ours.close()
        raise
    finally:
        for descriptor in shared:
            os.set_inheritable(descriptor, False)
        os.close(launch_memory)
        theirs.close()
    return ours, process


def command(entry: Entry) -> list[str]:
    """The command line of a child."""
    if entry.kind == EXECUTABLE:
        return [entry.target, *entry.arguments]
    program = os.path.join(package_root(), "child", "__main__.py")
    return [sys.executable, *entry.flags, program, *entry.words()]
