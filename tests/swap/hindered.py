"""A site with one of each thing that must not be swapped, and an edit of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django_autoreload_plus
from checkpoints.places import add_settings, add_view
from harness import NOT_INHERITED

#: Everything that one module can hold; ``values()`` says what became of it.
SHELF = '''
import inspect

LEVEL = "level 0"
READY = []


def at_import():
    return "at import 0"


AT_IMPORT = at_import()


def in_ready():
    return "in ready 0"


def label(function):
    function.label = "label 0"
    return function


def price(amount):
    def decorate(function):
        function.price = amount
        return function

    return decorate


@label
@price("price 0")
def cup():
    return "cup 0"


class Shelf:
    """Class docstring 0."""

    width = "width 0"

    def __init_subclass__(cls):
        cls.hook = "hook 0"


class Small(Shelf):
    def closed(self):
        return "closed"


class Meta(type):
    def __init__(cls, *arguments):
        cls.meta = "meta 0"


class Made(metaclass=Meta):
    pass


def generate():
    yield "generator 0"


WAITING, WAITED = generate(), []


def enclose():
    one, two = "enclosed 0", "enclosed 1"

    def enclosed():
        return one

    return enclosed


ENCLOSED = enclose()


def sign(first):
    pass


def fill(size="size 0"):
    return size


def annotate(value: "annotation 0"):
    pass


def tell():
    """Docstring 0."""


def go():
    pass


SEEN = [str(inspect.signature(each)) for each in (sign, fill, annotate)]
SEEN.append(inspect.iscoroutinefunction(go))


def values():
    WAITED.extend(WAITING)
    return {
        "names": [LEVEL, AT_IMPORT, READY, WAITED, SEEN],
        "functions": [cup.label, cup.price, cup(), ENCLOSED(), fill(), tell.__doc__],
        "classes": [Shelf.__doc__, Shelf.width, Small.hook, Made.meta],
        "closure": Small.closed.__code__.co_freevars,
        "signatures": [str(inspect.signature(each)) for each in (sign, fill, annotate)],
        "kind": inspect.iscoroutinefunction(go),
    }
'''
#: What happens to a whole file is in files of their own.
COPIED = """
import types


def original():
    return "copied 0"


COPY = types.FunctionType(original.__code__.replace(co_name="copy"), globals())


def values():
    return [original(), COPY()]
"""
READ = """
def body():
    return "read 0"


with open(__file__) as file:
    SOURCE = file.read()


def values():
    return [body(), SOURCE]
"""
INSPECTED = """
import inspect


def body():
    return "inspected 0"


SOURCE = inspect.getsource(body)


def values():
    return [body(), SOURCE]
"""
PAGE = """
from django.http import JsonResponse

import copied, inspected, read, shelf
from shelf import LEVEL, annotate, fill, go, sign, tell


def page(request):
    modules = copied, inspected, read, shelf
    return JsonResponse({"page": "page 0", **{m.__name__: m.values() for m in modules}})
"""
APP = """
from django.apps import AppConfig


class ShelvesConfig(AppConfig):
    name = "shelves"

    def ready(self):
        import shelf

        shelf.READY.append(shelf.in_ready())
"""
ASK = "import django; django.setup(); import page; print(page.page(None).content.decode())"


@dataclass(frozen=True)
class Edit:
    """A change of one place, and the sentence that tells why it is imported."""

    old: str
    new: str
    reason: str
    file: str = "shelf.py"


EDITS = {
    "ran in ready()": Edit('"in ready 0"', '"in ready 1"', "in_ready ran while starting"),
    "ran at import": Edit('"at import 0"', '"at import 1"', "at_import ran while starting"),
    "ran as a decorator": Edit('"label 0"', '"label 1"', "label ran while starting"),
    "ran in a decorator": Edit(
        "function.price = amount",
        "function.price = 'half ' + amount",
        "price.<locals>.decorate ran while starting",
    ),
    "ran in __init_subclass__": Edit(
        '"hook 0"', '"hook 1"', "Shelf.__init_subclass__ ran while starting"
    ),
    "ran in a metaclass": Edit('"meta 0"', '"meta 1"', "Meta.__init__ ran while starting"),
    "generator not started": Edit(
        '"generator 0"', '"generator 1"', "a generator from the start holds the code of generate"
    ),
    "copied code object": Edit(
        '"copied 0"', '"copied 1"', "code objects of {path} were copied while starting", "copied.py"
    ),
    "source read as data": Edit(
        '"read 0"', '"read 1"', "the source {path} was read as data while starting", "read.py"
    ),
    "source inspected": Edit(
        '"inspected 0"',
        '"inspected 1"',
        "the source {path} was read as data while starting",
        "inspected.py",
    ),
    "signature": Edit("sign(first)", "sign(second)", "sign of shelf was read while starting"),
    "default": Edit(
        '"size 0"', '"size 1"', "inspect looked at the signature of fill while starting"
    ),
    "annotation": Edit(
        '"annotation 0"',
        '"annotation 1"',
        "the annotations of annotate may have been read while starting"
        if sys.version_info >= (3, 14)
        else "inspect looked at the signature of annotate while starting",
    ),
    "decorator": Edit('"price 0"', '"price 1"', "decorator of cup changed"),
    "class attribute": Edit('"width 0"', '"width 1"', "class attribute Shelf.width changed"),
    "closure of a method": Edit(
        'return "closed"', "return super().__repr__()", "closure of Small.closed changed"
    ),
    "closure of a nested function": Edit(
        "        return one", "        return two", "enclose ran while starting"
    ),
    "docstring": Edit(
        '"""Docstring 0.', '"""Docstring 1.', "tell of shelf was read while starting"
    ),
    "docstring of a class": Edit(
        '"""Class docstring 0.', '"""Class docstring 1.', "docstring of class Shelf changed"
    ),
    "async": Edit("def go", "async def go", "inspect looked at the signature of go while starting"),
    "module level": Edit('"level 0"', '"level 1"', "LEVEL of shelf was read while starting"),
}


def add_hindered(project: Path) -> None:
    """Add all of it, shown by the page ``/page/``."""
    sources = {"shelf": SHELF, "copied": COPIED, "read": READ, "inspected": INSPECTED}
    for name, source in sources.items():
        (project / f"{name}.py").write_text(source, encoding="utf-8")
    add_view(project, "page", PAGE)
    (project / "shelves").mkdir()
    (project / "shelves/__init__.py").touch()
    (project / "shelves/apps.py").write_text(APP, encoding="utf-8")
    add_settings(project, "INSTALLED_APPS = [*INSTALLED_APPS, 'shelves']")


def freshly_started(project: Path) -> Any:
    """Ask the page in a process that has just been started on the files as they are."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    env["PYTHONPATH"] = str(Path(django_autoreload_plus.__file__).parents[1])
    env["DJANGO_SETTINGS_MODULE"] = "config.settings"
    done = subprocess.run(
        # -B: two edits within the second that keep the size must not meet old bytecode.
        [sys.executable, "-B", "-c", ASK],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)
