"""What the supervisor is told about a Django project."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.color import supports_color

from ..child.link import Link
from ..protocol.messages import Facts
from . import conf


def read() -> Facts:
    """The facts as the settings have them now."""
    return Facts(
        debug=bool(settings.DEBUG),
        allowed_hosts=tuple(str(host) for host in settings.ALLOWED_HOSTS),
        color=None if _may_color() else False,
        verbosity=1,
        roots=_roots(),
    )


def send(connection: Link) -> None:
    """Tell the supervisor; a wrong ``AUTORELOAD_PLUS`` stops the start.

    Raises :class:`~django.core.exceptions.ImproperlyConfigured`.
    """
    options, problems = conf.read()
    connection.configure(options=options, facts=read())
    if problems:
        raise ImproperlyConfigured("\n".join(problems))


def refine(
    connection: Link, *, verbosity: int, no_color: bool, force_color: bool, asks: bool
) -> None:
    """Add what only the command line and the loaded apps tell."""
    before = connection.facts
    color = True if force_color else False if no_color else before.color
    after = replace(before, verbosity=verbosity, color=color, asks=asks)
    if after != before:
        connection.configure(facts=after)


def _may_color() -> bool:
    return supports_color() and os.environ.get("DJANGO_COLORS") != "nocolor"


def _roots() -> tuple[str, ...]:
    found = [os.getcwd()]
    base = getattr(settings, "BASE_DIR", None)
    if isinstance(base, (str, os.PathLike)):
        found.append(os.path.abspath(os.fspath(base)))
    if sys.path and sys.path[0]:
        found.append(os.path.abspath(sys.path[0]))
    return tuple(dict.fromkeys(found))
