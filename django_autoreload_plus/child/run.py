"""One life of a child: run the program, and say how it ended."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from ..protocol import messages as m
from ..protocol.entry import Entry, interpreter_flags, package_root
from ..protocol.failure import Failure
from . import exits, failures, link, program
from .checkpoints import Checkpointer
from .fresh import FreshFinder
from .swapping import Swapper


def main(words: Sequence[str]) -> None:
    """Run the program named on the command line under the supervisor."""
    flags = interpreter_flags(sys.argv, sys.orig_argv)
    connection = link.connect()
    if connection is None:
        raise SystemExit("django-autoreload-plus: a child is started by its supervisor only")
    told = connection.told
    if told.plugin:
        connection.tracker.call_after_import(
            told.plugin_after, lambda: _load(told.plugin, connection)
        )
    connection.checkpoints = Checkpointer(connection)
    if told.options.swap:
        connection.checkpoints.swapper = Swapper(connection.tracker)
    connection.checkpoints.install()
    connection.tracker.fresh = FreshFinder(told.changed)
    connection.tracker.install()
    if connection.checkpoints.swapper is not None:
        connection.checkpoints.swapper.start()
    try:
        _run(connection, Entry.parse(words, flags))
    except SystemExit as error:
        if not connection.forked:
            raise
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
        exits.leave(_code(error))
    if connection.forked:
        exits.leave(0)


def _load(name: str, connection: link.Link) -> None:
    importlib.import_module(name).connect(connection)


def _run(connection: link.Link, entry: Entry) -> None:
    try:
        program.run(entry)
    except SystemExit as error:
        _exited(connection, error)
        raise
    except KeyboardInterrupt:
        connection.say(m.Finished(m.INTERRUPTED))
        raise SystemExit(m.INTERRUPTED) from None
    except BaseException as error:  # noqa: BLE001
        # Whatever the user's code raised: it is theirs to see and to mend.
        _failed(connection, describe(connection, error))
    else:
        if not connection.retiring:
            connection.say(m.Finished(0))


def describe(connection: link.Link, error: BaseException) -> Failure:
    """What the user's code raised, as the supervisor shows it."""
    return failures.from_exception(error, roots=_roots(), skip=_skipped(connection))


def _exited(connection: link.Link, error: SystemExit) -> None:
    if connection.retiring or connection.restart_requested:
        return
    if connection.started or connection.reading_command_line:
        connection.say(m.Finished(_code(error)))
        return
    failure = failures.from_exit(error.code, error, roots=_roots(), skip=_skipped(connection))
    _failed(connection, failure)


def _failed(connection: link.Link, failure: Failure) -> None:
    connection.report()
    connection.say(m.Failed(failure))
    raise SystemExit(1)


def _code(error: SystemExit) -> int:
    """What the interpreter makes of ``sys.exit(…)``."""
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _skipped(connection: link.Link) -> list[str]:
    return [package_root(), *connection.carriers]


def _roots() -> list[str]:
    return [os.getcwd(), *(sys.path[:1] if sys.path and sys.path[0] else [])]
