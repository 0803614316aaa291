"""Functions of which defaults, annotations or the kind changed, found in the two sources.

A default or an annotation is computed by the body around the function. Where that does nothing
but build a literal, both sources are compared without it, and the function gets the new ones.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import CodeType
from typing import Any

from ..records import astuple, dataclass
from .equality import Position

_LAZY_ANNOTATIONS = sys.version_info >= (3, 14)
_FLAG_ANNOTATIONS = 0x1000000
#: Built-in types, as annotations name them (computed with the function until Python 3.13).
TYPES = frozenset(
    {"bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "set",
     "str", "tuple", "type"}
)  # fmt: skip

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Header:
    """A function whose defaults, annotations or kind are others than before.

    ``old`` and ``new`` make a function that has nothing but these; ``uses`` are the built-in
    names that they read.
    """

    position: Position
    old: CodeType
    new: CodeType
    defaults: bool
    annotations: bool
    uses: tuple[str, ...]

    def plain(self) -> tuple[Any, ...]:
        """The same as tuples, which can be marshalled."""
        return astuple(self)


@dataclass(frozen=True)
class Without:
    """Two versions of a statement, as they are to be compared."""

    old: ast.stmt
    new: ast.stmt
    headers: tuple[Header, ...] = ()


def without_headers(old: ast.stmt, new: ast.stmt, code: CodeType) -> Without:
    """Take the headers that changed out of a function or class; ``code`` is the old module's."""
    return _Versions(code).without(old, new, "", frozenset())


def is_literal(value: ast.expr) -> bool:
    """Whether an expression does nothing but build a value, a new one each time."""
    match value:
        case ast.Constant():
            return True
        case ast.UnaryOp() | ast.BinOp():
            return _is_number(value)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return all(map(is_literal, items))
        case ast.Dict(keys=keys, values=values):
            # A key that cannot be hashed would be an error.
            return all(isinstance(key, ast.Constant) for key in keys) and all(
                map(is_literal, values)
            )
        case ast.Set(elts=items):
            return all(isinstance(item, ast.Constant) for item in items)
    return False


def _is_number(value: ast.expr) -> bool:
    """Whether it is a number, or arithmetic of numbers that cannot fail."""
    match value:
        case ast.Constant(value=number):
            return type(number) in (int, float, complex)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _is_number(operand)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            return _is_number(left) and _is_number(right)
    return False


def has_plain_header(function: Function, code: CodeType) -> bool:
    """Whether to make the function does nothing but that; ``code`` is the module's."""
    return (
        not getattr(function, "type_params", None)
        and all(map(is_literal, _defaults(function)))
        and (
            _LAZY_ANNOTATIONS
            or bool(code.co_flags & _FLAG_ANNOTATIONS)
            or all(_is_type(one) for _, one in _annotations(function))
        )
    )


def types_named(function: Function) -> tuple[str, ...]:
    """The built-in types that the annotations name, where they are computed with the function."""
    if _LAZY_ANNOTATIONS:
        return ()
    found = {
        node.id
        for _, annotation in _annotations(function)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name)
    }
    return tuple(sorted(found & TYPES))


def shape(function: Function) -> tuple[object, ...]:
    """All that is to be seen of a function from outside, but for its name and decorators."""
    returns = function.returns and ast.dump(function.returns)
    yields = any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in _own(function))
    return type(function), ast.dump(function.args), returns, yields


