"""Loads and computes what the first request would, from code alone."""

from __future__ import annotations

from collections.abc import Iterable

from django.template import engines
from django.urls import get_resolver
from django.utils import translation


def preload_templates() -> None:
    """The template engines, with their libraries of tags."""
    engines.all()


def preload_urls(languages: Iterable[str] = ()) -> None:
    """The URLconf with its reverse tables."""
    resolver = get_resolver()
    # The attribute is computed at its first use.
    resolver.url_patterns  # noqa: B018
    compute_tables((translation.get_language() or "", *languages))


def compute_tables(languages: Iterable[str]) -> None:
    """The resolver's reverse tables, which it keeps for each language."""
    for language in dict.fromkeys(filter(None, languages)):
        with translation.override(language):
            get_resolver().reverse_dict  # noqa: B018


def computed_languages() -> tuple[str, ...]:
    """The languages for which the resolver has tables by now."""
    return tuple(get_resolver()._reverse_dict)
