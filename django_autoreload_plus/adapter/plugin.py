"""The Django side of a child, loaded as soon as ``django.utils.autoreload`` is.

When ``django.setup()`` fails, Django's command line runs its own ``runserver``
with no apps at all, so an override is not even found. What that command does
then is to call ``run_with_reloader``; in a child of ours the function leads here,
and the exception that Django kept goes to the supervisor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.conf import ENVIRONMENT_VARIABLE, settings
from django.db import connections
from django.utils import autoreload as django_autoreload

from .. import autoreload
from ..child.checkpoints import Checkpointer
from ..child.link import Link


def connect(connection: Link) -> None:
    """Lead Django's reloader to ours, in this process only."""

    def run_with_reloader(main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        connection.reading_command_line = False
        django_autoreload.raise_last_exception()
        autoreload.main(main_func, args, kwargs)

    django_autoreload.run_with_reloader = run_with_reloader
    connection.carriers.append(django_autoreload.__file__)
    if connection.checkpoints is not None:
        _place(connection.checkpoints)


def _place(checkpoints: Checkpointer) -> None:
    """Take copies before the settings, before the first app, and after the setup."""
    checkpoints.before.append(_close_connections)
    checkpoints.take("settings")
    checkpoints.when("apps", lambda: settings.configured and _is_settings_loaded())
    checkpoints.when("setup", lambda: apps.ready)


def _close_connections() -> None:
    """Close what is open; merely asking for what there is would load the settings."""
    if "settings" in vars(connections):
        connections.close_all()


def _is_settings_loaded() -> bool:
    return not getattr(
        getattr(sys.modules.get(os.environ.get(ENVIRONMENT_VARIABLE, "")), "__spec__", None),
        "_initializing",
        False,
    )
