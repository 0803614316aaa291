"""The Django side of a child, loaded as soon as ``django.utils.autoreload`` is.

When ``django.setup()`` fails, Django's command line runs its own ``runserver``
with no apps at all, so an override is not even found. What that command does
then is to call ``run_with_reloader``; in a child of ours the function leads here,
and the exception that Django kept goes to the supervisor.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps
from django.conf import ENVIRONMENT_VARIABLE, settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connections
from django.utils import autoreload as django_autoreload

from ..child.connection import Connection
from ..child.framework import Checkpoints
from ..failure import contention
from ..protocol.messages import APPS, SETTINGS, SETUP
from ..protocol.reasons import Reason
from . import identities
from .command_line import wants_reloader
from .landmarks import LANDMARKS
from .redirect import lead_here, play_parent  # noqa: F401 - part of the plugin, as connect() is
from .settings import note_settings

#: Signals of Django's, and of Celery's own, make a finalizer for each receiver that is a method:
#: if they counted, no copy could be dropped.
MEMORY_FINALIZERS = ("django.dispatch.dispatcher", "celery.utils.dispatch.signal")


def connect(connection: Connection) -> None:
    """Lead Django's reloader to ours, in this process only."""

    def begin() -> None:
        connection.framework.reads_command_line = False
        django_autoreload.raise_last_exception()

    lead_here(begin, _make_ours if connection.launch.has_server else None)
    if wants_reloader(sys.argv):
        # Other commands may never tell that they have started.
        connection.collector.pause()
    contention.inherent += [FieldError, ImproperlyConfigured]
    connection.framework.landmarks = LANDMARKS
    connection.framework.lies_in_code = _lies_in_code
    connection.framework.memory_finalizers = MEMORY_FINALIZERS
    connection.framework.carriers.append(django_autoreload.__file__)
    if connection.checkpoints is not None:
        connection.tracker.call_after_import(
            "django.db.backends.base.base", partial(_note_databases, connection.checkpoints)
        )
        connection.checkpoints.data.framework = "django"
        connection.framework.after_resume.append(identities.renew)
        connection.framework.before_checkpoint.append(_close_connections)
        note_settings(connection.checkpoints)
        _set_points(connection.checkpoints)


def _lies_in_code(error: BaseException | None) -> bool:
    # This module is loaded in the middle of the import of that one.
    from django.core.management.base import SystemCheckError

    return isinstance(error, SystemCheckError)


def _make_ours(main_func: Callable[..., object]) -> Callable[..., object] | None:
    """Make the ``runserver`` that asks for a reloader ours, if it is not.

    The app may have been taken out of the settings since the command was started, by hand or
    by a change of branch: the supervisor has the port all the same.
    """
    from django.core.management.commands.runserver import Command

    from .command import ReloadingRunserver

    command = getattr(main_func, "__self__", None)
    if not isinstance(command, Command) or isinstance(command, ReloadingRunserver):
        return None
    command.__class__ = type("Command", (ReloadingRunserver, type(command)), {})
    return command.run


def _set_points(checkpoints: Checkpoints) -> None:
    """Take checkpoints before the settings, between them and the apps, and after the setup."""
    checkpoints.take(SETTINGS)
    checkpoints.when(APPS, lambda: settings.configured and _is_settings_loaded(), dispensable=True)
    checkpoints.when(SETUP, lambda: apps.ready)


def _note_databases(checkpoints: Checkpoints) -> None:
    """Note every connection, of whatever database and thread, also of one that fails.

    A query that was made connects first: nothing stays open where a checkpoint was taken.
    """
    from django.db.backends.base.base import BaseDatabaseWrapper

    connect = BaseDatabaseWrapper.connect

    @functools.wraps(connect)
    def noting(self: BaseDatabaseWrapper, *args: Any, **kwargs: Any) -> Any:
        checkpoints.data.database(self.alias)
        return connect(self, *args, **kwargs)

    BaseDatabaseWrapper.connect = noting  # type: ignore[method-assign]
    checkpoints.at_stop.append(lambda: setattr(BaseDatabaseWrapper, "connect", connect))


def _close_connections() -> Reason | None:
    """Close what is open; merely asking for what there is would load the settings."""
    if "settings" not in vars(connections):
        return None
    if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
        return Reason("AP221", "a database transaction is under way")
    connections.close_all()
    return None


def _is_settings_loaded() -> bool:
    return not getattr(
        getattr(sys.modules.get(os.environ.get(ENVIRONMENT_VARIABLE, "")), "__spec__", None),
        "_initializing",
        False,
    )
