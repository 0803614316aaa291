"""The public entry: run a function and start it anew when its code changes.

    from . import autoreload

    autoreload.main(serve)

Nothing here needs a framework. The convention (a ``RUN_MAIN`` variable that tells the
child from the process the user started, exit code 3 as the request for a
restart) is the one Django's own reloader has had since its first release.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from .child import exit_handlers, parent_role
from .child.changes import change_receivers
from .options import Options
from .protocol import command_line, environment, first_child
from .protocol.channel import UNSUPPORTED, is_supported
from .protocol.launch import ENVIRONMENT, RUN_MAIN, Launch
from .protocol.messages import RESTART_CODE
from .records import asdict, replace

if TYPE_CHECKING:
    from .child.connection import Connection

__all__ = [
    "RESTART_CODE",
    "RUN_MAIN",
    "Options",
    "is_child",
    "is_supported",
    "main",
    "on_change",
    "restart",
    "run_with_reloader",
]


def main(
    main_func: Callable[..., object],
    args: Iterable[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    options: Options | None = None,
) -> None:
    """Run ``main_func(*args, **kwargs)`` in a child that follows its code.

    In the process the user started this never returns: it becomes the
    supervisor and ends with the exit code of the program. In the child the
    function runs in the calling thread.

    Raises :class:`~django_autoreload_plus.protocol.command_line.EntryError` when there is
    no way to start the program a second time, and :class:`NotImplementedError`
    where :func:`is_supported` is false.
    """
    if is_child():
        connection = _connect()
        if connection is not None and options is not None:
            connection.configure(options=options)
        _run(connection, main_func, tuple(args or ()), dict(kwargs or {}))
    else:
        become_supervisor(Launch(entry=command_line.current(), options=options or Options()))


def run_with_reloader(main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """:func:`main` with the arguments spelled out, as Django's function has them."""
    main(main_func, args, kwargs)


def is_child() -> bool:
    """Whether this process is the one that runs the program."""
    return os.environ.get(RUN_MAIN) == "true"


def restart() -> NoReturn:
    """Ask for a fresh start of the program, from anywhere in the child."""
    connection = _connect()
    if connection is not None:
        connection.request_restart()
    sys.exit(RESTART_CODE)


def on_change(receiver: Callable[[str], object]) -> Callable[[str], object]:
    """Call ``receiver(path)`` in the child when a watched file changes.

    A true answer means that the running program has taken the change and need
    not be started anew. Works as a decorator.
    """
    change_receivers.append(receiver)
    connection = _connect() if is_child() else None
    if connection is not None and not connection.project.asks:
        connection.configure(project=replace(connection.project, asks=True))
    return receiver


def _connect() -> Connection | None:
    # In a child it is loaded already; the process that the user started has no use for it.
    from .child.attach import connect

    return connect()


def _run(
    connection: Connection | None,
    main_func: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    signal.signal(signal.SIGTERM, _terminate)
    with contextlib.suppress(KeyboardInterrupt):
        if connection is not None:
            if not connection.serves:
                connection.loaded()
            connection.start()
        main_func(*args, **kwargs)


def _terminate(*_: object) -> NoReturn:
    # Process managers signal the whole group, and the supervisor passes its own on:
    # a second one must not cut short the clean-up that the first one began.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection = _connect()
    if connection is not None and connection.server is not None:
        # A server takes what is raised in the request of its only thread for an error in it.
        connection.server.retire()
    sys.exit(0)


def begin_supervision(launch: Launch) -> None:
    """Give the program a supervisor as early as possible in the first process.

    Returns only where this process plays the parent, which runs the program, too, up to the
    point where it calls :func:`main`; the code that serves is live by then.
    """
    role = _parent_role(launch)
    if role is None:
        _replace_image(launch)
    role.wait_for_turn()


def become_supervisor(launch: Launch) -> NoReturn:
    """Turn this process into the supervisor, or wait for one; the program starts in a child.

    Where what has run until now asks for the role of the parent, its threads, sockets and
    handlers have to stay: then the supervisor is a process of its own.
    """
    role = _parent_role(launch)
    if role is None:
        _replace_image(launch)
    role.wait()


def _parent_role(launch: Launch) -> parent_role.ParentRole | None:
    if not is_supported():
        raise NotImplementedError(UNSUPPORTED)
    role = parent_role.current()
    if role is None and parent_role.is_asked_for(launch):
        role = parent_role.supervise(_command(launch), *_start(launch))
    return role


def _replace_image(launch: Launch) -> NoReturn:
    """Become the supervisor, so that nothing that user code left behind stays.

    The exit handlers registered until now run first: their state ends here.
    """
    launch, started_with = _start(launch)

    def exec_supervisor() -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        decoded = {os.fsdecode(name): os.fsdecode(value) for name, value in started_with.items()}
        begun = asdict(first_child.begin(launch, decoded, becomes=True))
        variables = {**started_with, ENVIRONMENT.encode(): json.dumps(begun).encode()}
        os.execve(sys.executable, _command(launch), variables)  # noqa: S606 - no shell

    exit_handlers.run_before(exec_supervisor)


def _command(launch: Launch) -> list[str]:
    program = os.path.join(command_line.package_root(), "__main__.py")
    return [sys.executable, *launch.entry.flags, program, *launch.entry.words()]


def _start(launch: Launch) -> tuple[Launch, dict[bytes, bytes]]:
    """The launch, and the environment of the supervisor and of every child: the command's own.

    What the program has put into it until now would otherwise stand in every later
    process, where it would count as given from outside.
    """
    started_with = environment.at_start()
    if started_with is not None:
        return launch, started_with
    inherited = {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}
    return replace(launch, environment_lost=True), inherited
