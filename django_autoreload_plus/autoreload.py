"""The public entry: run a function and start it anew when its code changes.

    from django_autoreload_plus import autoreload

    autoreload.main(serve)

Nothing here needs Django. The convention (a ``RUN_MAIN`` variable that tells the
child from the process the user started, exit code 3 as the request for a
restart) is the one Django's own reloader has had since its first release.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, NoReturn

from .child import link
from .protocol import entry
from .protocol.launch import ENVIRONMENT, Launch
from .protocol.options import Options

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

#: The environment variable that is ``"true"`` in the child.
RUN_MAIN = "RUN_MAIN"
#: The exit code with which a child asks for a restart.
RESTART_CODE = 3


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

    Raises :class:`~django_autoreload_plus.protocol.entry.EntryError` when there is
    no way to start the program a second time, and :class:`NotImplementedError`
    where :func:`is_supported` is false.
    """
    if is_child():
        connection = link.connect()
        if connection is not None and options is not None:
            connection.configure(options=options)
        _run(connection, main_func, tuple(args or ()), dict(kwargs or {}))
    else:
        become_supervisor(Launch(entry=entry.current(), options=options or Options()))


def is_supported() -> bool:
    """Whether this platform can hand an open socket to another process (not Windows)."""
    return hasattr(socket, "SCM_RIGHTS")


def run_with_reloader(main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """:func:`main` with the arguments spelled out, as Django's function has them."""
    main(main_func, args, kwargs)


def is_child() -> bool:
    """Whether this process is the one that runs the program."""
    return os.environ.get(RUN_MAIN) == "true"


def restart() -> NoReturn:
    """Ask for a fresh start of the program, from anywhere in the child."""
    connection = link.connect()
    if connection is not None:
        connection.request_restart()
    sys.exit(RESTART_CODE)


def on_change(receiver: Callable[[str], object]) -> Callable[[str], object]:
    """Call ``receiver(path)`` in the child when a watched file changes.

    A true answer means that the running program has taken the change and need
    not be started anew. Works as a decorator.
    """
    link.change_receivers.append(receiver)
    connection = link.connect() if is_child() else None
    if connection is not None and not connection.facts.asks:
        connection.configure(facts=replace(connection.facts, asks=True))
    return receiver


def _run(
    connection: link.Link | None,
    main_func: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    signal.signal(signal.SIGTERM, _terminate)
    with contextlib.suppress(KeyboardInterrupt):
        if connection is not None:
            connection.start()
        main_func(*args, **kwargs)


def _terminate(*_: object) -> NoReturn:
    # Process managers signal the whole group, and the supervisor passes its own on:
    # a second one must not cut short the clean-up that the first one began.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def become_supervisor(launch: Launch) -> NoReturn:
    """Turn this process into the supervisor; the program starts in a child.

    The process replaces its own image, so that nothing that user code left behind
    (memory, threads, handlers) stays in it. The exit handlers registered until now
    run first: their state ends here.
    """
    if not is_supported():
        raise NotImplementedError(
            "django-autoreload-plus needs Unix sockets, which this platform does not have;"
            " run the program without it"
        )
    os.environ[ENVIRONMENT] = json.dumps(asdict(launch))
    program = os.path.join(entry.package_root(), "__main__.py")
    command = [sys.executable, *launch.entry.flags, program, *launch.entry.words()]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.execv(sys.executable, command)  # noqa: S606 - the same interpreter, no shell
