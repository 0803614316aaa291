"""Ways in which a program may look for attributes of a class by more than their plain names."""

# ruff: noqa: E501, ISC004 - programs
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from swap.runs import swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 13), reason="3.13 tells where they stand")

_CLASSES = """
class Meta(type):
    option = 3
class Base:
    limit = 3
    def third(self): pass
class Child(Base): pass
class Other:
    limit = third = 5
class Made(metaclass=Meta): pass
CHILD = Child()
NAME = "".join(["lim", "it"])
"""
#: What looks for ``limit`` while starting.
_LOOKED = {
    "nothing": "READ = 1",
    "loop over classes": "for one in (Child, Other):\n    READ = getattr(one, NAME)",
    "global variable": (
        "one = CHILD\ndef read(): return getattr(one, NAME)\nREAD = read()\none = Other"
    ),
    "attrgetter in a function": (
        "def read(name):\n    from operator import attrgetter\n    return attrgetter(name)(CHILD)\n"
        "READ = read(NAME)"
    ),
    "attrgetter in a closure": (
        "def make():\n    from operator import attrgetter\n"
        "    def read(name): return attrgetter(name)(CHILD)\n    return read\nREAD = make()(NAME)"
    ),
    "value of the same": "Base.limit = 3",
    "function in a class": (
        "class Tools:\n    def look(one, name): return getattr(one, name)\n"
        "READ = Tools.look(CHILD, NAME)"
    ),
    "lambda in a class": (
        "class Tools:\n    look = lambda one, name: getattr(one, name)\n"
        "READ = Tools.look(CHILD, NAME)"
    ),
    "method of another class": (
        "class Tools:\n    def look(self, name): return getattr(self, name)\n"
        "class Grand(Child): look = Tools.look\nREAD = Grand().look(NAME)"
    ),
    "class of the same name": (
        "class Tools:\n    def look(self, name): return getattr(self, name)\n"
        "class Grand(Child, Tools): pass\nREAD = Grand().look(NAME)\nclass Tools: pass"
    ),
    "another self": (
        "class Tools:\n    def look(self, name):\n        self, x = CHILD, 1\n"
        "        return getattr(self, name)\nREAD = Tools().look(NAME)"
    ),
    "pattern by position": (
        "def match():\n    global READ\n    match CHILD:\n        case Base(READ): pass\nBase.__match_args__ = (NAME,)\nmatch()"
    ),
    "format put together": "READ = ('{0.' + NAME + '}').format(CHILD)",
    "format in braces": "READ = f'{{0.{NAME}}}'.format(CHILD)",
    "delegating": (
        "class Proxy:\n    def __init__(self, one): self.one = one\n"
        "    def __getattr__(self, name): return getattr(self.one, name)\n"
        "PROXY = Proxy(CHILD)\nREAD = getattr(PROXY, NAME)"
    ),
    "argparse": (
        "import argparse\nparser = argparse.ArgumentParser()\n"
        "parser.add_argument('--limit')\nparser.parse_args([], namespace=CHILD)\n"
        "READ = vars(CHILD)"
    ),
}
_EDITED = "    limit = 3", "    limit = 4"


@pytest.mark.parametrize("name", _LOOKED)
def test_what_looks_for_a_value(name: str, tmp_path: Path) -> None:
    """The program would keep what it has made of it."""
    before = f"{_CLASSES}{_LOOKED[name]}\n"
    root = write(tmp_path, {"mod.py": before})
    (outcome,) = swap(root, ["mod"], [("mod.py", before.replace(*_EDITED))])
    assert ("refused" in outcome) == (name != "nothing"), outcome


#: Whole programs, an edit that matters, of which is said why.
_PROGRAMS = {
    "locals() in a class body": (
        "class A:\n    ab = 1\n    names = sorted(locals())\n",
        ("    ab = 1\n", "    ab = 1\n    ac = 2\n"),
    ),
    "value by locals() in a class body": (
        "class A:\n    ab = 1\n    x = locals()['ab']\n",
        ("    ab = 1\n", "    ab = 2\n"),
    ),
    "frame of a class body": (
        "import sys\ndef names(): return sorted(sys._getframe(1).f_locals)\n"
        "class A:\n    ab = 1\n    names = names()\n",
        ("    ab = 1\n", "    ab = 1\n    ac = 2\n"),
    ),
    "alias of a type": (
        "import typing\nclass A:\n    ab = 1\n    type X = typing.Literal[ab]\nREAD = A.X.__value__\n",
        ("    ab = 1\n", "    ab = 2\n"),
    ),
    "global in a class body": (
        "class A:\n    global ac\n    ab = 1\n    def x(self): pass\n",
        ("    ab = 1\n", "    ab = 1\n    ac = 2\n"),
    ),
    "deleted from outside": (
        "class A:\n    ab = 1\ntry:\n    del A.ac\nexcept AttributeError:\n    pass\n",
        ("    ab = 1\n", "    ab = 1\n    ac = 2\n"),
    ),
    "deleted by delattr": (
        "class A:\n    ab = 1\ntry:\n    delattr(A, ''.join(['a', 'c']))\nexcept AttributeError:\n    pass\n",
        ("    ab = 1\n", "    ab = 1\n    ac = 2\n"),
    ),
    "value of a metaclass": (
        "class M(type):\n    ab = 1\nclass A(metaclass=M): pass\nREAD = getattr(A, ''.join(['a', 'b']))\n",
        ("    ab = 1\n", "    ab = 2\n"),
    ),
    "method of a metaclass": (
        "class M(type):\n    ab = 1\nclass A(metaclass=M):\n    @classmethod\n"
        "    def look(cls, name): return getattr(cls, name)\nREAD = A.look(''.join(['a', 'b']))\n",
        ("    ab = 1\n", "    ab = 2\n"),
    ),
    "protocol of the standard library": (
        "import collections.abc\nclass A:\n    def __aiter__(self): pass\n"
        "    def __anext__(self): pass\n    def asend(self): pass\n    def athrow(self): pass\n"
        "READ = issubclass(A, collections.abc.AsyncGenerator)\n",
        ("    def asend", "    def aclose(self): pass\n    def asend"),
    ),
}


