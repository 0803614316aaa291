"""System checks: the app is set up so that it can do its work."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

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
    if not before:
        return []
    return [
        CheckWarning(
            f"{before[0]!r} stands before {_OURS!r} in INSTALLED_APPS and brings its own "
            "runserver, so this reloader is not used.",
            hint=f"Move {_OURS!r} to the front of INSTALLED_APPS, before {before[0]!r}; "
            "it builds on the runserver that follows it.",
            id=f"{_OURS}.W001",
        )
    ]