class _Versions:
    def __init__(self, code: CodeType) -> None:
        self._code = code

    def without(self, old: ast.stmt, new: ast.stmt, scope: str, bound: frozenset[str]) -> Without:
        """``bound`` are the names of the class body around the statement."""
        match old, new:
            case (
                (ast.FunctionDef() | ast.AsyncFunctionDef()),
                (ast.FunctionDef() | ast.AsyncFunctionDef()),
            ):
                return self._function(old, new, scope, bound)
            case ast.ClassDef(), ast.ClassDef():
                return self._class(old, new, scope)
        return Without(old, new)

    def _class(self, old: ast.ClassDef, new: ast.ClassDef, scope: str) -> Without:
        is_generic = getattr(old, "type_params", None) or getattr(new, "type_params", None)
        if len(old.body) != len(new.body) or is_generic:
            return Without(old, new)
        bound = frozenset(_bound(old)) | frozenset(_bound(new))
        parts = [
            self.without(one, other, f"{scope}{old.name}.", bound)
            for one, other in zip(old.body, new.body, strict=True)
        ]
        headers = tuple(header for part in parts for header in part.headers)
        if not headers:
            return Without(old, new)
        before = _replaced(old, body=[part.old for part in parts])
        after = _replaced(new, body=[part.new for part in parts])
        return Without(before, after, headers)

    def _function(self, old: Function, new: Function, scope: str, bound: frozenset[str]) -> Without:
        docstrings = {ast.get_docstring(one, clean=False) for one in (old, new)}
        if (
            old.name != new.name
            or shape(old) == shape(new)
            or not (_is_simple(old, scope) and _is_simple(new, scope))
            # A call that has failed for its arguments, and was caught, is reported to nobody.
            or _calls(old) != _calls(new)
            or len(docstrings) > 1
        ):
            return Without(old, new)
        defaults = _dumped(_defaults(old)) != _dumped(_defaults(new))
        if defaults and not all(map(is_literal, (*_defaults(old), *_defaults(new)))):
            return Without(old, new)
        annotations = [(name, ast.dump(one)) for name, one in _annotations(old)] != [
            (name, ast.dump(one)) for name, one in _annotations(new)
        ]
        uses = {*types_named(old), *types_named(new)} if annotations else set()
        if annotations and not (
            self._computes_nothing(old) and self._computes_nothing(new) and uses.isdisjoint(bound)
        ):
            return Without(old, new)
        first = min([old.lineno, *(one.lineno for one in old.decorator_list)])
        header = Header(
            (scope + old.name, first),
            self._alone(old, defaults=defaults, annotations=annotations),
            self._alone(new, defaults=defaults, annotations=annotations),
            defaults,
            annotations,
            tuple(sorted(uses)),
        )
        before, after = (
            _bare(one, defaults=defaults, annotations=annotations) for one in (old, new)
        )
        return Without(before, after, (header,))

    def _computes_nothing(self, function: Function) -> bool:
        """Whether annotations are the same whenever they are computed."""
        if _LAZY_ANNOTATIONS:
            return False  # they are a function of their own, which is compared
        is_text = bool(self._code.co_flags & _FLAG_ANNOTATIONS)
        return is_text or all(_is_type(one) for _, one in _annotations(function))

    def _alone(self, function: Function, *, defaults: bool, annotations: bool) -> CodeType:
        """Code that makes a function with these defaults and annotations alone."""
        header = ast.FunctionDef(
            name="header",
            args=_parameters(function, defaults=not defaults, annotations=not annotations),
            body=[ast.Pass()],
            decorator_list=[],
            returns=function.returns if annotations else None,
            type_params=[],
        )
        module = ast.fix_missing_locations(ast.Module(body=[header], type_ignores=[]))
        flags = self._code.co_flags & _FLAG_ANNOTATIONS
        code: CodeType = compile(module, "<header>", "exec", flags=flags, dont_inherit=True)
        return code


def _is_simple(function: Function, scope: str) -> bool:
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [one.arg for one in (given.vararg, given.kwarg) if one]
    # In a class, names that begin like this are others than they are written.
    is_private = scope and any(name.startswith("__") for name in names)
    return not getattr(function, "type_params", None) and not is_private


def _calls(function: Function) -> tuple[object, ...]:
    """Which calls the function takes, and how it tells that it does not take others."""
    given = function.args
    return (
        [one.arg for one in given.posonlyargs],
        [one.arg for one in given.args],
        len(given.defaults),
        given.vararg is None,
        [
            (one.arg, default is None)
            for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        ],
        given.kwarg is None,
    )


def _bare(function: Function, *, defaults: bool, annotations: bool) -> ast.stmt:
    """The function without its defaults, or without its annotations, or without both."""
    changes: dict[str, object] = {
        "args": _parameters(function, defaults=defaults, annotations=annotations)
    }
    if annotations:
        changes["returns"] = None
    bare: ast.stmt = _replaced(function, **changes)
    return bare


def _parameters(function: Function, *, defaults: bool, annotations: bool) -> ast.arguments:
    """The parameters without defaults, or without annotations."""
    given = function.args
    changes: dict[str, object] = {}
    if defaults:
        changes = {"defaults": [], "kw_defaults": [None] * len(given.kwonlyargs)}
    if annotations:
        for name in ("posonlyargs", "args", "kwonlyargs"):
            changes[name] = [_replaced(one, annotation=None) for one in getattr(given, name)]
        for name in ("vararg", "kwarg"):
            one = getattr(given, name)
            changes[name] = one and _replaced(one, annotation=None)
    parameters: ast.arguments = _replaced(given, **changes)
    return parameters


def _replaced(node: Any, **changes: object) -> Any:
    """A copy of a node with other fields; it stands where the node did."""
    fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return ast.copy_location(type(node)(**(fields | changes)), node)


def _defaults(function: Function) -> tuple[ast.expr, ...]:
    given = function.args
    return (*given.defaults, *(one for one in given.kw_defaults if one))


def _dumped(defaults: tuple[ast.expr, ...]) -> list[str]:
    return [*map(ast.dump, defaults)]


def _annotations(function: Function) -> Iterator[tuple[str, ast.expr]]:
    given = function.args
    for one in (
        *given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg
    ):  # fmt: skip
        if one is not None and one.annotation is not None:
            yield one.arg, one.annotation
    if function.returns is not None:
        yield "return", function.returns


def _is_type(annotation: ast.expr) -> bool:
    match annotation:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name in TYPES
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _is_type(left) and _is_type(right)
        case ast.Subscript(value=ast.Name(), slice=ast.Tuple(elts=elements)):
            return _is_type(annotation.value) and all(map(_is_type, elements))
        case ast.Subscript(value=ast.Name(), slice=inner):
            return _is_type(annotation.value) and _is_type(inner)
    return False


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """All that stands in a function, without what stands in functions and classes inside it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _own(child)


def _bound(owner: ast.ClassDef) -> Iterator[str]:
    """All names that a class body may bind, and some more."""
    for node in ast.walk(owner):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
