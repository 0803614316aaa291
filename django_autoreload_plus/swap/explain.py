"""Sentences for a module or class body that changed: which decorator, which default, which line."""

from __future__ import annotations

import dis
import itertools
import sys
from collections.abc import Hashable
from types import CodeType

from ..protocol.reasons import Reason
from ..records import dataclass
from .equality import (
    class_record,
    constant_key,
    instructions,
    is_class_or_module_body,
    nested,
    qualname,
)

_CONSTANT_OPS = frozenset(dis.hasconst) - {dis.opmap.get("LOAD_SMALL_INT", -1)}
_NAME_OPS = frozenset(dis.hasname)
_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
# These keep flags in the low bits of their argument, below the number of the name.
_FLAG_BITS = {
    dis.opmap[name]: bits
    for name, bits in (("LOAD_GLOBAL", 1), ("LOAD_ATTR", 1), ("LOAD_SUPER_ATTR", 2))
    if name in dis.opmap
}
if sys.version_info >= (3, 15):
    _FLAG_BITS[_IMPORT_NAME] = 2  # whether the import is lazy
# The attributes of a function besides its code, by the flags of MAKE_FUNCTION.
_MAKE_FUNCTION = {dis.opmap["MAKE_FUNCTION"], dis.opmap.get("SET_FUNCTION_ATTRIBUTE", -1)}
_DEFAULTS, _ANNOTATIONS = 0x01 | 0x02, 0x04
_STORE_NAME = dis.opmap["STORE_NAME"]
# The codes of the reasons for what is computed when a function is made.
_COMPUTED = {
    "decorator": "AP103",
    "default": "AP104",
    "default or annotation": "AP104",
    "annotation": "AP105",
}


@dataclass(frozen=True)
class _Step:
    key: tuple[int, Hashable]  # the operation, and what it works on
    line: int | None
    made: CodeType | None  # the code object this instruction loads, to make a function or class


def body_changed(old: CodeType, new: CodeType) -> Reason:
    """One sentence about the first difference; both bodies run while importing."""
    where = _title(old)
    if _closure(old) != _closure(new):
        return Reason("AP109", f"closure of {_enclosed(old, new) or where} changed")
    before, after = _steps(old), _steps(new)
    for at, (one, other) in enumerate(zip(before, after, strict=False)):
        if one.key != other.key:
            if annotated := _annotated_in_both(before, after, at):
                return Reason("AP105", f"annotation of {annotated} changed")
            # Otherwise a function or class came, went or moved.
            is_same = _next_made(before, at) == _next_made(after, at)
            headers = [_header(steps, at) if is_same else None for steps in (after, before)]
            # A decorator that came or went leaves the other version with what follows it.
            decorator = next((it for it in headers if it and it.code == "AP103"), None)
            found = decorator or headers[0] or headers[1]
            if found is None and is_class_or_module_body(old) and old.co_name != "<module>":
                found = _attribute(old, before, after, at)
            return found or _statement(old, other)
    if len(before) != len(after):
        longer = max(before, after, key=len)
        return _statement(old, longer[min(len(before), len(after))])
    return Reason(_code(old), f"{where} changed")


def annotations_changed(body: CodeType, old: CodeType, new: CodeType) -> Reason:
    """One sentence about ``__annotate__`` (since 3.14), a function that this body makes."""
    steps = _steps(body)
    for at, step in enumerate(steps):
        if step.made is old and (name := _annotated(steps, at)):
            return Reason("AP105", f"annotation of {name} changed")
    return body_changed(old, new)


def _annotated(steps: list[_Step], at: int) -> str | None:
    """The function, made at this step or next, whose ``__annotate__`` is made just before it."""
    loads = [at]
    for index in range(at - 1, -1, -1):
        if steps[index].key[0] not in _MAKE_FUNCTION:
            loads.insert(0, index)
            break
    loads += [index for index in range(at + 1, len(steps)) if steps[index].made is not None][:1]
    for one, other in itertools.pairwise(loads):
        annotate, function = steps[one].made, steps[other].made
        between = {step.key[0] for step in steps[one + 1 : other]}
        if (
            annotate
            and function
            and annotate.co_name == "__annotate__"
            and between <= _MAKE_FUNCTION
        ):
            return qualname(function)
    return None


def _annotated_in_both(before: list[_Step], after: list[_Step], at: int) -> str | None:
    """The function that is made in both bodies, and whose ``__annotate__`` is made here."""
    made = [{qualname(step.made) for step in steps if step.made} for steps in (before, after)]
    names = (_annotated(steps, at) for steps in (after, before))
    return next((name for name in names if name in made[0] & made[1]), None)


def _closure(code: CodeType) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that are shared with functions inside or around, but for the compiler's own."""
    own = {"__classdict__", "__conditional_annotations__"}
    return code.co_freevars, tuple(name for name in code.co_cellvars if name not in own)


def _statement(code: CodeType, step: _Step) -> Reason:
    line = "" if step.line is None else f" at line {step.line}"
    return Reason(_code(code), f"{_title(code)} changed{line}")


