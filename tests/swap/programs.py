"""Random programs, made of pieces that each know what an edit of them must lead to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

#: What the edit of a knob must lead to.
SWAPPED, REFUSED = "swapped", "refused"

_STATEMENTS = (
    "",
    "note = [n * 2 for n in range(3)]",
    "note = (lambda q: q + 1)(2)",
    "note = {k: v for k, v in zip('ab', (1, 2))}",
    "def note(z=1): return z",
    "1; 'no docstring'",
    "note = sum(n for n in (1, 2, 3))",
    "import math as note",
    "note = f'{1 + 1!r:>4}'",
    "note: int = 5",
    "if (note := 3) > 2: note -= 1",
    "class note: field = 1",
    "note = 1.0 if __name__ else (-0.0, 0.0, {1, 2} & {2})",
    "import sys; sys.modules[__name__].SHARED = 4",
    "try: note = 1 // 1\n{indent}finally: note = (lambda: 5)()",
    "match 3:\n{indent}    case 3: note = 1\n{indent}    case _: note = 2",
    "with __import__('contextlib').suppress(KeyError): note = {}[1]",
)
_COMMENTS = ("# first\n", "# other text\n", "# one\n", "# one\n# two\n\n", "\n\n\n")


@dataclass(frozen=True)
class Template:
    """Source with knobs: ``<name:category>``; NAME is the piece's own name.

    Categories: ``int`` (a number in code that is not run by importing), ``ran`` (one in code
    that is), ``shell`` (one that is seen without calling), ``stmt`` (a statement, not run),
    ``lines`` (comments, blank lines).
    """

    text: str
    probe: str


_EXPECTED = {
    "int": SWAPPED,
    "stmt": SWAPPED,
    "lines": SWAPPED,
    "ran": REFUSED,
    "shell": REFUSED,
}
_KNOB = re.compile(r"<(\w+):(\w+)>")

TEMPLATES = (
    Template(
        '''<c:lines>def NAME(a, b=<d:shell>, *args, c: "<t:shell>" = 3, **kw):
    """Docstring <s:shell>."""
    <x:stmt>
    x = a + <k:int>
    return [x, b, args, c, sorted(kw)]
''',
        "NAME(1, 2, 3, c=4, z=5)",
    ),
    Template(
        """def NAME(deep=<d:shell>):
    # <k:int>
    <x:stmt>
    if deep > 0:
        return NAME(deep - 1)
    raise ValueError(<k2:int>)
""",
        "NAME(2)",
    ),
    Template(
        """def NAME_outer(function):
    @functools.wraps(function)
    def wrapper(*args):
        <x:stmt>
        return [function(*args), <k:int>]
    wrapper.mark = <r:ran>
    return wrapper

@NAME_outer
def NAME(a):
    <x2:stmt>
    return a * <k2:int>
""",
        "NAME(7)",
    ),
    Template(
        """def NAME_calls(function):
    return function(1), function
@NAME_calls
def NAME(a):
    return a + <r:ran>
""",
        "NAME[1](7)",
    ),
    Template(
        '''<c:lines>class NAME_base:
    """Doc."""
    field = <f:shell>
    def __init__(self, v=1):
        <x:stmt>
        self.v = v + <k:int>
    def twice(self): return self.v * 2
class NAME(NAME_base):
    <c2:lines>
    @property
    def value(self):
        <x2:stmt>
        return super().twice() + <k2:int>
    @classmethod
    def make(cls, v=<d:shell>): return cls(v + <k3:int>)
    @staticmethod
    def plain(): return <k4:int>
    class Meta:
        order = ["<m:shell>"]
        def deep(self): return __class__, <k5:int>
''',
        "NAME.make(3).value, NAME.plain(), NAME.Meta().deep()",
    ),
    Template(
        """class NAME_plugin:
    seen = []
    def __init_subclass__(cls, **kw):
        super().__init_subclass__(**kw)
        NAME_plugin.seen.append(cls.__name__ * <r:ran>)
    def later(self): return <k:int>
