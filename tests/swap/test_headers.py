"""Functions that get other defaults or annotations, where nobody has looked at them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from swap.runs import differences, edited, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

#: Handed out, wrapped and registered, but neither called nor inspected.
_PROGRAM = '''"""Docstring."""
import functools, inspect
from other import keep
CONSTANT = 1
def plain(a, b=1, *, c=[1]) -> None:
    """Docstring of a function."""
    return [a, b, c, lambda: a]
REGISTRY = [plain]
@keep
def kept(request, pk=None):
    return request, pk
class Base:
    @property
    def value(self): return 1
    @classmethod
    def make(cls, v=1): return cls(), v
    def method(self, a: int, b: "str" = "b", **more) -> None:
        self.a = a
        return super().__repr__, b, more
    def computed(self, a=CONSTANT): return a
    class Inner:
        async def deep(self, a=(1, -2.5)): return a
class Child(Base):
    def method(self, a, b="c"): return super().method(a, b)
CHILD = Child()
def called(a=1): return a
VALUE = called()
def inspected(a=1): return a
SIGNATURE = str(inspect.signature(inspected))
def flagged(a=1): return a
FLAG = inspect.iscoroutinefunction(flagged)
def asked(a=1): return a
DEFAULTS = asked.__defaults__
def annotated(a: int): return a
ANNOTATIONS = annotated.__annotations__
class Shadow:
    int = 3
    def method(self, a: "x"): return a
def probe():
    return [("methods", lambda: (Base.make(2), Child().method(1), kept(1), plain(1)))]
'''
_OTHER = "KEPT = []\ndef keep(function):\n    KEPT.append(function)\n    return function\n"
_LAZY = sys.version_info >= (3, 14)
_SWAPPED = {
    "default of a function that is held": [("plain(a, b=1", "plain(a, b=2")],
    "arithmetic": [("plain(a, b=1", "plain(a, b=60 * 60 - 1")],
    "several": [("plain(a, b=1, *, c=[1])", "plain(a, b=(), *, c={1: 2})")],
    "of a decorated function": [("kept(request, pk=None)", "kept(request, pk=1)")],
    "of a class method": [("make(cls, v=1)", "make(cls, v=2)")],
    "of a method": [('b: "str" = "b", **more', 'b: "str" = "d", **more')],
    "of a method that overrides": [('method(self, a, b="c")', 'method(self, a, b="d")')],
    "in an inner class": [("deep(self, a=(1, -2.5))", "deep(self, a=(1, -3.5))")],
    "kind": [("async def deep", "def deep"), ("    return request", "    yield request")],
    "with a body, a comment and a name": [
        ("def plain(a, b=1", "# comment\ndef plain(a, b=7"),
        ("return [a, b, c, lambda: a]", "return [lambda: b, NEW]"),
        ("CONSTANT = 1", "CONSTANT = 1\nNEW = 2"),
        ("make(cls, v=1): return cls(), v", "make(cls, v=8): return NEW"),
    ],
    "first line": [("@keep\n", "@keep\n# comment\n\n"), ("pk=None", "pk=2")],
}
_ANNOTATIONS = {
    "annotation": [("a: int, b:", "a: str, b:")],
    "annotations come and go": [
        ('a: int, b: "str" = "b", **more) -> None', "a, b: int = 1, **more: int) -> 'x'"),
        ("plain(a, b=1, *, c=[1]) -> None", "plain(a: list[int] | None, b=1, *, c=[1])"),
        ("kept(request, pk=None)", "kept(request: 'Request', pk=None)"),
    ],
}
_REFUSED = {
    # A call that has failed, and was caught, might not fail with other parameters.
    "parameters": ([("make(cls, v=1)", "make(cls, v=1, *more)")], "signature of Base.make changed"),
    "parameter without a default": ([("make(cls, v=1)", "make(cls, v)")], "of Base.make changed"),
    "name of a parameter": (
        [("request, pk=None", "request, key=None")],
        "signature of kept changed",
    ),
    "called": ([("called(a=1)", "called(a=2)")], "called ran while starting"),
    "inspected": ([("inspected(a=1)", "inspected(a=2)")], "inspect looked at the signature of"),
    "flags asked for": ([("def flagged", "async def flagged")], "inspect looked at the signature"),
    "defaults asked for": ([("asked(a=1)", "asked(a=2)")], "prog looked at the signature of asked"),
    "annotations asked for": ([("annotated(a: int)", "annotated(a: str)")], "annotat"),
    "computed": ([("a=CONSTANT", "a=2")], "default of Base.computed changed"),
    "annotation that is looked up": ([('a: "x"', "a: int")], "annotation of Shadow.method"),
    "docstring": ([("of a function.", "of another.")], "plain of prog was read while starting"),
    "closure": ([("return cls(), v", "return __class__, v")], "Base.make changed"),
}


def test_exchanged(tmp_path: Path) -> None:
    """Each new parameter of a view or a method would cost the time of a longer reload."""
    cases = _SWAPPED if _LAZY else _SWAPPED | _ANNOTATIONS
    edits = [("prog.py", edited(_PROGRAM, edits)) for edits in cases.values()]
    sources = {"prog.py": _PROGRAM, "other.py": _OTHER}
    root = write(tmp_path / "old", sources)
    for at, outcome in enumerate(swap(root, ["prog"], edits)):
        case = list(cases)[at]
        assert "state" in outcome, (case, outcome)
        state = fresh(write(tmp_path / str(at), sources | dict([edits[at]])), ["prog"])
        assert not differences(outcome["state"], state), case


def test_refused(tmp_path: Path) -> None:
    """What was looked at while starting would keep the parameters of the old source."""
    root = write(tmp_path, {"prog.py": _PROGRAM, "other.py": _OTHER})
    edits = [("prog.py", edited(_PROGRAM, edits)) for edits, _ in _REFUSED.values()]
    outcomes = swap(root, ["prog"], edits, describe=False)
    for (case, (_, reason)), outcome in zip(_REFUSED.items(), outcomes, strict=True):
        assert reason in outcome.get("refused", ""), (case, outcome)


def test_defaults_that_were_set(tmp_path: Path) -> None:
    """They are not those of the old source, so those of the new one are not what comes of it."""
    source = (
        "def f(a=1): return a\nf.__defaults__ = (5,)\ndef g(a=1): return a\ng.__annotations__\n"
    )
    root = write(tmp_path, {"prog.py": source})
    edits = [("prog.py", source.replace("a=1", "a=2", 1))]
    (outcome,) = swap(root, ["prog"], edits, describe=False)
    assert "refused" in outcome