def _enclosed(old: CodeType, new: CodeType) -> str | None:
    """The function made in both bodies that now closes over something else."""
    for before, after in zip(nested(old), nested(new), strict=False):
        if qualname(before) == qualname(after) and before.co_freevars != after.co_freevars:
            return qualname(before)
    return None


def _attribute(code: CodeType, before: list[_Step], after: list[_Step], at: int) -> Reason | None:
    """The name that the class body assigns in the statement that differs from this step on."""
    old, new = _assigned(before, at), _assigned(after, at)
    if "__doc__" in {old, new}:
        return Reason("AP108", f"docstring of class {qualname(code)} changed")
    is_gone = old is not None and (_STORE_NAME, old) not in {step.key for step in after}
    name = old if is_gone else new
    if name is None:
        return None
    return Reason("AP102", f"class attribute {qualname(code)}.{name} changed")


def _assigned(steps: list[_Step], at: int) -> str | None:
    """Targets stand on the first line of their statement; those further down are others'."""
    line = steps[at].line
    for step in steps[at:]:
        operation, name = step.key
        if operation == _STORE_NAME and line is not None and step.line is not None:
            return str(name) if step.line <= line else None
    return None


def _code(code: CodeType) -> str:
    """The code of the reason that the instructions of this body differ."""
    if code.co_name.startswith("<generic parameters of "):
        return "AP111"
    if code.co_name.startswith("__annotate"):
        return "AP105"
    return "AP102" if is_class_or_module_body(code) and code.co_name != "<module>" else "AP101"


def _title(code: CodeType) -> str:
    if code.co_name == "<module>":
        return "module-level code"
    if is_class_or_module_body(code):
        return f"body of class {qualname(code)}"
    if code.co_name.startswith("<generic parameters of "):
        return f"declaration of {code.co_name[len('<generic parameters of ') : -1]}"
    if code.co_name.startswith("__annotate"):
        return f"annotations in {qualname(code).rpartition('.')[0] or 'the module'}"
    outer = qualname(code).rpartition(".")[0].removesuffix(".<locals>")
    return f"a comprehension in {outer or 'module-level code'}"


def _header(steps: list[_Step], at: int) -> Reason | None:
    """Decorators, defaults and annotations are computed just before the code they belong to.

    Since Python 3.14 annotations are a function of their own instead: see `_annotated`.
    """
    line = steps[at].line
    if line is None or steps[at].made is not None:
        return None
    for index, step in enumerate(steps[at:], at):
        made = step.made
        if made is None or step.line is None or made.co_name.startswith("__annotate"):
            continue
        if made.co_firstlineno > line:
            return None
        what = "decorator" if line < step.line else _computed(steps[index + 1 :])
        return Reason(_COMPUTED[what], f"{what} of {qualname(made)} changed")
    return None


def _next_made(steps: list[_Step], at: int) -> str | None:
    """The function or class whose code is loaded at this step or next."""
    made = (step.made for step in steps[at:])
    found = (one for one in made if one is not None and not one.co_name.startswith("__annotate"))
    return next(map(qualname, found), None)


def _computed(steps: list[_Step]) -> str:
    """The attributes computed for a function, by the steps after the one that loads its code."""
    flags = 0
    for step in steps:
        operation, argument = step.key
        if operation not in _MAKE_FUNCTION or not isinstance(argument, int):
            break
        flags |= argument
    if not flags & _ANNOTATIONS:
        return "default"
    return "default or annotation" if flags & _DEFAULTS else "annotation"


def _steps(code: CodeType) -> list[_Step]:
    if sys.version_info < (3, 11):
        return []  # never asked: functions are not swapped there
    lines = [position[0] for position in code.co_positions()]
    steps = [
        _step(code, operation, argument, lines[offset // 2])
        for offset, operation, argument in instructions(code)
    ]
    for at in _recorded(code, steps):
        # The compiler sets it: an edit anywhere above or in a method changes it.
        steps[at] = _Step((-1, None), steps[at].line, None)
    return steps


def _recorded(code: CodeType, steps: list[_Step]) -> list[int]:
    """The steps in which a class body (since 3.13) loads what it says of its own source."""
    record = class_record(code)
    keys = [step.key for step in steps]
    found = []
    if record.first_line is not None:
        found.append(keys.index((_STORE_NAME, "__firstlineno__")))
    if record.static_attributes is not None:
        # The last one: the user may store more of that name before.
        found.append(len(keys) - 1 - keys[::-1].index((_STORE_NAME, "__static_attributes__")))
    return [at - 1 for at in found]


def _step(code: CodeType, operation: int, argument: int, line: int | None) -> _Step:
    if operation in _CONSTANT_OPS and argument < len(code.co_consts):
        value = code.co_consts[argument]
        made = value if type(value) is CodeType else None
        return _Step((operation, constant_key(value)), line, made)
    bits = _FLAG_BITS.get(operation, 0)
    number = argument >> bits
    if operation in _NAME_OPS and number < len(code.co_names):
        name = code.co_names[number]
        is_lazy = operation == _IMPORT_NAME and argument != number << bits
        return _Step((operation, f"lazy {name}" if is_lazy else name), line, None)
    return _Step((operation, argument), line, None)