class NAME_child(NAME_plugin):
    def later(self):
        self.attribute = <k2:int>
        <x:stmt>
        return super().later() + self.attribute
""",
        "NAME_child().later(), NAME_plugin.seen",
    ),
    Template(
        """def NAME_factory(n):
    base = n + <r:ran>
    def inner(x, y=<d:ran>):
        <x:stmt>
        return base + x + <k:int>
    def other():
        nonlocal base
        base += <k2:int>
        return base
    return inner, other
NAME = [NAME_factory(1), NAME_factory(2)]
<c:lines>
""",
        "NAME[0][0](1), NAME[1][1](), NAME[1][0](5)",
    ),
    Template(
        """def NAME(n):
    <x:stmt>
    total = yield n + <k:int>
    yield total
async def NAME_async(n):
    <x2:stmt>
    return n - <k2:int>
async def NAME_stream():
    yield <k3:int>
""",
        "list(NAME(2)), repr(type(NAME_stream())), NAME_async(1).close()",
    ),
    Template(
        """NAME = {"a": lambda x: x + <k:int>, "b": lambda x, y=<d:shell>: (x, y, <k2:int>)}
NAME_pair = [lambda: <k3:int>, lambda: -<k4:int>]
NAME_sorted = sorted([3, 1], key=lambda v: v * <r:ran>)
""",
        "NAME['a'](1), NAME['b'](2), [f() for f in NAME_pair], NAME_sorted",
    ),
    Template(
        """NAME = [n + <r:shell> for n in range(3)]
NAME_gen = list(n * <r2:shell> for n in range(3))
NAME_set = {n for n in range(<r3:shell>)}
""",
        "NAME, NAME_gen",
    ),
    Template(
        """if len("<f:shell>") > 100:
    def NAME(): return <k:int>
else:
    def NAME():
        <x:stmt>
        return <k2:int>
def NAME_twice(): return <k3:int>
def NAME_twice(): return <k4:int>
""",
        "NAME(), NAME_twice()",
    ),
    Template(
        """class NAME_meta(type):
    def __new__(mcs, name, bases, space, **kw):
        space["made"] = <r:ran>
        return super().__new__(mcs, name, bases, space)
    def __call__(cls, *args):
        <x:stmt>
        return super().__call__(*args)
class NAME_field:
    def __set_name__(self, owner, name): self.name = name + "<r2:ran>"
    def __get__(self, obj, owner=None): return (self.name, <k:int>)
class NAME(metaclass=NAME_meta):
    f = NAME_field()
    def method(self):
        <x2:stmt>
        self.one, self.two = 1, <k2:int>
        return self.one
    <c:lines>
""",
        "NAME().f, NAME.made, NAME().method()",
    ),
    Template(
        """def NAME(n):
    try:
        return 1 // n
    finally:
        helper = lambda: <k:int>
        helper()
        def deep(): return <k2:int>
        <x:stmt>
""",
        "NAME(0)",
    ),
    Template(
        """def NAME[T: (int, str)](x: T, k=<d:shell>) -> list[T]:
    <x:stmt>
    return [x, <k:int>]
class NAME_box[T]:
    def get(self, x: T) -> T: return (x, <k2:int>)
type NAME_alias[K] = dict[K, int]
""",
        "NAME(1), NAME_box[int]().get(4), NAME_alias.__value__",
    ),
    Template(
        """@dataclasses.dataclass(slots=True, order=True)
class NAME:
    x: int = <f:shell>
    y: list = dataclasses.field(default_factory=list)
    def total(self):
        <x:stmt>
        self.x = self.x + 1
        return self.x + <k:int>
    def __post_init__(self): self.y = [<k2:int>]
class NAME_colour(enum.Enum):
    RED = <f2:shell>
    def describe(self): return self.name * <k3:int>
class NAME_row(typing.NamedTuple):
    a: int = <f3:shell>
    def sum(self): return self.a + <k4:int>