@pytest.mark.parametrize("name", _PROGRAMS)
def test_what_looks_in_another_way(name: str, tmp_path: Path) -> None:
    """The program would keep what it has made of it."""
    before, edit = _PROGRAMS[name]
    root = write(tmp_path, {"mod.py": before})
    (outcome,) = swap(root, ["mod"], [("mod.py", before.replace(*edit))])
    assert "refused" in outcome, outcome


_DJANGO = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "conf"
import django
django.setup()
from django.db import models
from django import forms
from django.views.generic import View
from django.contrib.admin.options import ModelAdmin
from django.utils.functional import SimpleLazyObject
from other import COMMON
"""
_DJANGO_PROGRAMS = {
    "nothing": (
        "class A(ModelAdmin):\n    ab = 1\nclass B(models.Model):\n"
        "    class Meta: app_label = 'books'\n"
        "class F(forms.Form):\n    ab = 1\nclass V(View):\n    ab = 1\nv = V.as_view()\n",
        ("ab = 1", "ab = 2"),
    ),
    "as_view() with names of another module": (
        "class Page(View):\n    ab = 1\n    ac = 2\npage = Page.as_view(**COMMON)\n",
        ("    ab = 1\n", ""),
    ),
    "options of models": (
        "class Common:\n    permissions = [('a', 'b')]\n"
        "class Book(models.Model):\n    class Meta(Common): app_label = 'books'\n",
        ("[('a', 'b')]", "[('a', 'c')]"),
    ),
    "options of models added": (
        "class Common:\n    app_label = 'books'\n    x = 1\n"
        "class Book(models.Model):\n    class Meta(Common): pass\n",
        ("    x = 1\n", "    select_on_save = True\n    x = 1\n"),
    ),
    "media of a form": (
        "class F(forms.Form):\n    ab = 1\n    media = None\n",
        ("    media = None\n", ""),
    ),
    "media of an admin class": (
        "class F(ModelAdmin):\n    ab = 1\n    media = None\n",
        ("    media = None\n", ""),
    ),
    "lazy object": (
        "class A:\n    ab = 1\nLAZY = SimpleLazyObject(A)\nREAD = getattr(LAZY, ''.join(['a', 'b']))\n",
        ("    ab = 1\n", "    ab = 2\n"),
    ),
    "manager from no queryset": (
        "class A:\n    def ab(self): pass\n    def ac(self): pass\n"
        "M = models.Manager.from_queryset(A)\n",
        ("    def ac(self): pass\n", ""),
    ),
    "handlers of a mixin": (
        "class A:\n    ab = 1\nclass V(A, View):\n    http_method_names = ['purge']\nv = V.as_view()\n",
        ("    ab = 1\n", "    ab = 1\n    async def purge(self): pass\n"),
    ),
    "field hidden by a mixin": (
        "class A:\n    x = 1\nclass B(models.Model):\n    ab = models.IntegerField()\n"
        "    class Meta:\n        abstract = True\n"
        "class C(A, B):\n    class Meta: app_label = 'books'\n",
        ("    x = 1\n", "    x = 1\n    ab = None\n"),
    ),
}


@pytest.mark.parametrize("name", _DJANGO_PROGRAMS)
def test_what_django_looks_for(name: str, tmp_path: Path) -> None:
    """What it has made of it would be that of the old source."""
    text, edit = _DJANGO_PROGRAMS[name]
    before = f"{_DJANGO}{text}"
    root = write(tmp_path, {"mod.py": before, "conf.py": "", "other.py": "COMMON = {'ab': 5}\n"})
    after = before.replace(*edit)
    (outcome,) = swap(root, ["mod"], [("mod.py", after)], django=True, describe=False)
    assert ("refused" in outcome) == (name != "nothing"), outcome
