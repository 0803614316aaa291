"""Programs in unusual states that can be swapped all the same, each as a fresh start would be."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.child.swap import Ready
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
