"""Templates that requests have loaded, compiled in the ready checkpoint before the next one asks.

Only Django's own loaders cache templates, and only templates are prepared in which every tag
comes from Django or a library: the project's own code runs when it would without us.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from django.conf import settings
from django.forms.renderers import get_default_renderer
from django.template import Engine, Template, engines
from django.template.autoreload import reset_loaders
from django.template.backends.django import DjangoTemplates
from django.template.loaders.cached import Loader as CachedLoader

from ..child.connection import Connection
from ..clock import now_ns
from ..own_code import OwnModules
from .warmup import TEMPLATE, is_django, names_of_loaders

#: The engine of the form renderer, which has no alias.
_FORMS = "(forms)"
_TAG = re.compile(r"{%-?\s*(\w+)")
#: A file changed so shortly before it was read may have been read half-way; in nanoseconds.
_RECENT = 2_000_000_000

_Stamp = tuple[int, int]


class Templates:
    """The compiled templates of one process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        #: What was compiled in advance, by file: its time and size. Where these tell too
        #: little, the template itself, which has the text that it was made from.
        self._compiled: dict[str, _Stamp | Template] = {}
        connection.framework.after_resume.append(self._compare)

    def used(self) -> set[str]:
        """The keys of all templates that are loaded."""
        return {
            f"{TEMPLATE}{alias}/{name}"
            for alias, loader in _cached_loaders()
            for name, template in [*loader.get_template_cache.items()]
            # Another key belongs to a template that extends one of the same name.
            if isinstance(template, Template) and template.origin.template_name == name
        }

    def compile(self, keys: Collection[str]) -> None:
        """Compile the templates with these keys, in a checkpoint that has time for it."""
        with self._unnoticed():
            if any(key.startswith(f"{TEMPLATE}{_FORMS}/") for key in keys):
                _make_form_engine()
            loaders = dict(_cached_loaders())
            own = {alias: _own_tags(loader.engine) for alias, loader in loaders.items()}
            for key in filter(_is_template, keys):
                alias, _, name = key.removeprefix(TEMPLATE).partition("/")
                if alias in loaders:
                    with contextlib.suppress(Exception):
                        self._compile(loaders[alias], name, own[alias])

    @contextlib.contextmanager
    def _unnoticed(self) -> Iterator[None]:
        """What is read here has shaped nothing that a start has made."""
        tracker = self._connection.tracker
        starting, tracker.starting = tracker.starting, False
        try:
            yield
        finally:
            tracker.starting = starting

    def _compile(self, loader: CachedLoader, name: str, own: set[str]) -> None:
        if name in loader.get_template_cache or not own.isdisjoint(_tags(loader, name)):
            return
        template = loader.get_template(name)
        path = str(template.origin.name)
        stamp = _stamp(path)
        is_recent = stamp is not None and now_ns() - stamp[0] < _RECENT
        self._compiled[path] = template if stamp is None or is_recent else stamp

    def _compare(self) -> None:
        """In a process that goes on from the checkpoint: forget all if one has changed since."""
        compiled, self._compiled = self._compiled, {}
        with self._unnoticed():
            if not all(_is_current(path, known) for path, known in compiled.items()):
                reset_loaders()


def _cached_loaders() -> Iterator[tuple[str, CachedLoader]]:
    """Of each engine that has loaded something: its alias, and the loader that caches."""
    for alias, engine in _engines():
        loaders = vars(engine).get("template_loaders", ())
        if len(loaders) == 1 and type(loaders[0]) is CachedLoader:
            yield alias, loaders[0]


def _engines() -> Iterator[tuple[str, Engine]]:
    for backend in engines.all():
        if isinstance(backend, DjangoTemplates) and all(
            map(is_django, names_of_loaders(backend.engine.loaders))
        ):
            yield backend.name, backend.engine
    if get_default_renderer.cache_info().currsize:  # type: ignore[attr-defined] # lru_cache
        forms = vars(get_default_renderer()).get("engine")
        if isinstance(forms, DjangoTemplates):
            yield _FORMS, forms.engine


def _make_form_engine() -> None:
    with contextlib.suppress(Exception):
        if is_django(settings.FORM_RENDERER):
            # The attributes are computed at their first use.
            get_default_renderer().engine.engine.template_loaders  # type: ignore[attr-defined] # noqa: B018


def _is_template(key: str) -> bool:
    return key.startswith(TEMPLATE)


def _own_tags(engine: Engine) -> set[str]:
    own = OwnModules()
    libraries: list[Any] = [*zip(engine.builtins, engine.template_builtins, strict=True)]
    libraries += [(engine.libraries[name], lib) for name, lib in engine.template_libraries.items()]
    return {tag for module, library in libraries if own.owns(module) for tag in library.tags}


def _tags(loader: CachedLoader, name: str) -> set[str]:
    for origin in loader.get_template_sources(name):
        with contextlib.suppress(Exception):
            return set(_TAG.findall(loader.get_contents(origin)))
    return set()


def _is_current(path: str, known: _Stamp | Template) -> bool:
    if not isinstance(known, Template):
        return known == _stamp(path)
    loader: Any = known.origin.loader
    try:
        return bool(loader.get_contents(known.origin) == known.source)
    except Exception:  # noqa: BLE001 - it is not there, or no text any more
        return False


def _stamp(path: str) -> _Stamp | None:
    # Past what notes where a program looks while it starts: that takes longer than looking.
    ask = getattr(os.stat, "function", os.stat)
    try:
        info = ask(path)
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size
