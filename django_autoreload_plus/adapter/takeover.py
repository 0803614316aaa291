"""When this process becomes the supervisor of a ``runserver``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .. import autoreload
from ..child import link
from ..protocol import entry
from ..protocol.launch import Launch
from ..supervisor.address import guess_address
from . import conf, facts

#: The module of the child's side, and what has to be loaded before it.
PLUGIN = "django_autoreload_plus.adapter.plugin"
PLUGIN_AFTER = "django.utils.autoreload"


def at_app_creation() -> None:
    """The app is being created: take over, or tell the supervisor the settings."""
    if autoreload.is_child():
        connection = link.connect()
        if connection is not None:
            facts.send(connection)
        return
    if autoreload.is_supported() and is_reloading_parent():
        autoreload.become_supervisor(launch())


def launch() -> Launch:
    """How this very command is to be started as a child."""
    here = entry.current()
    options, _problems = conf.read()
    return Launch(
        entry=here,
        options=options,
        facts=facts.read(),
        address=guess_address(here.arguments),
        plugin=PLUGIN,
        plugin_after=PLUGIN_AFTER,
    )


def is_reloading_parent() -> bool:
    """Whether the command line of this process asks for a reloading ``runserver``.

    Only the command line's own utility counts: a script that happens to have an
    argument ``runserver`` and sets Django up is none of our business.
    """
    argv = _utility_argv()
    return argv is not None and argv == sys.argv and wants_reloader(argv)


def wants_reloader(argv: Sequence[str]) -> bool:
    """``manage.py runserver`` without what prevents reloading."""
    if list(argv[1:2]) != ["runserver"]:
        return False
    return not any(
        word in ("-h", "--help", "--version")
        # argparse takes any unambiguous beginning of an option.
        or (len(word) > 4 and "--noreload".startswith(word))
        for word in argv[2:]
    )


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
