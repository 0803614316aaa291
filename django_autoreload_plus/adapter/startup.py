"""When this process becomes the supervisor of a ``runserver``."""

from __future__ import annotations

import os
import sys
from typing import Any

from .. import autoreload
from ..paths import absolute
from ..protocol import command_line
from ..protocol.launch import Launch
from ..records import replace
from . import conf, project
from .command_line import (
    PLUGIN,
    PLUGIN_AFTER,
    ROLE_VARIABLES,
    command_words,
    django_options,
    guess_address,
    wants_reloader,
)

#: The names of the commands in ``management/commands``.
STATUS = "autoreload_status"
AUTORELOAD = "autoreload"
REPORT = "autoreload_report"


def at_app_creation() -> None:
    """The app is being created: take over, or tell the supervisor the settings."""
    if autoreload.is_child():
        from ..child.attach import connect

        connection = connect()
        if connection is not None:
            project.send(connection)
        return
    if (argv := _own_argv()) is not None and argv[1:2] == [STATUS]:
        _print_status(argv)
    if argv is not None and argv[1:2] == [REPORT] and autoreload.is_supported():
        _print_report(argv)
    if argv is not None and autoreload.is_supported() and (program := program_launch(argv)):
        autoreload.begin_supervision(program)
    if autoreload.is_supported() and is_reloading_parent():
        autoreload.begin_supervision(launch())
        # Not before: it loads much that the supervisor's process has no use for.
        from .redirect import play_parent

        play_parent()


def launch() -> Launch:
    """How this very command is to be started as a child."""
    here = command_line.current()
    options, _problems = conf.read()
    return Launch(
        entry=here,
        options=options,
        project=project.read(),
        address=guess_address(here.arguments),
        plugin=PLUGIN,
        plugin_after=PLUGIN_AFTER,
        role_variables=ROLE_VARIABLES,
        has_server=True,
    )


def program_launch(argv: list[str]) -> Launch | None:
    """How ``manage.py autoreload COMMAND`` starts the command; ``None`` for other words."""
    words = command_words(argv[2:]) if argv[1:2] == [AUTORELOAD] else None
    if words is None:
        return None
    launched = launch()
    entry = replace(launched.entry, arguments=words)
    if wants_reloader(("", *words)):
        return replace(launched, entry=entry, address=guess_address(words))
    return replace(
        launched, entry=entry, address=None, role_variables=(), has_server=False, at_once=True
    )


def report_launch(argv: list[str]) -> Launch:
    """How ``runserver`` would be started by this command line of ``autoreload_report``."""
    launched = launch()
    words = ("runserver", *django_options(argv[2:]))
    return replace(launched, entry=replace(launched.entry, arguments=words), address=None)


def is_reloading_parent() -> bool:
    """Whether the command line of this process asks for a reloading ``runserver``.

    Only the command line's own utility counts: a script that happens to have an
    argument ``runserver`` and sets Django up is none of our business.
    """
    argv = _own_argv()
    return argv is not None and wants_reloader(argv)


def _print_status(argv: list[str]) -> None:
    """Print the status, and exit: the code of the project may be what is broken."""
    import argparse

    from .. import status

    parser = argparse.ArgumentParser(add_help=False)
    status.add_options(parser)
    known, others = parser.parse_known_args(argv[2:])
    # The command itself knows the framework's options, and says what is wrong.
    if not others:
        sys.exit(status.run(known, [os.path.dirname(absolute(argv[0]))]))


def _print_report(argv: list[str]) -> None:
    """Make the report, and exit: the code of the project is imported in another process."""
    import argparse

    from . import measuring

    parser = argparse.ArgumentParser(add_help=False)
    measuring.add_options(parser)
    known, others = parser.parse_known_args(argv[2:])
    # As above.
    if others == list(django_options(argv[2:])):
        sys.exit(measuring.run(report_launch(argv), known))


def _own_argv() -> list[str] | None:
    """The words of the framework's utility, if they are those of this process."""
    argv = _utility_argv()
    return argv if argv == sys.argv else None


def _utility_argv() -> list[str] | None:
    frame: Any = sys._getframe()
    while frame is not None:
        if (
            frame.f_code.co_name == "execute"
            and frame.f_globals.get("__name__") == "django.core.management"
        ):
            return list(frame.f_locals["self"].argv)
        frame = frame.f_back
    return None
