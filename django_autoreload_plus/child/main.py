"""The main function of a child: it runs the program, and sends how that ended."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Sequence

from ..own_code import looks_own
from ..paths import working_directory
from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.command_line import Entry, interpreter_flags, package_root
from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from ..swap.swapper import Swapper
from . import exit_handlers, output, program, recursion_limit
from .attach import connect
from .checkpointer import Checkpointer
from .connection import Connection
from .forked_call import call_in_fork
from .modules import module_files
from .prompts import Prompts
from .source_loader import SourceOnlyFinder


def main(words: Sequence[str]) -> None:
    """Run the program named on the command line under the supervisor."""
    flags = interpreter_flags(sys.argv, sys.orig_argv)
    connection = connect()
    if connection is None:
        raise SystemExit("django-autoreload-plus: a child is started by its supervisor only")
    swapper = _install(connection)
    if swapper is not None:
        swapper.start()
    _await_turn(connection.launch.turn)
    try:
        _run(connection, Entry.parse(words, flags))
    except SystemExit as error:
        exit_handlers.withstand_interrupts()
        if not connection.forked:
            raise
        if not isinstance(error.code, (int, type(None))):
            sys.stderr.write(f"{error.code}\n")
        exit_handlers.exit_after_handlers(_code(error))
    exit_handlers.withstand_interrupts()
    if connection.forked:
        exit_handlers.exit_after_handlers(0)


def _install(connection: Connection) -> Swapper | None:
    """Begin to record what shapes the process, and to take checkpoints of it."""
    launch, tracker = connection.launch, connection.tracker
    recursion_limit.install()
    swapper = None
    if launch.options.swap:
        swapper = Swapper(tracker.listeners, tracker.sources_read, call_in_fork)
    checkpoints = connection.checkpoints = Checkpointer(connection, swapper)
    checkpoints.install()
    if not launch.repeatable:
        reason = "the running program has replaced itself (os.execv)"
        checkpoints.refuse(Reason("AP233", reason))
    tracker.fresh = SourceOnlyFinder(launch.changed)
    tracker.install()
    connection.clearance.install()
    Prompts(connection).install()
    output.write_lines_at_once()
    if launch.alone:
        connection.clearance.give()
    if launch.at_once:
        from .begin_of_work import BeginOfWork

        BeginOfWork(connection).await_it()
    if not launch.has_server:
        _install_sockets(connection)
    return swapper


def _install_sockets(connection: Connection) -> None:
    """Lead the listening sockets of the program, and those of its workers, to the supervisor."""
    # Not needed where the framework's adapter does that, which somebody waits for.
    from .sockets.listening import ProgramSockets
    from .workers import Workers

    workers = Workers(connection)
    workers.install()
    ProgramSockets(connection, workers).install()


def _await_turn(turn: int) -> None:
    """Wait until the process that has started this one is the supervisor, if it is not yet."""
    if turn >= 0:
        os.set_inheritable(turn, False)
        # The other end closes with the image that the process had before.
        os.read(turn, 1)
        os.close(turn)


def _load(name: str, connection: Connection) -> None:
    importlib.import_module(name).connect(connection)


def _precede(connection: Connection, entry: Entry) -> None:
    """What comes before the program: its command line, and the libraries that it wants first."""
    launch = connection.launch
    program.set_words(entry)
    if launch.measures:
        from .stopwatch import Stopwatch

        connection.stopwatch = Stopwatch()
        connection.stopwatch.start()
    if launch.options.preload:
        from .preload import preload

        connection.preload_problems = preload(launch.options.preload)
    if launch.plugin:
        connection.tracker.call_after_import(
            launch.plugin_after, lambda: _load(launch.plugin, connection)
        )
    if not launch.has_server and connection.checkpoints is not None:
        connection.checkpoints.take(m.PROGRAM)


def _run(connection: Connection, entry: Entry) -> None:
    try:
        _run_and_tell(connection, entry)
    except KeyboardInterrupt:
        # Also while what went wrong is being described.
        connection.send(m.Finished(m.INTERRUPTED))
        raise SystemExit(m.INTERRUPTED) from None


def _run_and_tell(connection: Connection, entry: Entry) -> None:
    try:
        _precede(connection, entry)
        program.run(entry)
        if connection.launch.at_once:
            # Threads of the program go on when its main one is done.
            threading._shutdown()  # type: ignore[attr-defined]
    except SystemExit as error:
        _exited(connection, error)
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - reported to the supervisor
        # Whatever the user's code raised: it is theirs to see and to fix.
        _failed(connection, describe(connection, error))
    else:
        if not connection.retiring:
            connection.send(m.Finished(0))


def describe(connection: Connection, error: BaseException) -> Failure:
    """Describe an exception of the user's code for the supervisor."""
    # Imported here: at the start it would cost time, and hide forgotten imports.
    from ..failure import from_exception

    return from_exception.from_exception(
        error,
        roots=_roots(),
        skip=_skipped(connection),
        landmarks=connection.framework.landmarks,
    )


def _exited(connection: Connection, error: SystemExit) -> None:
    if connection.retiring or connection.restart_requested:
        return
    if _ends_by_itself(connection, error):
        connection.send(m.Finished(_code(error)))
        return
    from ..failure import from_exception

    failure = from_exception.from_exit(
        error.code,
        # A program that runs from its first line has said why, and where.
        None if connection.launch.at_once else error,
        roots=_roots(),
        skip=_skipped(connection),
        landmarks=connection.framework.landmarks,
    )
    _failed(connection, failure)


def _ends_by_itself(connection: Connection, error: SystemExit) -> bool:
    """Whether the exit is the program's own end, rather than a start that has failed."""
    if connection.started or connection.framework.reads_command_line:
        return True
    if not connection.launch.at_once:
        return False
    reason = error.__context__
    if _code(error) == 0:
        return True
    if connection.generation == 1:
        # It may be about the command line.
        return not connection.framework.lies_in_code(reason)
    return reason is None and not _has_failed_import(connection)


def _has_failed_import(connection: Connection) -> bool:
    """Whether a source of the developer's own has begun to run, and has become no module."""
    begun = {path for path, _ in Breadcrumbs(connection.launch.trail).read().files}
    modules = {path for module in list(sys.modules.values()) for path in module_files(module)}
    return any(looks_own(path) for path in begun - modules)


def _failed(connection: Connection, failure: Failure) -> None:
    connection.report()
    connection.send(m.Failed(failure))
    raise SystemExit(1)


def _code(error: SystemExit) -> int:
    """The exit code that the interpreter makes of ``sys.exit(…)``."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _skipped(connection: Connection) -> list[str]:
    return [package_root(), *connection.framework.carriers]


def _roots() -> list[str]:
    return [working_directory(), *(sys.path[:1] if sys.path and sys.path[0] else [])]
