"""Loads and computes what the first request would, from code alone.

Nothing here looks at data or at the time, and whatever goes wrong is left to the
first request, where Django shows it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.template import Engine, engines
from django.template.backends.django import DjangoTemplates
from django.urls import get_resolver
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import trans_real

#: Modules with regular expressions that are compiled when the first request meets them.
_EXPRESSIONS = ("django.http.request", "django.utils.translation.trans_real")


def preload_framework(languages: Iterable[str]) -> None:
    """The template engines, with their libraries of tags, and what Django imports late.

    Of what the settings name only Django's own: the user's modules are imported when
    they would be without us. Translations are read for these languages and the default.
    """
    engines.all()
    with contextlib.suppress(Exception):
        for _language in _each(languages):
            translation.gettext("")
    with contextlib.suppress(Exception):
        for name in filter(_is_django, _late_modules()):
            import_module(name)
    with contextlib.suppress(Exception):
        for engine in _django_engines():
            if all(map(_is_django, _names(engine.loaders))):
                # The attribute is computed at its first use.
                engine.template_loaders  # noqa: B018
    for module in map(import_module, _EXPRESSIONS):
        for value in vars(module).values():
            if type(value) is SimpleLazyObject:
                # Asking for any attribute compiles it.
                getattr(value, "pattern", None)


def preload_urls() -> None:
    """The URLconf."""
    # As above.
    get_resolver().url_patterns  # noqa: B018


def compute_tables(languages: Iterable[str]) -> None:
    """The resolver's reverse tables, which it keeps for each language, and the default one's."""
    with contextlib.suppress(Exception):
        for _language in _each(languages):
            get_resolver().reverse_dict  # noqa: B018


def computed_languages() -> tuple[str, ...]:
    """The languages for which there are tables or translations by now."""
    return tuple({*get_resolver()._reverse_dict, *trans_real._translations})  # type: ignore[attr-defined]


def _each(languages: Iterable[str]) -> Iterator[str]:
    """The default language and these; each is active while it is looked at."""
    for language in dict.fromkeys(filter(None, (translation.get_language(), *languages))):
        with translation.override(language):
            yield language


def _late_modules() -> Iterator[str]:
    """Modules whose import Django puts off until a request needs them."""
    if apps.is_installed("django.contrib.sessions"):
        yield _module_of(settings.SESSION_SERIALIZER)
    if apps.is_installed("django.contrib.messages"):
        yield _module_of(settings.MESSAGE_STORAGE)
    if apps.is_installed("django.contrib.staticfiles"):
        yield "django.contrib.staticfiles.storage"
    if settings.DATABASES:
        yield "django.db.models.sql.compiler"
    for engine in _django_engines():
        yield from map(_module_of, engine.context_processors)
        yield "django.template.context_processors"


def _django_engines() -> Iterator[Engine]:
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            yield engine.engine


def _names(loaders: Any) -> Iterator[str]:
    """The loaders that the settings name, also those that others wrap."""
    for loader in loaders:
        if isinstance(loader, str):
            yield loader
        elif isinstance(loader, (list, tuple)):
            yield from _names(loader)


def _is_django(name: str) -> bool:
    return name.startswith("django.")


def _module_of(dotted: str) -> str:
    return dotted.rpartition(".")[0]
