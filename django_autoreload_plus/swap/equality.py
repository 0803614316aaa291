"""When two code objects are the same: to the program, and to somebody who reads a traceback.

``CodeType.__eq__`` answers neither question: it ignores the file and takes line numbers of nested
code into account. Here a code object is split into *itself* (what the interpreter executes),
its *lines* and its *nested* code objects, each of which the caller can look at alone.
"""

from __future__ import annotations

import dis
import inspect
import operator
import sys
from collections import Counter
from collections.abc import Hashable, Iterator
from types import CodeType

from ..records import dataclass

#: The dotted name of a function, and its first line.
Position = tuple[str, int]

_SHELL_NAMES = (
    "co_filename",
    "co_name",
    "co_qualname",
    "co_flags",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_varnames",
    "co_names",
    "co_freevars",
    "co_cellvars",
    "co_stacksize",
    "co_exceptiontable",
)
_shell = operator.attrgetter(*_SHELL_NAMES)

# Since 3.13 a class body stores its own line number and the names its methods assign to ``self``.
_CLASS_BODY_RECORDS_ITSELF = sys.version_info >= (3, 13)
_FIRST_LINE = "__firstlineno__"
_STATIC = "__static_attributes__"
_RECORDED = frozenset({_FIRST_LINE, _STATIC})
_LOAD_SMALL_INT = dis.opmap.get("LOAD_SMALL_INT", -1)  # 3.14: the number is the argument
_HAS_DOCSTRING = 0x4000000  # 3.14; before, the first constant is None where there is none
_EXTENDED_ARG = dis.opmap["EXTENDED_ARG"]
_STORE_NAME = dis.opmap["STORE_NAME"]
_LOAD_GLOBAL = dis.opmap["LOAD_GLOBAL"]
_BINDS_GLOBAL = frozenset({dis.opmap["STORE_GLOBAL"], dis.opmap["DELETE_GLOBAL"]})
_BINDS = frozenset({_STORE_NAME, dis.opmap["DELETE_NAME"]})
_USES = {
    _LOAD_GLOBAL,
    *_BINDS_GLOBAL,
    *(
        dis.opmap[name]
        for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME")
        if name in dis.opmap
    ),
}
_CONSTANT_OPS = frozenset(dis.hasconst) - {_LOAD_SMALL_INT}

