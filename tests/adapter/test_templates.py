"""Templates and tables that are there before the first request after a swap asks for them."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints.places import Site, add_settings, add_view
from harness import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="no swap before")

#: Shows what is there when it begins; the tag of the project's own counts how often it compiled.
VIEW = """
from django.http import JsonResponse
from django.template import engines
from django.template.loader import render_to_string
from django.urls import reverse
from django.urls.resolvers import get_ns_resolver
from django.forms.renderers import get_default_renderer
from own_tags import COMPILED
import re

def page(request):
    expressions = [entry[1] for entry in re._cache]
    re.match("(tea|pot)+[0-9]{3}", "")
    loader = engines["django"].engine.template_loaders[0]
    there = sorted(loader.get_template_cache)
    shown = [render_to_string(name).strip() for name in ("plain.html", "own.html")]
    return JsonResponse({
        "there": [name for name in there if name in ("plain.html", "own.html")],
        "expression": "(tea|pot)+[0-9]{3}" in expressions,
        "tables": get_ns_resolver.cache_info().currsize > 0,
        "url": reverse("spaced:inner:there"),
        "shown": shown,
        "compiled": len(COMPILED),
        "mark": 0,
    })
"""
TAGS = """
from django import template

register = template.Library()
COMPILED = []

@register.tag
def own(parser, token):
    COMPILED.append(token)
    return template.base.TextNode("")
"""
URLS = """
from django.urls import include as _include
from django.urls import path as _path
_inner = ([_path("there/", page.page, name="there")], "inner")
_outer = ([_path("inner/<int:number>/".replace("<int:number>/", ""), _include(_inner))], "spaced")
urlpatterns += [_path("spaced/", _include(_outer))]
"""


def ask(site: Site, mark: int) -> dict[str, Any]:
    """Return what the view says once it shows the mark."""
    shown: dict[str, Any] = json.loads(site.answer("/page/", f'"mark": {mark}}}').text)
    return shown


@pytest.mark.parametrize("age", ["old", "young"])
def test_what_the_last_requests_used_is_there(project: Path, age: str) -> None:
    """The first page after a save would be compiled again, or be the page of yesterday."""
    folder = project / "own_templates"
    folder.mkdir()
    plain = folder / "plain.html"
    plain.write_text("{% if 1 %}plain 0{% endif %}", encoding="utf-8")
    (folder / "own.html").write_text("{% load own_tags %}{% own %}own", encoding="utf-8")
    if age == "old":
        for path in folder.iterdir():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    else:
        # A file changed so shortly before it was read may have been read half-way.
        for path in folder.iterdir():
            os.utime(path, (4_000_000_000, 4_000_000_000))
    (project / "own_tags.py").write_text(TAGS, encoding="utf-8")
    add_settings(
        project,
        f"TEMPLATES[0]['DIRS'] = [{str(folder)!r}]\n"
        "TEMPLATES[0]['OPTIONS']['libraries'] = {'own_tags': 'own_tags'}",
    )
    add_view(project, "page", VIEW)
    with (project / "config/urls.py").open("a", encoding="utf-8") as urls:
        urls.write(URLS)
    view = project / "page.py"
    text = view.read_text(encoding="utf-8")
    with Site(project) as site:
        first = ask(site, 0)
        assert (first["there"], first["shown"][0], first["compiled"]) == ([], "plain 0", 1)
        marks = itertools.count(1)
        shown: dict[str, Any] = {}

        def is_prepared() -> bool:
            # The copy prepares itself while nothing is asked for; nobody is told of it.
            time.sleep(0.3)
            mark = next(marks)
            view.write_text(text.replace('"mark": 0', f'"mark": {mark}'), encoding="utf-8")
            shown.update(ask(site, mark))
            return bool(shown["there"])

        wait_until(is_prepared, "the template in the ready copy")
        # That of the project's own is compiled when a request asks for it.
        assert shown["there"] == ["plain.html"]
        assert shown["tables"]
        assert shown["expression"]
        assert (shown["compiled"], shown["shown"], shown["url"]) == (
            1,
            ["plain 0", "own"],
            "/spaced/inner/there/",
        )
        # Of the same size, and, where it can be, with the same time.
        plain.write_text("{% if 1 %}plain 1{% endif %}", encoding="utf-8")
        if age == "young":
            os.utime(plain, (4_000_000_000, 4_000_000_000))
        site.answer("/page/", "plain 1")
        is_prepared()
        assert shown["shown"][0] == "plain 1"
