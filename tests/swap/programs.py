"""Random programs, made of pieces that each know what an edit of them must lead to."""

from __future__ import annotations

import re
import sys
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
_DRAWN = {
    "lines": ("# first\n", "# other text\n", "# one\n", "# one\n# two\n\n", "\n\n\n"),
    "par": (
        " ",
        ", b=1",
        ", b=2",
        ", b: int = 1",
        ", b: 'x' = (1, -2)",
        ", b=len('x')",
        ", *, b=[1]",
        ", *, b={1: 2}",
        ", *, __b=1, c",
        *(", x", ", y") * 3,
        ", b=len(READ)",
        ", b=__name__",
    ),
    "ret": ("None", "int", "'x'", "list[int]", "NAME_kept"),
    "look": (
        "pass",
        "READ.append(str(inspect.signature(NAME_owner.plain)))",
        "READ.append(NAME_decorated.__defaults__)",
        "READ.append(NAME_owner.Inner.wait.__kwdefaults__)",
        "READ.append(inspect.iscoroutinefunction(NAME_owner.Inner.wait))",
        "READ.append(typing.get_type_hints(NAME_owner.plain, {'x': int, 'y': str}))",
        "READ.append(repr(NAME_owner.made.__annotations__))",
        "READ.append(functools.wraps(NAME_owner.plain)(lambda: 1).__annotations__)",
        "READ.append(inspect.getfullargspec(NAME_decorated))",
        "with contextlib.suppress(TypeError): READ.append(NAME(1))",
        "with contextlib.suppress(TypeError): READ.append(NAME_owner.made())",
        "READ.append([f.__defaults__ for f in NAME_kept])",
        "NAME_decorated.__defaults__ = (5,)",
        "NAME_decorated.__annotations__ = {'a': 1}",
    ),
}


@dataclass(frozen=True)
class Template:
    """Source with knobs: ``<name:category>``; NAME is the piece's own name.

    Categories: ``int`` (a number in code that is not run by importing), ``ran`` (one in code
    that is), ``shell`` (one that is seen without calling), ``free`` (one that is seen so where
    somebody looked), ``stmt`` (a statement, not run), ``lines`` (comments, blank lines), ``kind``
    (a statement that makes it another kind of function), ``par`` and ``ret`` (parameters and the
    annotation of the result), ``look`` (a statement that may look at functions of the piece),
    ``alike`` (values in a class body).
    """

    text: str
    probe: str
    #: Further ones, which are evaluated even if others fail.
    probes: tuple[str, ...] = ()


_EXPECTED = {
    "int": SWAPPED,
    "stmt": SWAPPED,
    "lines": SWAPPED,
    "ran": REFUSED,
    "shell": REFUSED,
    "free": None,
    "kind": None,
    "par": None,
    "ret": None,
    "look": REFUSED,
    "alike": REFUSED,
}
_KNOB = re.compile(r"<(\w+):(\w+)>")

