"""Programs in unusual states that can be swapped all the same, each as a fresh start would be."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.swap.apply import Ready
from swap.runs import differences, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

needs_swapping = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

_TWICE = """import importlib.util, sys
def f(): return 1
if __name__ == "prog":
    spec = importlib.util.spec_from_file_location("again", __file__)
    sys.modules["again"] = again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    def probe(): return [("both", lambda: (f(), again.f()))]
"""
_CASES = {
    "imported under two names": (_TWICE, "return 1", "return 2"),
    "elsewhere a generator waits, no line moves": (
        (
            "def g():\n    yield 1\nKEPT = g()\ndef f(): return 1\n"
            "def probe(): return [('f', lambda: (f(), next(KEPT)))]\n"
        ),
        "return 1",
        "return 2",
    ),
    "beside an audit hook": (
        (
            "import sys\nKEPT = {}\ndef hook(event, args): KEPT.get(event)\n"
            "sys.addaudithook(hook)\nsys.audit('prog')\ndef f(): return 1\n"
            "def probe(): return [('f', f)]\n"
        ),
        "return 1",
        "return 2",
    ),
    "copies made with wraps, bound and partial": (
        (
            "import functools\nclass A:\n    def f(self):\n        return 1\nBOUND = A().f\n"
            "PART = functools.partial(A.f, None)\n"
            "@functools.wraps(A.f)\ndef w(*a): return A.f(*a)\n"
            "def probe(): return [('f', lambda: (BOUND(), PART(), w(1), w.__wrapped__(1)))]\n"
        ),
        "return 1",
        "return 2",
    ),
    "code compiled twice for finally": (
        (
            "def f(n):\n    try: n = 1 // n\n    finally:\n        KEPT.append(lambda: n)\n"
            "KEPT = []\nf(1)\ntry: f(0)\nexcept ZeroDivisionError: pass\n"
            "def probe(): return [('f', lambda: [g() for g in KEPT])]\n"
        ),
        "lambda: n",
        "lambda: -n",
    ),
    "class made by a function that ran": (
        (
            "def make(n):\n    class A:\n        def f(self):\n            self.x = 1\n"
            "            return self.x + n\n    return A\nMADE = [make(1), make(2)]\n"
            "def probe(): return [('f', lambda: [c().f() for c in MADE])]\n"
        ),
        "            self.x = 1\n",
        "            # comment\n            self.x = self.y = 2\n",
    ),
    "class that says it is of another module": (
        (
            "class A:\n    def f(self): self.x = 1\nA.__module__ = 'elsewhere'\n"
            "class B:\n    __module__ = 'elsewhere'\n    def f(self): self.x = 1\n"
            "def seen(one): return [getattr(one, '__firstlineno__', 0),\n"
            "    sorted(getattr(one, '__static_attributes__', ()))]\n"
            "def probe(): return [('f', lambda: (seen(A), seen(B), A.f.__code__.co_names))]\n"
        ),
        "class A:\n    def f(self): self.x = 1",
        "# comment\nclass A:\n    def f(self): self.y = 1",
    ),
    "builtins of its own": (
        (
            "import builtins\n__builtins__ = dict(vars(builtins), hello=1)\n"
            "exec('def f(): return hello')\ndef g(): return 1\n"
            "def probe(): return [('f', lambda: (f(), g()))]\n"
        ),
        "return 1",
        "return 2",
    ),
    "objects frozen for the collector": (
        "import gc\ndef f(): return 1\ngc.freeze()\ndef probe(): return [('f', lambda: f())]\n",
        "return 1",
        "return 2",
    ),
    "signature asked for": (
        (
            "import inspect\ndef f(a): return 1\nSIGNATURE = str(inspect.signature(f))\n"
            "IS = inspect.iscoroutinefunction(f)\ndef probe(): return [('f', lambda: f(1))]\n"
        ),
        "return 1",
        "return 2",
    ),
    "another program started": (
        (
            "import subprocess\ndef f(): return 1\nsubprocess.run(['true'], check=True)\n"
            "def probe(): return [('f', lambda: f())]\n"
        ),
        "return 1",
        "return 2",
    ),
    "unused branch and unused value": (
        (
            "if not __name__:\n    def f(): return 1\nelse:\n    def f(): return 3\n"
            "type T = int\ndef probe(): return [('f', lambda: (f(), T.__value__))]\n"
        ),
        "= int",
        "= str",
    ),
    "weird but not looked at": (
        (
            "def f(): return 1\nf.__name__ = 'g'; f.__module__ = 'elsewhere'; f.__wrapped__ = f\n"
            "del f.__wrapped__\nKEPT = {f: 1, 1: [f, (f,)]}\nF = f\ndel f\n"
            "def probe(): return [('f', lambda: (F(), KEPT[1][1][0]()))]\n"
        ),
        "return 1",
        "return 2",
    ),
}
if sys.version_info >= (3, 14):
    _CASES["annotations that name nothing"] = (
        "def f(a: missing = 0): return 1\ndef probe(): return [('f', f)]\n",
        "return 1",
        "return 2",
    )
if sys.version_info >= (3, 15):
    _CASES["a lazy import that waits"] = (
        "lazy import math, decimal\ndef f(): return 1\ndef probe(): return [('f', f)]\n",
        "return 1",
        "return 2",
    )
# What the standard library makes of classes, some of it by looking at their annotations (3.14).
_ANNOTATED = """import dataclasses, functools, typing
def f(): return 1
@dataclasses.dataclass(slots=True)
class D:
    x: int = 0
    y: "Later" = None
    def total(self) -> int: return __class__ and self.x