<c:lines>
""",
        "NAME().total(), NAME().y, NAME_colour.RED.describe(), NAME_row().sum()",
    ),
    Template(
        """@functools.lru_cache(maxsize=None)
def NAME(a):
    <x:stmt>
    return a ** <k:int>
@functools.singledispatch
def NAME_show(v): return "any" * <k2:int>
@NAME_show.register
def _(v: int): return "int" * <k3:int>
NAME_partial = functools.partial(NAME_show, 5)
NAME_copy = types.FunctionType
""",
        "NAME(2), NAME_show(1), NAME_show('x'), NAME_partial()",
    ),
    Template(
        """@contextlib.contextmanager
def NAME():
    <x:stmt>
    yield <k:int>
def NAME_use():
    with NAME() as value:
        return value, <k2:int>
def NAME_fail():
    with NAME():
        # <k3:int>
        return [1, 2][<k4:int>]
""",
        "NAME_use(), NAME_fail()",
    ),
    Template(
        """def NAME_early(): return <r:ran>
NAME_value = NAME_early()
def NAME_gone(): return <r2:ran>
NAME_gone(); del NAME_gone
def NAME_unused(): return <k:int>
del NAME_unused
def NAME(): return [NAME_early(), <k2:int>]
""",
        "NAME(), NAME_value",
    ),
)

_HEAD = '''"""Module <doc:shell>."""
import contextlib, dataclasses, enum, functools, types, typing
SHARED = <shared:shell>
'''


@dataclass
class Piece:
    """One template in a module, with the present values of its knobs."""

    template: Template
    name: str
    values: dict[str, str] = field(default_factory=dict)

    def knobs(self) -> list[tuple[str, str]]:
        """Name and category of each knob."""
        return _KNOB.findall(self.template.text)

    def render(self) -> str:
        """Return the source."""
        lines = []
        for line in self.template.text.split("\n"):
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(_KNOB.sub(partial(self._value, indent), line))
        return "\n".join(lines).replace("NAME", self.name)

    def _value(self, indent: str, knob: re.Match[str]) -> str:
        return self.values[knob[1]].replace("{indent}", indent) or "pass"


@dataclass(frozen=True)
class Edit:
    """A module's source with one knob (or several of one piece) turned, and what must follow."""

    source: str
    expected: str
    what: str


class Module:
    """A module of random pieces."""

    def __init__(self, rng: random.Random, name: str, size: int, first_line: str = "") -> None:
        self._rng = rng
        head = Piece(Template(_HEAD + first_line, ""), "HEAD")
        chosen = rng.sample(TEMPLATES, min(size, len(TEMPLATES)))
        self.pieces = [head, *(Piece(t, f"{name}_{n}") for n, t in enumerate(chosen))]
        for piece in self.pieces:
            for knob, category in piece.knobs():
                piece.values[knob] = self._draw(category, None)

    def source(self) -> str:
        """Return the module as it stands."""
        body = "\n".join(piece.render() for piece in self.pieces)
        calls = ", ".join(
            f'("{piece.name}", lambda: ({piece.template.probe}))'.replace("NAME", piece.name)
            for piece in self.pieces[1:]
        )
        return f"{body}\ndef probe(): return [{calls}]\n"

    def edit(self) -> Edit:
        """Turn one random knob, return what that gives, and turn it back."""
        piece = self._rng.choice(self.pieces)
        knob, category = self._rng.choice(piece.knobs())
        before = piece.values[knob]
        piece.values[knob] = self._draw(category, before)
        edit = Edit(self.source(), _EXPECTED[category], f"{category} {knob} of {piece.name}")
        piece.values[knob] = before
        return edit

    def _draw(self, category: str, before: str | None) -> str:
        if category == "stmt":
            choices = list(_STATEMENTS)
        elif category == "lines":
            choices = list(_COMMENTS)
        else:
            choices = [str(number) for number in range(2, 9)]
        if before in choices:
            choices.remove(before)
        return self._rng.choice(choices)
