"""Which ``runserver`` commands the installed apps bring."""

from __future__ import annotations

import importlib
import os
from functools import cache

from django.apps import apps
from django.core.management.commands.runserver import Command as DjangoRunserver

_OURS = "django_autoreload_plus"


def runserver_apps() -> list[str]:
    """The apps with a ``runserver``, in the order of ``INSTALLED_APPS``."""
    return [
        config.name
        for config in apps.get_app_configs()
        if os.path.exists(os.path.join(config.path, "management", "commands", "runserver.py"))
    ]


@cache
def next_runserver() -> type[DjangoRunserver]:
    """The command that would run if this app were not installed.

    The first one after this app; without any, Django's own.
    """
    names = runserver_apps()
    after = names[names.index(_OURS) + 1 :] if _OURS in names else names
    if not after:
        return DjangoRunserver
    module = importlib.import_module(f"{after[0]}.management.commands.runserver")
    command: type[DjangoRunserver] = module.Command
    return command
