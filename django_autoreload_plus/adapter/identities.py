"""Packages that recognise a reload by a value made anew at each import.

A process resumed from a checkpoint does not import them again: they would take it
for the one before, and for instance never refresh the browser.

Looked at, and found to have no such value: django-components, django-fastdev,
django-livereload-server (asks its own server, once for each start), django-plotly-dash,
django-sockpuppet, django-tailwind, django-tailwind-cli, django-unicorn, django-watchfiles, djhtmx,
hyperdjango, reactpy-django, tetra, wagtail, whitenoise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from django.utils.crypto import get_random_string

from ..records import dataclass


@dataclass(frozen=True)
class Identity:
    """A module's variable, and what makes another value for it."""

    module: str
    name: str
    fresh: Callable[[], object]


#: Every row has its test in ``tests/parity/test_companions.py``.
IDENTITIES = (
    Identity("django_browser_reload.views", "version_id", lambda: get_random_string(32)),
    Identity("fryhcs.reload", "server_id", lambda: get_random_string(32, "0123456789abcdef")),
)


def renew() -> None:
    """Give the packages that are loaded other values, as a fresh start would."""
    for identity in IDENTITIES:
        names = vars(sys.modules.get(identity.module, object))
        if identity.name in names:
            setattr(sys.modules[identity.module], identity.name, identity.fresh())
