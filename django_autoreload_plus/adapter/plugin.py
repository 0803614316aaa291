"""The Django side of a child, loaded as soon as ``django.utils.autoreload`` is.

When ``django.setup()`` fails, Django's command line runs its own ``runserver``
with no apps at all, so an override is not even found. What that command does
then is to call ``run_with_reloader``; in a child of ours the function leads here,
and the exception that Django kept goes to the supervisor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import autoreload as django_autoreload

from .. import autoreload
from ..child.link import Link


def connect(connection: Link) -> None:
    """Lead Django's reloader to ours, in this process only."""

    def run_with_reloader(main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        connection.reading_command_line = False
        django_autoreload.raise_last_exception()
        autoreload.main(main_func, args, kwargs)

    django_autoreload.run_with_reloader = run_with_reloader  # type: ignore[assignment]
