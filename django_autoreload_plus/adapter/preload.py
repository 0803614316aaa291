"""Loads what the first request would load from code alone."""

from __future__ import annotations

from django.template import engines
from django.urls import get_resolver


def preload() -> None:
    """The URLconf with its reverse tables, and the template engines."""
    resolver = get_resolver()
    # The attribute is computed at its first use.
    resolver.url_patterns  # noqa: B018
    resolver.reverse_dict  # noqa: B018
    engines.all()