_PLAIN = frozenset({type(None), type(...), bool, int, str, bytes})
_RUNS_WITH_PARENT = frozenset(
    {"<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "__annotate__", "__annotate_func__"}
)
_TYPE_PARAMETERS = "<generic parameters of "


@dataclass(frozen=True)
class ClassRecord:
    """Names by which a class body of Python 3.13 or later records its own source."""

    first_line: int | None
    static_attributes: tuple[str, ...] | None

    def same_names(self, other: ClassRecord) -> bool:
        """Order does not count: before 3.14 it follows the hash seed."""
        if self.static_attributes is None or other.static_attributes is None:
            return self.static_attributes is other.static_attributes
        return set(self.static_attributes) == set(other.static_attributes)


def qualname(code: CodeType) -> str:
    """The dotted name a user would look for (Python 3.10 knows only the last part of it)."""
    name: str = getattr(code, "co_qualname", code.co_name)
    return name


def position(code: CodeType) -> Position:
    """Where a function stands in its file."""
    return qualname(code), code.co_firstlineno


def nested(code: CodeType) -> list[CodeType]:
    """The code objects among the constants, in the order they stand in the source."""
    return [constant for constant in code.co_consts if type(constant) is CodeType]


def is_class_or_module_body(code: CodeType) -> bool:
    """Whether names are kept in a namespace: true for class and module bodies, exec and eval."""
    return not code.co_flags & inspect.CO_OPTIMIZED


def runs_with_parent(code: CodeType) -> bool:
    """Whether the code is a piece of what its parent does, and no function of its own.

    True for class bodies, comprehensions, generator expressions, the scope of type parameters
    and the function that computes annotations (3.14). Everything else is a function: ``def``,
    ``lambda``, and the lazily computed value of a type alias or bound.
    """
    return (
        is_class_or_module_body(code)
        or code.co_name in _RUNS_WITH_PARENT
        or code.co_name.startswith(_TYPE_PARAMETERS)
    )


def constant_key(value: object) -> Hashable:
    """A key that is equal only for constants no program can tell apart, except by identity.

    ``1``, ``1.0`` and ``True`` differ, as do ``0.0`` and ``-0.0``; a code object is a placeholder.
    """
    kind = type(value)
    if kind is CodeType:
        return (CodeType,)
    if kind is tuple or kind is frozenset:
        return (kind, kind(constant_key(item) for item in value))  # type: ignore[attr-defined]
    if isinstance(value, slice):
        return (kind, *(constant_key(part) for part in (value.start, value.stop, value.step)))
    if kind is float or kind is complex:
        return (kind, repr(value))  # tells the signs of zero apart and a nan equal to itself
    # A constant put in by hand may be anything; it is the same only as itself.
    return (kind, value) if kind in _PLAIN else (kind, id(value))


def instructions(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """Offset, operation and argument of each instruction, inline caches included."""
    raw, extended = code.co_code, 0
    for offset in range(0, len(raw), 2):
        operation, argument = raw[offset], raw[offset + 1] | extended
        if operation == _EXTENDED_ARG:
            extended = argument << 8
            continue
        extended = 0
        yield offset, operation, argument


def names_bound(module: CodeType) -> Counter[str]:
    """How often each name of the module is bound or deleted, by ``global`` statements included."""
    found: Counter[str] = Counter()
    waiting = [(module, _BINDS | _BINDS_GLOBAL)]
    while waiting:
        code, binding = waiting.pop()
        # In C: hardly a function has one of them.
        if not binding.isdisjoint(code.co_code[::2]):
            found.update(
                code.co_names[argument]
                for _, operation, argument in instructions(code)
                if operation in binding
            )
        waiting += [(inner, _BINDS_GLOBAL) for inner in nested(code)]
    return found


def names_used(code: CodeType) -> set[str]:
    """All names that this code, when it runs, may look for in its namespaces.

    Includes class bodies and comprehensions, but no functions: those run by themselves.
    """
    found = {
        code.co_names[argument >> (operation == _LOAD_GLOBAL)]
        for _, operation, argument in instructions(code)
        if operation in _USES
    }
    for inner in nested(code):
        if runs_with_parent(inner) and not inner.co_name.startswith("__annotate"):
            found |= names_used(inner)
    return found


def same_itself(one: CodeType, other: CodeType) -> bool:
    """Whether both do the same, apart from nested code objects and from line numbers."""
    if _shell(one) != _shell(other):
        return False
    if _CLASS_BODY_RECORDS_ITSELF and is_class_or_module_body(one) and one.co_name != "<module>":
        return one == other or _class_steps(one)[0] == _class_steps(other)[0]
    return one.co_code == other.co_code and _constants(one) == _constants(other)


def same_lines(one: CodeType, other: CodeType) -> bool:
    """Whether every instruction stands on the same line and in the same columns."""
    return one.co_firstlineno == other.co_firstlineno and one.co_linetable == other.co_linetable


def identical(one: CodeType, other: CodeType) -> bool:
    """Whether both are the same to the last column and the last nested code object."""
    if one == other:
        # That was in C: a class body takes hundreds of steps below.
        return _stands_alike(one, other)
    return (
        same_lines(one, other)
        and same_itself(one, other)
        and class_record(one).same_names(class_record(other))
        and all(map(identical, nested(one), nested(other)))
    )


def _stands_alike(one: CodeType, other: CodeType) -> bool:
    """Whether code objects that are equal also agree in what ``==`` leaves out of its comparison.

    That is the dotted name and the file, and on some Pythons lines and columns.
    """
    return (
        qualname(one) == qualname(other)
        and one.co_filename == other.co_filename
        and same_lines(one, other)
        and all(map(_stands_alike, nested(one), nested(other)))
    )


def class_record(code: CodeType) -> ClassRecord:
    """The record that a class body will store of itself; empty for other code and before 3.13."""
    # The body of a module has none, mostly, and may be long.
    may_have_one = _CLASS_BODY_RECORDS_ITSELF and not _RECORDED.isdisjoint(code.co_names)
    if not (may_have_one and is_class_or_module_body(code)):
        return ClassRecord(None, None)
    return _class_steps(code)[1]


def docstring(code: CodeType) -> str | None:
    """The ``__doc__`` of a function made from this code."""
    if sys.version_info >= (3, 14) and not code.co_flags & _HAS_DOCSTRING:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) else None


def _constants(code: CodeType) -> list[Hashable]:
    return [constant_key(constant) for constant in code.co_consts]


def _class_steps(code: CodeType) -> tuple[list[Hashable], ClassRecord]:
    """The body with its constants written in, and what it records of itself taken out.

    Numbers of constants cannot be compared: where a constant of the body happens to equal the
    line number, the compiler keeps one for both.
    """
    steps: list[Hashable] = []
    values: list[object] = []
    order = {id(inner): number for number, inner in enumerate(nested(code))}
    for _offset, operation, argument in instructions(code):
        value: object = None
        step: Hashable = (operation, argument)
        if operation == _LOAD_SMALL_INT:
            value, step = argument, ("constant", constant_key(argument))
        elif operation in _CONSTANT_OPS:
            value = code.co_consts[argument]
            step = ("constant", constant_key(value))
            if type(value) is CodeType:
                step = ("nested", order[id(value)])
        steps.append(step)
        values.append(value)
    return steps, _take_out_record(code, steps, values)


def _take_out_record(code: CodeType, steps: list[Hashable], values: list[object]) -> ClassRecord:
    """The compiler's line number comes first, its names last; the user may store more between."""
    first_line: int | None = None
    static: tuple[str, ...] | None = None
    stores = {
        name: [at for at, step in enumerate(steps) if step == (_STORE_NAME, number)]
        for number, name in enumerate(code.co_names)
        if name in _RECORDED
    }
    for at in stores.get(_FIRST_LINE, [])[:1]:
        if values[at - 1] == code.co_firstlineno:
            first_line = code.co_firstlineno
            steps[at - 1] = _FIRST_LINE
    for at in stores.get(_STATIC, [])[-1:]:
        names = values[at - 1]
        if isinstance(names, tuple):
            static = names
            steps[at - 1] = _STATIC
    return ClassRecord(first_line, static)
