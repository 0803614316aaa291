"""Methods and plain values that come to a class, go or change, where nobody has looked for them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from swap.runs import differences, edited, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")
#: On 3.12 a class does not tell where its body ends.
knows_places = pytest.mark.skipif(sys.version_info < (3, 13), reason="3.13 tells where they stand")

_PROGRAM = '''"""Docstring."""
import abc, functools
from other import keep
HIDDEN = "hidd" + "en"
class Base(abc.ABC):
    """Docstring of a class."""
    limit = 3
    fields = ["a", ("b", 1)]
    computed = len(fields)
    @property
    def value(self): return self.limit
    def first(self, a, b=1):
        """Docstring of a method."""
        self.a = a
        return super().__repr__
    def again(self): return [lambda: self.first]
    @abc.abstractmethod
    def needed(self): pass
    class Meta: order = 1
    def third(self): pass
class Child(Base):
    def first(self, a, b=2): return super().first(a, b)
    def needed(self): pass
@keep
class Kept:
    option = ()
    def plain(self): return 1
class Plain:
    def only(self): pass
class Empty:
    pass
CHILD = Child()
def probe():
    return [("methods", lambda: [CHILD.first(1), CHILD.value, getattr(CHILD, "added", 0)])]
'''
_LIBRARY = "KEPT = []\ndef keep(one):\n    KEPT.append(one)\n    return one\n"
_SWAPPED = {
    "value changed": [("limit = 3", "limit = 4")],
    "value added": [("    class Meta", "    added = {'a': (1, 2)}\n    class Meta")],
    "values removed": [("    limit = 3\n", ""), ("option = ()", "other = []")],
    "method added": [("    class Meta", "    def added(self, a=1): return a\n    class Meta")],
    "first in a class that is empty": [("    pass\nCHILD", "    added = 1\nCHILD")],
    "last of a class removed": [("    def only(self): pass", "    pass")],
    "method that uses super()": [("def only(self): pass", "def only(self): return super().x")],
    "method removed": [("    def third(self): pass\n", "")],
    "method with its class": [
        ("    def third(self): pass", "    def added(self): return super(), __class__\n    x = 1")
    ],
    "parameters and docstring": [
        ("first(self, a, b=1)", "first(self, a, *, c=2)"),
        ("of a method", "of a changed one"),
    ],
    "methods exchanged": [
        ("    def again(self): return [lambda: self.first]\n", ""),
        ("    class Meta", "    def again(self): return [lambda: self.first]\n    class Meta"),
    ],
    "attributes of self": [("def third(self): pass", "def added(self): self.b = self.c = 1")],
    "class that was decorated": [("option = ()", "option = (1,)\n    def added(self): pass")],
    "several at once": [
        ("limit = 3", "limit = 4"),
        ("import abc", "import os\nimport abc"),
        ("    def third(self): pass", "    def added(self): return os"),
        ("def only(self): pass", "def only(self):\n        # comment\n        return 5"),
    ],
}
#: Edits that are refused, and a word of the reason.
_REFUSED = {
    "expression": [("len(fields)", "len(fields) + 1")],
    "decorated method": [("    def third", "    @property\n    def third")],
    "special method": [("    def third(self): pass", "    def __len__(self): return 1")],
    "private name": [("    def third(self): pass", "    __added = 1")],
    "abstract method": [("    def needed(self): pass\n@keep", "    needed = 5\n@keep")],
    "name that the body reads": [("    fields = [\"a\", (\"b\", 1)]\n", "    fields = [\"c\"]\n")],
    "docstring of a class": [("of a class", "of another class")],
    "inside another class": [("order = 1", "order = 2")],
    "name that Python looks up": [("    def third(self): pass", "    def keys(self): return []")],
}  # fmt: skip
#: What looks for the name ``added`` while starting, and an edit that would matter to it.
_LOOKED = {
    "attribute": "READ = Child.third",
    "attribute of an instance": "READ = CHILD.third",
    "getattr": "READ = getattr(Child, 'third', None)",
    "getattr with a computed name": "READ = getattr(Child, 'thi' + 'rd', None)",
    "getattr under another name": "look = getattr\nREAD = look(Child, 'third')",
    "hasattr in a loop": "READ = [hasattr(CHILD, name) for name in ['third']]",
    "namespace": "READ = list(Base.__dict__)",
    "vars": "READ = list(vars(Base))",
    "dir": "READ = dir(CHILD)",
    "attrgetter": "import operator\nREAD = operator.attrgetter('third')(CHILD)",
    "attrgetter under another name": (
        "from operator import attrgetter as get\nREAD = get('thi' + 'rd')(CHILD)"
    ),
    "format": "READ = '{0.third}'.format(CHILD)",
    "pattern": "match CHILD:\n    case Base(third=READ): pass",
    "getmembers": "import inspect\nREAD = inspect.getmembers(CHILD)",
    "static lookup": "import inspect\nREAD = inspect.getattr_static(CHILD, 'thi' + 'rd')",
    "protocol": (
        "import typing\n@typing.runtime_checkable\nclass Has(typing.Protocol):\n"
        "    def third(self): ...\nREAD = isinstance(CHILD, Has)"
    ),
    "dotted name": "import pkgutil\nREAD = pkgutil.resolve_name('mod:Base.third')",
    "super": (
        "class Other(Base):\n    def call(self): return super().third\n"
        "    def needed(self): pass\nREAD = Other().call()"
    ),
    "metaclass": (
        "class Kind(abc.ABCMeta):\n    def __new__(mcs, name, bases, space):\n"
        "        made = super().__new__(mcs, name, bases, space)\n"
        "        made.names = len([*space])\n        return made\n"
        "class Other(Base, metaclass=Kind): pass"
    ),
    "init_subclass": (
        "class Hook:\n    def __init_subclass__(cls): cls.seen = 1\nclass Other(Base, Hook): pass"
    ),
    "set from outside": "Base.third = 5",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass Other(Base):\n    x: int = 1",
    "evaluated": "READ = eval('Base.third')",
    "reader of instances": (
        "class Mixed(Base):\n    def needed(self): pass\n"
        "    def look(self, name): return getattr(self, name)\nREAD = Mixed().look('thi' + 'rd')"
    ),
}


_MODULES = ["other", "mod"]


def _sources(text: str) -> dict[str, str]:
    return {"other.py": _LIBRARY, "mod.py": text}


def _outcomes(root: Path, before: str, edits: list[str]) -> list[dict[str, Any]]:
    """What becomes of each of the edited sources."""
    old = write(root / "old", _sources(before))
    return swap(old, _MODULES, [("mod.py", text) for text in edits])


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Of all edits of one program, which is started once."""
    edits = {name: edited(_PROGRAM, edit) for name, edit in (_SWAPPED | _REFUSED).items()}
    found = _outcomes(tmp_path_factory.mktemp("program"), _PROGRAM, [*edits.values()])
    return dict(zip(edits, found, strict=True))


