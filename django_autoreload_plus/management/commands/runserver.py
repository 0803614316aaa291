"""``runserver`` under our supervisor, built on the ``runserver`` that comes next."""

from __future__ import annotations

from django_autoreload_plus.adapter.command import ReloadingRunserver
from django_autoreload_plus.adapter.runservers import next_runserver


class Command(ReloadingRunserver, next_runserver()):  # type: ignore[misc]
    """The next app's command; only what runs it is different."""
