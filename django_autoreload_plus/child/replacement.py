"""A program that replaces itself goes on under the same supervisor.

``os.execv()`` keeps the process and loses all that is in it: what the new image is told, it
has to be given anew. A script that moves into another environment does this, and so does a
button that restarts the server.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ..protocol import messages as m
from ..protocol.channel import Channel
from ..protocol.command_line import EntryError, package_root, split_python
from ..protocol.launch import CHILD_ENVIRONMENT, RUN_MAIN, child_in_memory
from ..records import replace
from .connection import Connection


class Replacement:
    """Takes the place of :func:`os.execv` and :func:`os.execve`, which all others call."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._execv, self._execve = os.execv, os.execve

    def install(self) -> None:
        """Replace the functions, for the life of the process."""

        def execv(path: Any, argv: Any, /) -> None:
            self._replace(path, argv, None)

        def execve(path: Any, argv: Any, env: Any) -> None:
            self._replace(path, argv, env)

        execv.__doc__, execve.__doc__ = self._execv.__doc__, self._execve.__doc__
        # Static, as built-in functions are: a class may have them as attributes.
        vars(os).update(execv=staticmethod(execv), execve=staticmethod(execve))

    def _replace(self, path: Any, argv: Any, env: Any) -> None:
        environment = os.environ if env is None else env
        if not (self._link.is_here() and is_for_a_child(environment)):
            if env is None:
                self._execv(path, argv)
            self._execve(path, argv, environment)
        with self._announced() as launch_memory:
            launch = {**environment, CHILD_ENVIRONMENT: str(launch_memory)}
            self._execve(path, _through_our_entry(path, argv), launch)

    @contextlib.contextmanager
    def _announced(self) -> Iterator[int]:
        """The descriptor of what the new image is told; undone where there will be none.

        The supervisor takes the end of the old channel as the moment of the change.
        """
        link = self._link
        ours, theirs = Channel.pair()
        launch = replace(
            link.launch,
            generation=link.generation,
            first=link.first and link.server is None,
            options=link.options,
            changed=link.tracker.changed,
            # A reload does not bring back the image by which a running program replaced itself.
            repeatable=link.launch.repeatable and not link.started,
            channel=theirs.fileno(),
            gate=link.gate.descriptor,
            events=link.gate.events,
            turn=-1,
        )
        launch_memory = child_in_memory(launch)
        held = (launch_memory, launch.channel, launch.gate, launch.events, launch.trail)
        shared = [descriptor for descriptor in held if descriptor >= 0]
        try:
            link.send(m.Replacing(), [ours.fileno()])
            for descriptor in shared:
                os.set_inheritable(descriptor, True)
            yield launch_memory
        finally:
            # exec returns only where it has failed: there will be no other image.
            link.send(m.Replacing())
            for descriptor in shared:
                os.set_inheritable(descriptor, False)
            for end in (ours, theirs):
                end.close()
            os.close(launch_memory)


def is_for_a_child(environment: Mapping[Any, Any]) -> bool:
    """Whether a process with this environment is to be taken for the one that serves."""
    with contextlib.suppress(TypeError):
        return any(
            environment.get(name) in ("true", b"true") for name in (RUN_MAIN, RUN_MAIN.encode())
        )
    return False


def _through_our_entry(path: Any, argv: Any) -> Any:
    """The command line with the reloader's entry before the program, if it is Python's."""
    with contextlib.suppress(TypeError, EntryError):
        words = [os.fsdecode(word) for word in argv]
        if not is_python(os.fsdecode(path)):
            return argv
        flags, program = split_python(words[1:])
        entry = os.path.join(package_root(), "child", "__main__.py")
        return [words[0], *flags, entry, *program]
    return argv


def is_python(path: str) -> bool:
    """Whether a program is the interpreter, by its name."""
    return path == sys.executable or os.path.basename(path).lower().startswith(("python", "pypy"))
