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
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import get_ns_resolver
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import trans_real

from ..child.expressions import EXPRESSION

#: Begins the keys of templates among those that requests have used; what is neither one nor
#: an expression is a language.
TEMPLATE = "template "
#: Modules with regular expressions that are compiled when the first request meets them.
_EXPRESSIONS = ("django.http.request", "django.utils.translation.trans_real")


def preload_framework(uses: Iterable[str]) -> None:
    """The template engines, with their libraries of tags, and what Django imports late.

    Of what the settings name only Django's own: the user's modules are imported when
    they would be without us. Translations are read for the languages among these and the default.
    """
    engines.all()
    with contextlib.suppress(Exception):
        for _language in _each(uses):
            translation.gettext("")
    with contextlib.suppress(Exception):
        for name in filter(is_django, _late_modules()):
            import_module(name)
    with contextlib.suppress(Exception):
        for engine in _django_engines():
            if all(map(is_django, names_of_loaders(engine.loaders))):
                # The attribute is computed at its first use.
                engine.template_loaders  # noqa: B018 - computed when asked for
    for module in map(import_module, _EXPRESSIONS):
        for value in vars(module).values():
            if type(value) is SimpleLazyObject:
                # Asking for any attribute compiles it.
                getattr(value, "pattern", None)


def preload_urls() -> None:
    """Load the URLconf."""
    # As above.
    get_resolver().url_patterns  # noqa: B018 - computed when asked for


def compute_tables(uses: Iterable[str]) -> None:
    """The resolvers' reverse tables, which they keep for each language, and the default one's."""
    with contextlib.suppress(Exception):
        for language in _each(uses):
            get_resolver().reverse_dict  # noqa: B018 - computed when asked for
            # Looks for the catalogues of every app.
            with contextlib.suppress(LookupError):
                translation.get_supported_language_variant(language)


def compute_namespaces(uses: Iterable[str]) -> None:
    """The same of every namespace: ``reverse()`` makes a resolver for each path to one."""
    with contextlib.suppress(Exception):
        for _language in _each(uses):
            _fill_namespaces(get_resolver(), "", {})


def _fill_namespaces(resolver: URLResolver, prefix: str, converters: dict[str, Any]) -> None:
    for extra, nested in resolver.namespace_dict.values():
        pattern, known = prefix + extra, converters | nested.pattern.converters
        # As reverse() asks for it.
        get_ns_resolver(pattern, nested, tuple(known.items())).reverse_dict  # noqa: B018 - computed when asked for
        _fill_namespaces(nested, pattern, known)


def computed_languages() -> tuple[str, ...]:
    """The languages for which there are tables or translations by now."""
    used = {*get_resolver()._reverse_dict, *trans_real._translations}  # type: ignore[attr-defined]
    # The tables made while translations are off have the key None.
    return tuple(language for language in used if isinstance(language, str))


def _each(uses: Iterable[str]) -> Iterator[str]:
    """The default language and those among these keys; each is active while it is looked at."""
    used = filter(is_language, uses)
    for language in dict.fromkeys(filter(None, (translation.get_language(), *used))):
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


def names_of_loaders(loaders: Any) -> Iterator[str]:
    """The loaders that the settings name, also those that others wrap."""
    for loader in loaders:
        if isinstance(loader, str):
            yield loader
        elif isinstance(loader, (list, tuple)):
            yield from names_of_loaders(loader)


def is_language(key: str) -> bool:
    """Whether a key that requests have used is that of a language."""
    return not key.startswith((TEMPLATE, EXPRESSION))


def is_django(name: str) -> bool:
    """Whether a module is Django's own."""
    return name.startswith("django.")


def _module_of(dotted: str) -> str:
    return dotted.rpartition(".")[0]