@knows_places
@pytest.mark.parametrize("name", _SWAPPED)
def test_what_nobody_looked_for_is_exchanged(
    name: str, outcomes: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """A helper method, or an option of an admin class, would cost a new import."""
    assert "refused" not in outcomes[name], outcomes[name]
    new = write(tmp_path, _sources(edited(_PROGRAM, _SWAPPED[name])))
    assert not differences(outcomes[name]["state"], fresh(new, _MODULES))


@pytest.mark.parametrize("name", _REFUSED)
def test_what_the_class_body_does_is_not_exchanged(
    name: str, outcomes: dict[str, dict[str, Any]]
) -> None:
    """The class would be another than its source makes."""
    assert "refused" in outcomes[name], outcomes[name]


@pytest.mark.parametrize("name", _LOOKED)
def test_what_was_looked_for_is_refused(name: str, tmp_path: Path) -> None:
    """What the program has made of it would be that of the old source."""
    before = f"{_PROGRAM}{_LOOKED[name]}\n"
    after = edited(before, [("def third(self): pass", "third = 5")])
    (outcome,) = _outcomes(tmp_path, before, [after])
    assert "refused" in outcome, outcome


@knows_places
def test_what_looks_elsewhere_does_not_matter(tmp_path: Path) -> None:
    """Nearly every program reads settings by computed names while it starts."""
    reader = (
        "import sys, other\ndef setting(name): return getattr(other, name)\n"
        "class Options:\n    def get(self, name): return getattr(self, name)\n    x = 1\n"
        "READ = setting('KE' + 'PT'), Options().get('x'), len(vars(sys)) > 9\n"
    )
    before = f"{_PROGRAM}{reader}"
    after = edited(before, [("def third(self): pass", "third = 5")])
    (outcome,) = _outcomes(tmp_path, before, [after])
    assert "refused" not in outcome, outcome
    new = write(tmp_path / "new", _sources(after))
    assert not differences(outcome["state"], fresh(new, _MODULES))