@dataclasses.dataclass
class E(D):
    if D:
        z: list[D] = dataclasses.field(default_factory=list)
class N(typing.NamedTuple):
    a: D
    def first(self): return self.a
class T(typing.TypedDict, total=False):
    a: "Later | int"
class P(typing.Protocol):
    a: int
@functools.singledispatch
def g(v): return v
@g.register
def _(v: int) -> D: return D(v)
if g:
    LEVEL: int = 3
class Later: pass
def lines():
    for one in (D, E, N, T, P):
        notes = getattr(one, "__annotate__", None)
        kept = [dict(cell.cell_contents) for cell in getattr(notes, "__closure__", None) or ()
                if isinstance(cell.cell_contents, dict)]
        yield getattr(one, "__firstlineno__", 0), [k.get("__firstlineno__") for k in kept]
def probe():
    return [("f", lambda: (f(), list(lines()), D(1).total(), N(1).first(), g(2), E().z)),
            ("hints", lambda: [typing.get_type_hints(one) for one in (D, E, N, T, P)])]
"""
_CASES["dataclasses and the like, no line moves"] = (_ANNOTATED, "return 1", "return 2")
_CASES["dataclasses and the like, all lines move"] = (
    _ANNOTATED,
    "return 1",
    "\n    # a comment\n    return 2",
)
if sys.version_info >= (3, 14):
    _CASES["template string"] = (
        "def f(n): return t'one {n!r:>{n}}'\ndef probe(): return [('f', lambda: list(f(1)))]\n",
        "one",
        "two",
    )


@needs_swapping
@pytest.mark.parametrize("case", _CASES)
def test_swapped(case: str, tmp_path: Path) -> None:
    """Each needless refusal costs the developer the time of a longer reload."""
    source, before, after = _CASES[case]
    edited = source.replace(before, after, 1)
    assert edited != source
    root = write(tmp_path / "old", {"prog.py": source})
    (outcome,) = swap(root, ["prog"], [("prog.py", edited)])
    assert "refused" not in outcome, outcome
    state = fresh(write(tmp_path / "new", {"prog.py": edited}), ["prog"])
    assert not differences(outcome["state"], state)
    assert outcome["state"]["probe of prog"] != fresh(root, ["prog"])["probe of prog"]


@needs_swapping
def test_a_frame_that_nobody_can_reach(tmp_path: Path) -> None:
    """An exception kept in a variable of its own frame would keep the whole module from swaps.

    The frames before it are kept with it, and the collector does not run while a program starts.
    """
    source = """def fail():
    try:
        raise ValueError
    except ValueError as error:
        kept = error
fail()
def later():
    return 1
"""
    root = write(tmp_path / "old", {"prog.py": source})
    edits = [("prog.py", source.replace("return 1", "return 2"))]
    (outcome,) = swap(root, ["prog"], edits, prelude="import gc; gc.disable()")
    assert "state" in outcome, outcome
    state = fresh(write(tmp_path / "new", dict(edits)), ["prog"])
    assert not differences(outcome["state"], state)


def test_all_or_nothing() -> None:
    """An error half way would leave a program that mixes two versions."""

    def one() -> int:
        return 1

    def other() -> int:
        return one()

    def new() -> int:
        return 2

    assert isinstance(one, FunctionType)
    assert isinstance(other, FunctionType)
    before = one.__code__
    ready = Ready("nowhere.py", (), ((one, new.__code__), (other, new.__code__)), ())
    with pytest.raises(ValueError, match="free vars"):
        ready.apply()
    assert one.__code__ is before
