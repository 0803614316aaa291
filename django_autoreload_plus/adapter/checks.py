"""System checks: the app is set up so that it can do its work."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from ..protocol.channel import is_supported
from . import conf
from .runservers import runserver_apps

_OURS = "django_autoreload_plus"


def check_settings(**_: Any) -> list[CheckMessage]:
    """``AUTORELOAD_PLUS`` has known keys with values of the right type."""
    _options, problems = conf.read()
    return [
        Error(problem, hint="See the options in the documentation.", id=f"{_OURS}.E001")
        for problem in problems
    ]


def check_app_order(**_: Any) -> list[CheckMessage]:
    """No app with a ``runserver`` of its own stands before this one."""
    names = runserver_apps()
    before = names[: names.index(_OURS)] if _OURS in names else []
    if not (before and is_supported()):
        return []
    return [
        CheckWarning(
            f"{before[0]!r} stands before {_OURS!r} in INSTALLED_APPS and brings its own "
            "runserver: changes are still noticed and reloaded, but connections are refused "
            "meanwhile, and browsers get no error page while the code cannot start.",
            hint=f"Move {_OURS!r} to the front of INSTALLED_APPS, before {before[0]!r}; "
            "it builds on the runserver that follows it.",
            id=f"{_OURS}.W001",
        )
    ]