TEMPLATES = (
    Template(
        '''<c:lines>def NAME(a, b=<d:free>, *args, c: "<t:free>" = 3, **kw):
    """Docstring <s:free>."""
    <x:stmt>
    x = a + <k:int>
    return [x, b, args, c, sorted(kw)]
''',
        "NAME(1, 2, 3, c=4, z=5)",
    ),
    Template(
        """def NAME(deep=<d:free>):
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
        self.v = self.v<a:int> = v + <k:int>
    def twice(self): return self.v * 2
class NAME(NAME_base):
    <c2:lines>
    @property
    def value(self):
        <x2:stmt>
        return super().twice() + <k2:int>
    @classmethod
    def make(cls, v=<d:int>): return cls(v + <k3:int>)
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
        self.attribute = self.other<a:int> = <k2:int>
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
        self.one, self.two<a:int> = 1, <k2:int>
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
        '''class NAME:
    def text(self):
        """Text <t:free>."""
        return <k:int>
    def kind(self):
        <y:kind>
NAME_texts = [inspect.isgeneratorfunction(NAME.kind)]
''',
        "NAME().text(), NAME_texts, repr(type(NAME().kind()))",
    ),
    Template(
        """class NAME:
    alike = <z:alike>
NAME_alike = [<z2:alike>].copy()
""",
        "NAME.alike, NAME_alike",
    ),
    Template(
        """def NAME_early(): return <r:ran>
NAME_value = NAME_early()
def NAME_gone(): return <r2:ran>
NAME_gone(); del NAME_gone
def NAME_unused(): return <k:int>
del NAME_unused
NAME_level: "list[int]" = [1]
def NAME(): return [NAME_early(), <k2:int>]
""",
        "NAME(), NAME_value",
    ),
)

#: Functions whose headers change, and what may look at them.
_HEADERS = Template(
    """NAME_kept = []
def NAME_keep(function):
    NAME_kept.append(function)
    return function
def NAME(a<p:par>) -> <a:ret>: return sorted(locals().items())
@NAME_keep
def NAME_decorated(a<p2:par>): return [a, lambda: a + <k:int>]
class NAME_owner:
    def plain(self, a<p3:par>) -> <a2:ret>:
        self.a = a
        <x:stmt>
    @classmethod
    def made(cls<p4:par>) -> <a3:ret>: return locals()
    class Inner:
        async def wait(self, /<p5:par>): return <k2:int>
NAME_made = [NAME, NAME_owner()]
<l:look>
<l2:look>
""",
    "NAME(1)",
    ("NAME_decorated(2)", "NAME_owner().plain(3)", "NAME_owner.made()"),
)

#: What makes another kind of function of one.
_KINDS = ("pass", "yield 1", "x = yield")
#: Values that are equal, or look so, and are not the same.
_ALIKE = ("1", "1.0", "True", "(0.0, 1)", "(-0.0, 1)", "(0.0, True)")
#: Pieces that keep something of the code of a function, so that what it is may not change.
_KEEPING = (
    Template(
        """def NAME(n):
    yield n + <k:free>
NAME_kept = NAME(<r:free>)
""",
        "next(NAME_kept, 'at its end')",
    ),
    Template(
        """async def NAME(n):
    return n + <k:free>
NAME_kept = NAME(<r:free>)
""",
        "NAME_kept.send(None)",
    ),
    Template(
        """def NAME():
    return <k:free>
NAME_seen = NAME.__code__.co_firstlineno, NAME.__code__.co_consts
""",
        "NAME(), NAME_seen",
    ),
    Template(
        """def NAME():
    return sys._getframe().f_code.replace(co_name="NAME_<r:free>")
NAME_copy = NAME()
""",
        "NAME_copy.co_firstlineno",
    ),
    Template(
        """def NAME(): __import__("warnings").warn("NAME<r:free>")
NAME()
""",
        "NAME()",
    ),
    Template(
        """def NAME(n):
    return n // <k:free> // 0
try: NAME(<r:free>)
except ZeroDivisionError as error: NAME_kept = error
""",
        "__import__('traceback').format_exception(NAME_kept)",
    ),
)

#: Statements that bind a name, or none, and do nothing else.
_BINDING = (
    "import math as {name}",
    "import os.path as {name}",
    "import typing as {name}",
    "from functools import partial as {name}",
    "from functools import (\n    reduce as {name})",
    "from lib import VALUE as {name}",
    "from lib import LATER as {name}",
    "from lib import function as {name}",
    "import lib as {name}",
    "from package import inner as {name}",
    "import package.inner as {name}",
    "from package.inner import VALUE as {name}",
    "{name} = <n>",
    "{name} = 'text <n>'",
    "{name} = [<n>, {{'a': (<n>, -1.5)}}]",
    "{name} = (60 * <n>, -1.5 - <n> * 2)",
    "def {name}(a, b=<n>): return a",
    "def {name}(a: int, *b, c=(1, <n>)) -> 'x | y':\n    'doc'\n    return [lambda: a, b]",
    "async def {name}(): return <n>",
    "def {name}(): yield <n>",
    "def {name}(): return n6.real(), n7.real()",
    "if TYPE_CHECKING:\n    import decimal as {name}",
    "from typing import ClassVar as {name}",
    # Not one that the import system would meet.
    "def __getattr__(name):\n    if name[0] == 'n': return <n>\n    raise AttributeError(name)",
)
if sys.version_info >= (3, 15):
    _BINDING += ("lazy import math as {name}", "lazy from lib import VALUE, LATER as {name}")
_VALUES = tuple(one for one in _BINDING if one.startswith("{name} ="))
_NUMBER = re.compile(r"(?<![nN\d])\d")
_BOUND = re.compile(r"\b[nN]\d\b")
_POOL = tuple(f"n{number}" for number in range(10))
#: Names that boxes copy.
_COPIED = ("N0", "N1", "N2")
#: Code that looks for a name of its own module while starting.
_READING = (
    "READ.append(repr(type(globals().get('{name}'))))",
    "READ.append(hasattr(sys.modules[__name__], '{name}'))",
    "READ.append([key for key in vars(sys.modules[__name__]) if key == '{name}'])",
    "READ.append('{name}' in dir())",
    "READ.append(repr(type(sys._getframe().f_globals.get('{name}'))))",
    (
        "def read_{at}(): return type({name}).__name__\n"
        "with contextlib.suppress(NameError): READ.append(read_{at}())"
    ),
    "def read_{at}(): pass\nREAD.append(repr(type(read_{at}.__globals__.get('{name}'))))",
    "def read_{at}(): yield\nREAD.append(repr(type(read_{at}().gi_frame.f_globals.get('{name}'))))",
    (
        "class Read_{at}:\n    with contextlib.suppress(NameError): x = type({name})\n"
        "READ.append('x' in vars(Read_{at}))"
    ),
    (
        "class Read_{at}:\n    x: '{name}'\n"
        "with contextlib.suppress(NameError, TypeError, SyntaxError):\n"
        "    READ.append(str(typing.get_type_hints(Read_{at})))"
    ),
    "with contextlib.suppress(NameError): exec('READ.append(type({name}).__name__)')",
    (
        "with contextlib.suppress(NameError):\n"
        "    READ.append(eval('type({name}).__name__', vars(sys.modules[__name__])))"
    ),
    (
        "@dataclasses.dataclass\nclass Read_{at}:\n    x: '{name}.ClassVar' = 1\n"
        "READ.append([field.name for field in dataclasses.fields(Read_{at})])"
    ),
    (
        "@dataclasses.dataclass\nclass Read_{at}:\n    x: '{name}' = 1\n"
        "READ.append([field.name for field in dataclasses.fields(Read_{at})])"
    ),
    (
        "READ.append([type(one) for key, one in inspect.getmembers(sys.modules[__name__])"
        " if key == '{name}'])"
    ),
    "from builtins import globals as look_{at}\nREAD.append('{name}' in look_{at}())",
    (
        "try: 1 // 0\nexcept ZeroDivisionError as error:\n"
        "    READ.append('{name}' in error.__traceback__.tb_frame.f_globals)"
    ),
    (
        "READ.append(['{name}' in one for one in __import__('gc').get_objects()"
        " if type(one) is dict and one.get('__name__') == __name__ and 'READ' in one])"
    ),
)
#: Code that looks for a name of another module.
_READING_OTHERS = (
    "import mod0; READ.append(repr(type(getattr(mod0, '{name}', None))))",
    "import mod0; READ.append(dir(mod0).count('{name}'))",
    "with contextlib.suppress(ImportError):\n    from mod0 import {name} as read_{at}",
    "import mod0; READ.append([*vars(mod0)].count('{name}'))",
    "import mod0\nmod0.{name} = 'set by mod1'",
    "import mod0\nmod0.{name} = 1",
)
#: Code that looks for a name of another module in the box that has copied it.
_READING_BOXES = (
    "READ.append(repr(getattr(BOX, '{name}', None)))",
    "BOX_{at} = [BOX.{name}]",
    "READ.append(repr(BOX.__dict__.get('{name}')))",
    "READ.append(repr(copy.copy(BOX).__dict__.get('{name}')))",
    "BOX.{name} = 1",
    "READ.append(repr(vars(box.Box('mod0')).get('{name}')))",
)
#: The first lines of a module that has a box, which is to be seen.
BOXED = "import copy, mod0, swap.boxes as box\nBOX = box.Box('mod0')\n"
#: Modules that the programs import from, complete before any of them begins.
LIBRARY = {
    "lib.py": (
        "VALUE = (1, 2)\nLATER = [1]\ndef function(): return 3\n"
        "def poke():\n    global LATER\n    LATER = [2]\n"
    ),
    "package/__init__.py": "",
    "package/inner.py": "VALUE = object\n",
    "begin.py": "import decimal, math, os.path, lib, package.inner\n",
    "poke.py": "import lib\nlib.poke()\n",
}


_HEAD = '''"""Module <doc:shell>."""
import contextlib, dataclasses, enum, functools, inspect, sys, types, typing
from typing import TYPE_CHECKING
READ = []
SHARED = <shared:free>
def methods(): return [n0.real(), n1.real(), n2.real(), n3.real(), n4.real(), n5.real()]
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
    expected: str | None
    what: str


class Module:
    """A module of random pieces."""

    def __init__(
        self,
        rng: random.Random,
        name: str,
        size: int,
        first_line: str = "",
        other: Module | None = None,
        *,
        is_copied: bool = False,
    ) -> None:
        """``other``: the module of which this one reads names, by default its own.

        ``is_copied``: a box will hold its values.
        """
        self._rng = rng
        #: Names that somebody looks for.
        self.read: list[str] = []
        head = Piece(Template(_HEAD + first_line, ""), "HEAD")
        chosen = rng.sample(TEMPLATES, min(size, len(TEMPLATES)))
        #: With one of these, any edit may be refused.
        keeping = [rng.choice(_KEEPING)] if rng.random() < 0.6 and not is_copied else []
        chosen += keeping
        headers = [_HEADERS] if rng.random() < 0.5 else []
        chosen[:0] = headers
        self.pieces = [head, *(Piece(t, f"{name}_{n}") for n, t in enumerate(chosen))]
        self._keeping = self.pieces[-1] if keeping else None
        #: Pieces of which an edit is seldom refused for the same as all others.
        self._special = [*self.pieces[-1:][: len(keeping)], *self.pieces[1:2][: len(headers)]]
        for piece in self.pieces:
            for knob, category in piece.knobs():
                piece.values[knob] = self._draw(category, None)
        #: Lines after the first piece that move all others.
        self._moving: list[str] = []
        #: Statements between the pieces: the piece that they follow, and their text.
        self.bindings: list[tuple[int, str]] = []
        self._is_copied = is_copied
        for _ in range(rng.randint(0, 5)):
            self.bindings.append(self._bind())
        if is_copied:
            self.bindings = [(0, f"{name} = 1") for name in _COPIED]
        readings: tuple[str, ...] = _READING_OTHERS if other else _READING
        whose = other or self
        self._has_box = first_line == BOXED
        if self._has_box:
            readings = _READING_BOXES
        bound = [found for _, text in whose.bindings for found in _BOUND.findall(text)]
        names = [
            rng.choice(bound) if bound and rng.random() < 0.5 else self._name()
            for _ in range(0 if is_copied else rng.choice((0, 1, 1, 2)))
        ]
        if self._has_box:
            names = rng.sample(_COPIED, rng.choice((1, 1, 2)))
        whose.read += names
        self._readers = [
            (self._gap(), rng.choice(readings).format(name=name, at=at))
            for at, name in enumerate(names)
        ]

    def _gap(self) -> int:
        return self._rng.randrange(len(self.pieces))

    def _name(self) -> str:
        # What is read, and what changes, are often the same.
        if self.read and self._rng.random() < 0.4:
            return self._rng.choice(self.read)
        pool = _COPIED if self._rng.random() < 0.3 else _POOL
        return self._rng.choice(pool[: self._rng.choice((2, 5, len(pool)))])

    def _bind(self) -> tuple[int, str]:
        if self.bindings and self._rng.random() < 0.15:
            text = self._rng.choice(self.bindings)[1]  # the same once more
        else:
            name = self._name()
            # Boxes are interested in values.
            kinds = _VALUES if name in _COPIED and self._rng.random() < 0.7 else _BINDING
            text = self._rng.choice(kinds).format(name=name)
        return self._gap_for(text), text.replace("<n>", str(self._rng.randint(1, 4)))

    def _gap_for(self, text: str) -> int:
        """A place for a statement; -1: before the docstring, which then is none."""
        may_be_first = not text.startswith("if TYPE_CHECKING")
        return -1 if may_be_first and self._rng.random() < 0.1 else self._gap()

    def source(self) -> str:
        """Return the module as it stands."""
        lines = [text for gap, text in self.bindings if gap < 0]
        for at, piece in enumerate(self.pieces):
            lines += [piece.render(), *self._moving[at:][:1]]
            lines += [text for gap, text in (*self.bindings, *self._readers) if gap == at]
        body = "\n".join(lines)
        calls = ", ".join(
            f'("{piece.name}", lambda: ({probe}))'.replace("NAME", piece.name)
            for piece in self.pieces[1:]
            for probe in (piece.template.probe, *piece.template.probes)
        )
        if self._has_box:
            calls += ", ('box', lambda: [*vars(BOX).items()])"
        return f"{body}\ndef probe(): return [{calls}]\n"

    def edit(self) -> Edit:
        """Make one random edit, return what that gives, and take it back."""
        self._moving = ["# moved\n"] if self._rng.random() < 0.25 else []
        try:
            if self._is_copied and self._rng.random() < 0.6:
                return self._edit_copied()
            return self._edit_names() if self._rng.random() < 0.5 else self._turn()
        finally:
            self._moving = []

    def _edit_copied(self) -> Edit:
        before = self.bindings
        at = self._rng.randrange(len(_COPIED))
        value = self._rng.choice(("2", "2", "'text'", "1.0", "[1]", ""))
        text = f"{_COPIED[at]} = {value}" if value else "pass"
        self.bindings = [*before[:at], (0, text), *before[at + 1 :]]
        try:
            return Edit(self.source(), None, f"names {before} -> {self.bindings}")
        finally:
            self.bindings = before

    def _edit_names(self) -> Edit:
        before = self.bindings
        now = [*before]
        for _ in range(self._rng.choice((1, 1, 2))):
            at = self._rng.randrange(len(now)) if now else 0
            what = self._rng.choice(("add", "add", "change", "value", "move", "remove"))
            if what == "add" or not now:
                now.insert(at, self._bind())
            elif what == "value":
                gap, text = now[at]
                now[at] = gap, _NUMBER.sub(str(self._rng.randint(5, 9)), text)
            elif what == "change":
                now[at] = (now[at][0], self._bind()[1])
            else:
                _, text = now.pop(at)
                if what == "move":
                    now.insert(self._rng.randint(0, len(now)), (self._gap_for(text), text))
        self.bindings = now
        try:
            if self._rng.random() < 0.3:
                turned = self._turn()
                return Edit(turned.source, None, f"names {now} and {turned.what}")
            return Edit(self.source(), None, f"names {before} -> {now}")
        finally:
            self.bindings = before

    def _turn(self) -> Edit:
        piece = self._rng.choice(self.pieces)
        if self._special and self._rng.random() < 0.5:
            piece = self._rng.choice(self._special)
        knob, category = self._rng.choice(piece.knobs())
        if category == "look":  # of that nothing can be learned
            knob, category = self._rng.choice(piece.knobs())
        before = piece.values[knob]
        piece.values[knob] = self._draw(category, before)
        # A lazy import that waits keeps the module's code: no line may move then.
        waits = any(text.startswith("lazy ") for _, text in self.bindings)
        expected = None if self._keeping or waits else _EXPECTED[category]
        edit = Edit(self.source(), expected, f"{category} {knob} of {piece.name}")
        piece.values[knob] = before
        return edit

    def _draw(self, category: str, before: str | None) -> str:
        if category == "stmt":
            choices = list(_STATEMENTS)
        elif category == "kind":
            choices = list(_KINDS)
        elif category == "alike":
            choices = list(_ALIKE)
        elif category in _DRAWN:
            choices = list(_DRAWN[category])
        else:
            choices = [str(number) for number in range(2, 9)]
        if before in choices:
            choices.remove(before)
        return self._rng.choice(choices)
