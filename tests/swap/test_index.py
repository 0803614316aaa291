"""An index made with a report of a forked process: complete, for a part of the memory."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from harness import output_of
from swap.runs import PACKAGE, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are taken on Linux")

SITE = {
    "shop.py": """\
import functools


def plain():
    return lambda: 1


class Plain:
    def method(self):
        class Inner:
            def deep(self): pass
        return Inner

    @property
    def shown(self): return 1

    class Meta: name = "x"


class Empty(Plain):
    # Nothing in its namespace is worth a look of the garbage collector.
    pass


del Plain.Meta
KEPT = [plain(), Plain().method(), functools.partial(plain)]
""",
    "orders.py": "import shop\n\n\nclass Order(shop.Plain):\n    def pay(self): pass\n",
}
#: Compares all that the two say of each file, with the private memory that each has cost.
LOOK = """\
import gc, json, os, sys
sys.path[:0] = [{package!r}, {root!r}]
import asyncio, argparse, email.message, http.client, logging.config, unittest.mock, xml.dom.minidom
for name in {modules!r}:
    __import__(name)
from django_autoreload_plus.child.forked_call import call_in_fork
from django_autoreload_plus.swap import index as indexes

LINES = (None, *range(100))

def own(path):
    return path.startswith({root!r})

def said(index):
    for path in {paths!r}:
        index.include(path)
        names = frozenset(space["__name__"] for _, space in index.modules(path))
        yield [
            sorted(map(id, index.functions(path))),
            sorted(name for name, _ in index.modules(path)),
            [sorted(index.sources(space)) for _, space in index.modules(path)],
            sorted(id(one) for line in range(100) for one in index.classes(line, names)),
            sorted(id(one) for line in LINES for one in index.namesakes(line, "Plain")),
        ]

def faults():
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def answer(make):
    def look():
        index = indexes.Index()
        before = faults()
        make(index)
        cost = faults() - before
        indexes.Index.build = counted
        return json.dumps([[*said(index)], cost, len(builds)]).encode()
    return json.loads(call_in_fork(look))

build, builds = indexes.Index.build, []

def counted(self, **kind):
    builds.append(self)
    build(self, **kind)

gc.disable()
whole = answer(lambda index: index.build(complete=True))
own_only = answer(lambda index: index.build_own(call_in_fork, own, complete=True))
print(json.dumps([whole, own_only]))
"""


def look(root: Path, sources: dict[str, str], paths: list[str]) -> list[Any]:
    """Return what the whole index says, and the other: of each path, page faults, late builds."""
    write(root, sources)
    modules = [name.removesuffix(".py") for name in sources]
    text = LOOK.format(package=str(PACKAGE), root=str(root), modules=modules, paths=paths)
    return list(json.loads(output_of(text)))


def test_the_same_for_less(tmp_path: Path) -> None:
    """A function that is missed would keep its old body; each copy would have pages of its own."""
    paths = [str(tmp_path / name) for name in SITE]
    whole, own = look(tmp_path, SITE, paths)
    assert own[0] == whole[0]
    assert len(own[0][0][0]) > 3
    assert len(own[0][0][3]) >= (3 if sys.version_info >= (3, 13) else 0)
    assert own[2] == 0, "the index was made once more"
    assert own[1] < whole[1] / 3


@pytest.mark.parametrize(
    "odd",
    [
        "exec(compile(open(__file__).read(), __file__, 'exec'), {'__name__': 'other'})",
        "import types\nAGAIN = types.FunctionType(f.__code__, {})",
        "import sys\nsys.kept = f\nsys.modules['odd'] = types = type(sys)('odd')",
    ],
    ids=["run once more", "other globals", "replaced"],
)
def test_what_the_names_do_not_lead_to(tmp_path: Path, odd: str) -> None:
    """Functions of a file that belong to no module's names are found as well."""
    source = (
        f"def f(): pass\n\nif __name__ == 'odd':\n    {odd.replace(chr(10), chr(10) + '    ')}\n"
    )
    path = str(tmp_path / "odd.py")
    whole, own = look(tmp_path, {"odd.py": source}, [path])
    assert own[0] == whole[0]
    assert whole[0][0][0]


def test_a_library_edited(tmp_path: Path) -> None:
    """Somebody edits an installed file to look into something, and sees the edit."""
    path = json.__file__
    whole, own = look(tmp_path, SITE, [path])
    assert own[0] == whole[0]
    assert own[0][0][0]
    assert own[2] == 1
