"""The process that plays the parent of the one that serves, where code asks for it.

It is started once, when the program is live and no longer needs the processor for itself,
and ends with the command. What it starts outlives every reload.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping

from ..paths import shown
from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.launch import PARENT_ENVIRONMENT, Launch, ParentLaunch
from ..protocol.parent_code import has_parent_code
from ..protocol.spawn import command
from ..records import asdict
from . import outgoing
from .code_state import CodeState
from .reaper import Reaper
from .terminal import Terminal

#: The first request after the program is live, if there is one, has been answered by then;
#: seconds.
_DELAY = 0.5
#: How long it may clean up at the end, in seconds.
_PATIENCE = 5.0
#: Sources searched without a pause.
_SLICE = 40


class Parent:
    """Starts and ends that process; at most one in the life of the command."""

    def __init__(
        self,
        launch: Launch,
        code: CodeState,
        reaper: Reaper,
        *,
        is_ending: Callable[[], bool],
        exited: Callable[[], None],
        killed: Callable[[], None],
        terminal: Terminal,
    ) -> None:
        """``exited``: called when the process has ended; ``killed``: when it was the user's."""
        self._launch = launch
        self._code = code
        self._reaper = reaper
        self._is_ending = is_ending
        self._exited = exited
        self._killed = killed
        self._terminal = terminal
        self._environment = dict(os.environ)
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        #: The parent is the process that the user started, and ends after this one.
        self._is_ours = True
        self._begun = False
        #: Sources that nobody has searched yet.
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def take_over(self) -> None:
        """Go on with the process that the user started, if it plays the parent."""
        descriptor = self._launch.parent
        if descriptor >= 0:
            os.set_inheritable(descriptor, False)
            self._is_ours = False
            self._channel = Channel(socket.socket(fileno=descriptor))
            asyncio.get_running_loop().add_reader(self._channel, self._receive, self._channel)

    def close(self) -> None:
        """Search no further."""
        if self._task is not None:
            self._task.cancel()

    def consider(self, paths: Iterable[str]) -> None:
        """These files have been loaded, or loaded anew."""
        if self._channel is None:
            self._waiting.update(paths)
            if self._begun:
                self._search_soon(_DELAY)

    def went_live(self) -> None:
        """The program is live."""
        self._search_soon(_DELAY)

    def end(self) -> bool:
        """The command ends: let the process end, too; returns whether it has gone."""
        if self._process is None:
            return True
        if self._channel is not None:
            # The process reads the end of the channel as the end of the command.
            self._channel.close()
            self._channel = None
            asyncio.get_running_loop().call_later(_PATIENCE, self.kill)
        return False

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def ended(self, pid: int, status: int) -> None:
        """A process has ended; this one is not started again."""
        if self._process is None or self._process.pid != pid:
            return
        self._process = None
        if self._channel is not None:
            self._close()
            if not self._is_ending():
                self._terminal.message(
                    f"the process for code that asks for RUN_MAIN has ended ({_named(status)});"
                    " it comes back when the command is started again",
                    verbosity=1 if status else 2,
                )
        self._exited()

    def _search_soon(self, delay: float) -> None:
        if self._task is None and not self._is_ending():
            self._task = asyncio.get_running_loop().create_task(self._search(delay))

    async def _search(self, delay: float) -> None:
        await asyncio.sleep(delay)
        self._begun = True
        if self._channel is not None:
            if not self._is_ours:
                with contextlib.suppress(ChannelClosed):
                    outgoing.send(self._channel, m.Resume())
            return
        while self._waiting:
            for path in [self._waiting.pop() for _ in range(min(_SLICE, len(self._waiting)))]:
                if self._asks(path):
                    self._start(path)
                    return
            await asyncio.sleep(0)
        self._task = None

    def _asks(self, path: str) -> bool:
        launch, code = self._launch, self._code
        module = code.modules.get(path, "").partition(".")[0]
        libraries = (__name__.partition(".")[0], launch.plugin_after.partition(".")[0])
        if not path.endswith(".py") or module in libraries or not code.is_own(path):
            return False
        source = code.current(path) or b""
        return has_parent_code(source, launch.role_variables, launch.entry.arguments)

    def _start(self, path: str) -> None:
        if self._is_ending():
            return
        name = shown(path)
        self._terminal.message(
            f"  a process for what {name} does where RUN_MAIN is not set", verbosity=2
        )
        try:
            self._channel, self._process = _spawn(self._launch, self._environment)
        except OSError as error:
            self._terminal.message(f"no process for code that asks for RUN_MAIN: {error}")
            # With the next change there may be one.
            self._waiting.add(path)
            self._task = None
            return
        self._waiting.clear()
        self._reaper.add(self._process)

    def _receive(self, channel: Channel) -> None:
        try:
            # It has nothing to say; whatever comes, its end is what counts.
            channel.skip()
        except ChannelClosed:
            # The process that the user started has been killed.
            self._close()
            self._killed()

    def _close(self) -> None:
        if self._channel is not None:
            outgoing.close(self._channel)
            self._channel = None


def _named(status: int) -> str:
    return f"exit code {status}" if status >= 0 else f"signal {-status}"


def _spawn(
    launch: Launch, environment: Mapping[str, str]
) -> tuple[Channel, subprocess.Popen[bytes]]:
    """Start the program in the role of the parent; returns our end of its channel.

    Raises :class:`OSError` as :func:`spawn`.
    """
    ours, theirs = Channel.pair()
    role = ParentLaunch(theirs.fileno(), launch.plugin, launch.plugin_after)
    environment = {**environment, PARENT_ENVIRONMENT: json.dumps(asdict(role))}
    try:
        os.set_inheritable(theirs.fileno(), True)
        process = subprocess.Popen(command(launch.entry), env=environment, close_fds=False)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours, process
