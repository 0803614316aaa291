"""Sentences for a module or class body that changed: which decorator, which default, which line."""

from __future__ import annotations

import dis
import sys
from collections.abc import Hashable
from dataclasses import dataclass
from types import CodeType

from .likeness import constant_key, instructions, is_class_or_module_body, qualname

_CONSTANT_OPS = frozenset(dis.hasconst) - {dis.opmap.get("LOAD_SMALL_INT", -1)}
_NAME_OPS = frozenset(dis.hasname)
# These keep flags in the low bits of their argument, below the number of the name.
_FLAG_BITS = {
    dis.opmap[name]: bits
    for name, bits in (("LOAD_GLOBAL", 1), ("LOAD_ATTR", 1), ("LOAD_SUPER_ATTR", 2))
    if name in dis.opmap
}


@dataclass(frozen=True)
class _Step:
    key: Hashable
    line: int | None
    made: CodeType | None  # the code object this instruction loads, to make a function or class


def body_changed(old: CodeType, new: CodeType) -> str:
    """One sentence about the first difference; both bodies run while importing."""
    where = _place(old)
    if old.co_freevars != new.co_freevars or old.co_cellvars != new.co_cellvars:
        return f"closure of {where} changed"
    before, after = _steps(old), _steps(new)
    for at, (one, other) in enumerate(zip(before, after, strict=False)):
        if one.key != other.key:
            headers = [_header(steps, at) for steps in (after, before)]
            # A decorator that came or went leaves the other version with what follows it.
            decorator = next((it for it in headers if it and it.startswith("decorator")), None)
            return decorator or headers[0] or headers[1] or _statement(where, other)
    if len(before) != len(after):
        longer = max(before, after, key=len)
        return _statement(where, longer[min(len(before), len(after))])
    return f"{where} changed"


def _statement(where: str, step: _Step) -> str:
    return f"{where} changed" if step.line is None else f"{where} changed at line {step.line}"


def _place(code: CodeType) -> str:
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


def _header(steps: list[_Step], at: int) -> str | None:
    """Decorators, defaults and annotations are computed just before the code they belong to."""
    line = steps[at].line
    if line is None:
        return None
    for step in steps[at:]:
        made = step.made
        if made is None or step.line is None or made.co_name.startswith("__annotate"):
            continue
        if made.co_firstlineno > line:
            return None
        what = "decorator" if line < step.line else "default or annotation"
        return f"{what} of {qualname(made)} changed"
    return None


def _steps(code: CodeType) -> list[_Step]:
    if sys.version_info < (3, 11):
        return []  # never asked: functions are not swapped there
    lines = [position[0] for position in code.co_positions()]
    return [
        _step(code, operation, argument, lines[offset // 2])
        for offset, operation, argument in instructions(code)
    ]


def _step(code: CodeType, operation: int, argument: int, line: int | None) -> _Step:
    if operation in _CONSTANT_OPS and argument < len(code.co_consts):
        value = code.co_consts[argument]
        made = value if type(value) is CodeType else None
        return _Step((operation, constant_key(value)), line, made)
    number = argument >> _FLAG_BITS.get(operation, 0)
    if operation in _NAME_OPS and number < len(code.co_names):
        return _Step((operation, code.co_names[number]), line, None)
    return _Step((operation, argument), line, None)
