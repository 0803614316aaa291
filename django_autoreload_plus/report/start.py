"""Starts a program as a child, with its copies, until everything is loaded; and measures that."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

from ..options import Options
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.gate import Gate
from ..protocol.launch import ChildLaunch, Launch
from ..protocol.spawn import spawn
from ..records import dataclass, field

#: For the process to end after it has told everything, in seconds.
_LAST_TIME = 5.0
_STDOUT, _STDERR = 1, 2


class ReportError(Exception):
    """The program cannot be measured; the message says why, for the user."""


@dataclass
class MeasuredStart:
    """A start, as a child reports it."""

    #: From the order to start the process to the begin of the program, in seconds.
    boot: float = 0.0
    measured: m.Measured | None = None
    options: Options = field(default_factory=Options)
    project: m.ProjectInfo = field(default_factory=m.ProjectInfo)
    #: The files in order of first use, each with the label of the last copy before it.
    files: dict[str, str] = field(default_factory=dict)


def measure(launch: Launch, environment: Mapping[str, str]) -> MeasuredStart:
    """Start the program once, and end it when everything is loaded.

    What it prints goes to standard error. Raises :class:`ReportError`.
    """
    begun = time.perf_counter()
    child_launch = ChildLaunch(
        generation=1,
        plugin=launch.plugin,
        plugin_after=launch.plugin_after,
        options=launch.options,
        alone=True,
        given=launch.given,
        has_server=launch.has_server,
        measures=True,
    )
    gate, trail = Gate.create(), Breadcrumbs.create()
    with _output_to_stderr(), contextlib.closing(gate), contextlib.closing(trail):
        try:
            channel, process = spawn(launch.entry, gate, trail, child_launch, environment)
        except OSError as error:
            raise ReportError(f"The program cannot be started: {error}") from error
    start = MeasuredStart(options=launch.options, project=launch.project)
    copies: list[Channel] = []
    try:
        _listen(channel, start, copies)
    finally:
        _end(process, channel, copies)
    if start.measured is None:
        raise ReportError("The program has ended before everything was loaded.")
    start.boot = start.measured.begin - begun
    return start


def _listen(channel: Channel, start: MeasuredStart, copies: list[Channel]) -> None:
    """Read all messages, until the process has sent what it measured, or has ended."""
    limit = start.options.start_timeout
    channel.socket.settimeout(limit or None)
    label = ""
    while start.measured is None:
        try:
            message, descriptors = channel.receive()
        except ChannelClosed:
            return
        except TimeoutError:
            raise ReportError(f"Nothing was heard of the program for {limit:g} seconds.") from None
        match message:
            case m.Loaded():
                for item in message.files:
                    start.files.setdefault(item.path, label)
            case m.Froze():
                copies.append(Channel(socket.socket(fileno=descriptors[0])))
                label = message.label
            case m.Configured():
                start.options, start.project = message.options, message.project
            case m.Measured():
                start.measured = message
            case _:
                _answer(channel, message)


def _answer(channel: Channel, message: m.Message) -> None:
    """Hear of an end, or give what the program waits for.

    What else a child says concerns its life as a server.
    """
    match message:
        case m.Failed():
            raise ReportError(f"The program does not start.\n\n{message.failure.text}")
        case m.Finished():
            raise ReportError(f"The program has ended by itself (exit code {message.code}).")
        case m.Listen():
            channel.send(m.Listening(message="a program that is measured serves nothing"))
        case m.AskClearance():
            channel.send(m.Cleared())


def _end(process: subprocess.Popen[bytes], channel: Channel, copies: list[Channel]) -> None:
    """End every process of the start; exit handlers run as at the end of a command."""
    for copy in reversed(copies):
        with contextlib.suppress(ChannelClosed, OSError):
            copy.socket.settimeout(_LAST_TIME)
            copy.send(m.Dissolve())
            while True:
                copy.receive()
    for one in (channel, *copies):
        one.close()
    try:
        process.wait(_LAST_TIME)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _output_to_stderr() -> Iterator[None]:
    """What processes started meanwhile print must not get between what the report prints."""
    sys.stdout.flush()
    kept = os.dup(_STDOUT)
    try:
        os.dup2(_STDERR, _STDOUT)
        yield
    finally:
        os.dup2(kept, _STDOUT)
        os.close(kept)
