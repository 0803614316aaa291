"""Facts about a Django project, for the supervisor."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.color import supports_color

from ..paths import absolute, working_directory
from ..protocol.messages import ProjectInfo
from ..records import replace
from . import conf

if TYPE_CHECKING:
    from ..child.connection import Connection


def read() -> ProjectInfo:
    """The facts as the settings have them now."""
    return ProjectInfo(
        debug=bool(settings.DEBUG),
        allowed_hosts=tuple(str(host) for host in settings.ALLOWED_HOSTS),
        color=None if _may_color() else False,
        verbosity=1,
        roots=_roots(),
        time_zone=os.environ.get("TZ", ""),
    )


def send(connection: Connection) -> None:
    """Tell the supervisor; a wrong ``AUTORELOAD_PLUS`` stops the start.

    Raises :class:`~django.core.exceptions.ImproperlyConfigured`.
    """
    options, problems = conf.read()
    connection.configure(options=options, project=read())
    if problems:
        raise ImproperlyConfigured("\n".join(problems))


def refine(
    connection: Connection, *, verbosity: int, no_color: bool, force_color: bool, asks: bool
) -> None:
    """Add what only the command line and the loaded apps tell."""
    before = connection.project
    color = True if force_color else False if no_color else before.color
    after = replace(before, verbosity=verbosity, color=color, asks=asks)
    if after != before:
        connection.configure(project=after)


def _may_color() -> bool:
    return supports_color() and os.environ.get("DJANGO_COLORS") != "nocolor"


def _roots() -> tuple[str, ...]:
    found = [working_directory()]
    base = getattr(settings, "BASE_DIR", None)
    if isinstance(base, (str, os.PathLike)):
        found.append(absolute(os.fspath(base)))
    if sys.path and sys.path[0]:
        found.append(absolute(sys.path[0]))
    return tuple(dict.fromkeys(found))
