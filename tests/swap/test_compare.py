"""What counts as the same, and the sentence for what does not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.reasons import Reason
from django_autoreload_plus.swap.compare import Refusal, changed_names, match
from django_autoreload_plus.swap.equality import identical, nested

if TYPE_CHECKING:
    from types import CodeType

needs_swapping = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

_UNCHANGED = {
    "comment": ("x = 1\n", "# note\nx = 1\n"),
    "blank lines": ("x = 1\ndef f(): pass\n", "x = 1\n\n\n\ndef f(): pass\n"),
    "formatting": ("x = [1,2]\n", "x = [\n    1,\n    2,\n]\n"),
    "line of a class": ("class A:\n    x = 5\n", "\n\n\n\nclass A:\n    x = 5\n"),
    "line that equals a constant": ("class A:\n    x = 5\n", "\n" * 4 + "class A:\n    x = 5\n"),
    "line past the small numbers": ("class A:\n    x = 5\n", "\n" * 400 + "class A:\n    x = 5\n"),
    "nested class": (
        "class A:\n    class B:\n        def f(self): pass\n",
        "\nclass A:\n\n    class B:\n\n        def f(self): pass\n",
    ),
}
_CHANGED = {
    "body": ("def f(): return 1", "def f(): return 2", ("f",)),
    "type of a number": ("def f(): return 1", "def f(): return 1.0", ("f",)),
    "number and bool": ("def f(): return 1", "def f(): return True", ("f",)),
    "sign of zero": ("def f(): return 0.0", "def f(): return -0.0", ("f",)),
    "sign of zero in a set": (
        "def f(x): return x in {0.0, 5}",
        "def f(x): return x in {-0.0, 5}",
        ("f",),
    ),
    "type in a tuple": ("def f(): return (1, (2,))", "def f(): return (1, (2.0,))", ("f",)),
    "text and bytes": ("def f(): return 'a'", "def f(): return b'a'", ("f",)),
    "method": (
        "class A:\n def f(self): self.x = 1\n",
        "class A:\n def f(self): self.y = 1\n",
        ("A.f",),
    ),
    "lambda": ("x = lambda: 1", "x = lambda: 2", ("<lambda>",)),
    "one of two lambdas": (
        "x = [lambda: 1, lambda: 2]",
        "x = [lambda: 1, lambda: 3]",
        ("<lambda>",),
    ),
    "nested function": (
        "def f():\n def g(): return 1\n return g",
        "def f():\n def g(): return 2\n return g",
        ("f.<locals>.g",),
    ),
    "signature of a nested function": (
        "def f():\n def g(a): return 1\n return g",
        "def f():\n def g(b): return 1\n return g",
        ("f",),
    ),
    "comprehension in a function": (
        "def f(): return list(x + 1 for x in y)",
        "def f(): return list(x + 2 for x in y)",
        ("f",),
    ),
    "class in a function": (
        "def f():\n class A:\n  x = 1\n return A",
        "def f():\n class A:\n  x = 2\n return A",
        ("f",),
    ),
    "method of a class in a function": (
        "def f():\n class A:\n  def m(self): return 1\n return A",
        "def f():\n class A:\n  def m(self): return 2\n return A",
        ("f.<locals>.A.m",),
    ),
    "several": (
        "def f(): return 1\ndef g(): return 1\ndef h(): return 1",
        "def f(): return 2\ndef g(): return 1\ndef h(): return 2",
        ("f", "h"),
    ),
    "generic function": ("def f[T](x: T): return 1", "def f[T](x: T): return 2", ("f",)),
    "type alias": ("type X = int", "type X = str", ("X",)),
    "docstring of a function not made yet": (
        "def f():\n def g(): 'a'\n",
        "def f():\n def g(): 'b'\n",
        ("f",),
    ),
}
_REFUSED = {
    "statement": ("x = 1", "x = 2", "module-level code changed at line 1"),
    "type of a constant": ("x = 1", "x = 1.0", "module-level code changed at line 1"),
    "sign of a constant": ("x = 0.0", "x = -0.0", "module-level code changed at line 1"),
    "new function": ("x = 1", "x = 1\ndef f(): pass", None),
    "renamed function": ("def f(): pass", "def g(): pass", None),
    "module docstring": ("'a'", "'b'", "module-level code changed at line 1"),
    "class body": (
        "class A:\n x = 1",
        "class A:\n x = 2",
        "class attribute A.x changed",
    ),
    "class attribute below moved lines": (
        "class A:\n x = 1",
        "\nclass A:\n x = 2",
        "class attribute A.x changed",
    ),
    "class attribute over several lines": (
        "class A:\n x = [\n  y,\n  1,\n ]\n z = 3",
        "class A:\n x = [\n  y,\n  2,\n ]\n z = 3",
        "class attribute A.x changed",
    ),
    "new class attribute": (
        "class A:\n x = 1\n z = 3",
        "class A:\n x = 1\n y = 2\n z = 3",
        "class attribute A.y changed",
    ),
    "class attribute gone": (
        "class A:\n x = 1\n y = 2\n z = 3",
        "class A:\n x = 1\n z = 3",
        "class attribute A.y changed",
    ),
    "statement in a class": (
        "class A:\n print(1)\n x = 1",
        "class A:\n print(2)\n x = 1",
        "body of class A changed at line 2",
    ),
    "class docstring": ("class A: 'a'", "class A: 'b'", "docstring of class A changed"),
    "class docstring gone": (
        "class A:\n 'a'\n x = 1",
        "class A:\n x = 1",
        "docstring of class A changed",
    ),
    "statement gone above a function": (
        "x = 5\ny = 6\ndef f(): pass",
        "x = 5\n\ndef f(): pass",
        "module-level code changed at line 3",
    ),
    "base": ("class A(int): pass", "class A(str): pass", "module-level code changed at line 1"),
    "signature": ("def f(a): pass", "def f(b): pass", "signature of f changed"),
    "star": ("def f(*a): pass", "def f(**a): pass", "signature of f changed"),
    "keyword only": ("def f(a, *, b): pass", "def f(a, b): pass", "signature of f changed"),
    "position only": ("def f(a, b): pass", "def f(a, /, b): pass", "signature of f changed"),
    "method": (
        "class A:\n def f(a): pass",
        "class A:\n def f(b): pass",
        "signature of A.f changed",
    ),
    "default": ("def f(a=1): pass", "def f(a=2): pass", "default of f changed"),
    "type of a default": (
        "def f(a=1): pass",
        "def f(a=True): pass",
        "default of f changed",
    ),
    "keyword default": (
        "def f(*, a=1): pass",
        "def f(*, a=2): pass",
        "default of f changed",
    ),
    "default gone": ("def f(a=1): pass", "def f(a): pass", "default of f changed"),
    "default beside an annotation": (
        "def f(a: int = 1): pass",
        "def f(a: int = 2): pass",
        "default of f changed"
        if sys.version_info >= (3, 14)
        else "default or annotation of f changed",
    ),
    "docstring": ("def f(): 'a'", "def f(): 'b'", "docstring of f changed"),
    "docstring gone": (
        "def f():\n 'a'\n return 1",
        "def f():\n return 1",
        "docstring of f changed",
    ),
    "class that came": (
        "register(a)",
        "class A(B):\n x = 1\nregister(a, A)",
        "module-level code changed at line 1",
    ),
    "class that went": (
        "x = f()\nclass A(B): pass\nregister(a)",
        "x = f()\nregister(a)",
        "module-level code changed at line 2",
    ),
    "class that came, with a decorator": (
        "register(a)",
        "@d\nclass A(B): pass\nregister(a)",
        "module-level code changed at line 1",
    ),
    "methods in another order": (
        "class A:\n def f(self): pass\n def g(self, x=1): pass",
        "class A:\n def g(self, x=1): pass\n def f(self): pass",
        "class attribute A.g changed",
    ),
    "method that came, with a default": (
        "class A:\n def f(self): pass",
        "class A:\n def g(self, x=1): pass\n def f(self): pass",
        "class attribute A.g changed",
    ),
    "class in a class that another precedes": (
        "class A:\n class Meta: pass",
        "class A:\n def f(self): return 1\n class Meta: pass",
        # Since Python 3.14 a class with functions keeps its namespace for their annotations.
        "class attribute A.f changed" if sys.version_info < (3, 14) else "body of class A changed",
    ),
    "decorator": ("@a\ndef f(): pass", "@b\ndef f(): pass", "decorator of f changed"),
    "decorator gone": ("@a\ndef f(): pass", "def f(): pass", "decorator of f changed"),
    "decorator new": ("def f(): pass", "@a\ndef f(): pass", "decorator of f changed"),
    "decorator argument": (
        "@a(1)\ndef f(): pass",
        "@a(2)\ndef f(): pass",
        "decorator of f changed",
    ),
    "class decorator": ("@a\nclass A: pass", "@b\nclass A: pass", "decorator of A changed"),
    "async": (
        "def f(): pass",
        "async def f(): pass",
        "f changed from a plain function to a coroutine",
    ),
    "generator": (
        "def f(): return 1",
        "def f(): yield 1",
        "f changed from a plain function to a generator",
    ),
    "comprehension": (
        "x = list(y + 1 for y in z)",
        "x = list(y + 2 for y in z)",
        "a comprehension in module-level code changed at line 1",
    ),
    "super": (
        "class A:\n def f(self): pass",
        "class A:\n def f(self): super().f()",
        "closure of A.f changed",
    ),
    "future": ("def f(): pass", "from __future__ import annotations\ndef f(): pass", None),
    "type parameter": ("def f[T](): pass", "def f[S](): pass", None),
    "explicit line attribute": (
        "class A:\n x = 1\n __firstlineno__ = 7",
        "class A:\n x = 1\n __firstlineno__ = 8",
        "class attribute A.__firstlineno__ changed",
    ),
    "explicit static attributes": (
        "class A:\n __static_attributes__ = ('a',)",
        "class A:\n __static_attributes__ = ('b',)",
        "class attribute A.__static_attributes__ changed",
    ),
}

if sys.version_info >= (3, 14):
    _REFUSED["annotation of a class"] = (
        "class A:\n x: int\n def f(self): pass",
        "class A:\n x: str\n def f(self): pass",
        "annotations in A changed at line 2",
    )
    _REFUSED["annotation of a method"] = (
        "class A:\n x: int\n def f(self) -> int: pass",
        "class A:\n x: int\n def f(self) -> str: pass",
        "annotation of A.f changed",
    )
    _REFUSED["conditional annotation"] = (
        "if x:\n y: int",
        "if x:\n y: str",
        "annotations in the module changed at line 2",
    )
    _REFUSED["template string"] = ("x = t'{y!r}'", "x = t'{y!s}'", None)
if sys.version_info >= (3, 15):
    _REFUSED["lazy import"] = ("import x", "lazy import x", "module-level code changed at line 1")
    _REFUSED["lazy name"] = (
        "lazy from x import y",
        "lazy from x import z",
        "module-level code changed at line 1",
    )


@needs_swapping
@pytest.mark.parametrize("case", _UNCHANGED)
def test_only_line_numbers(case: str) -> None:
    """A comment would cost the developer a restart."""
    assert _compare(*_compiled(*_UNCHANGED[case])) == ()


@needs_swapping
@pytest.mark.parametrize("case", _CHANGED)
def test_function_body(case: str) -> None:
    """A change overlooked would leave the old code running."""
    old, new, changed = _CHANGED[case]
    assert _compare(*_compiled(old, new)) == changed
    assert _compare(*_compiled(new, old)) == changed


@needs_swapping
@pytest.mark.parametrize("case", _REFUSED)
def test_seen_without_calling(case: str) -> None:
    """A change of what importing does would never take effect."""
    old, new, reason = _REFUSED[case]
    refusal = _compare(*_compiled(old, new))
    assert isinstance(refusal, Refusal)
    assert reason in {None, refusal.reason.text}
    assert isinstance(_compare(*_compiled(new, old)), Refusal)


@needs_swapping
def test_annotations_are_seen_without_calling() -> None:
    """A form or an API built from annotations would show the old ones."""
    for old, new in (("a: int", "a: str"), ("a: 'int'", "a: 'str'"), ("a", "a: int")):
        refusal = _compare(*_compiled(f"def f({old}): pass", f"def f({new}): pass"))
        assert isinstance(refusal, Refusal)
        assert refusal.reason == Reason("AP105", "annotation of f changed")


@needs_swapping
@pytest.mark.parametrize("case", _CHANGED)
def test_code_that_does_something_else_is_not_identical(case: str) -> None:
    """A function would keep its old code, as if nothing had to be done for it."""
    old, new, _ = _CHANGED[case]
    assert identical(*_compiled(old, old))
    assert not identical(*_compiled(old, new))


@needs_swapping
@pytest.mark.parametrize("around", ["", "class A:\n ", "def outer():\n "])
def test_identical_code_stands_at_the_same_place(around: str) -> None:
    """A traceback would show other lines or columns."""
    code = f"{around}def f(): return 1"
    assert not identical(*_compiled(code, f"{around}def f(): return  1"))
    assert not identical(*_compiled(code, f"\n{code}"))
    one, _ = _compiled(code, code)
    assert not identical(one, one.replace(co_filename="n.py"))


@needs_swapping
def test_identical_code_has_the_same_dotted_name() -> None:
    """Equality does not compare it: a method could pass for that of another class."""
    codes = _compiled("class A:\n def f(self): return 1", "class B:\n def f(self): return 1")
    one, other = (nested(nested(code)[0])[0] for code in codes)
    assert one == other
    assert not identical(one, other)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="only where it is unavailable")
def test_python_too_old() -> None:
    """The diagnostics must say why an old Python never swaps."""
    refusal = _compare(*_compiled("x = 1", "x = 1"))
    version = ".".join(map(str, sys.version_info[:2]))
    text = f"swapping functions needs Python 3.12 or later, this is {version}"
    assert refusal == Refusal(Reason("AP140", text))


def _compare(old: CodeType, new: CodeType) -> tuple[str, ...] | Refusal:
    """The functions that changed, or why the two modules cannot be exchanged."""
    pairs = match(old, new)
    return pairs if isinstance(pairs, Refusal) else changed_names(pairs)


def _compiled(old: str, new: str) -> tuple[CodeType, CodeType]:
    first, second = (compile(text, "m.py", "exec", dont_inherit=True) for text in (old, new))
    return first, second
