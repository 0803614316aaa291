"""Methods and plain values of a class that came, went or changed, found in the two sources.

Both sources are compared without them, as `statements` does it with the names of a module; whether
anybody has looked for them is for `attributes` to find out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from types import CodeType
from typing import Any

from ..records import astuple, dataclass
from .equality import is_class_or_module_body, names_bound, names_used, nested, qualname
from .headers import (
    LAZY_ANNOTATIONS,
    Function,
    has_plain_header,
    header_alone,
    is_literal,
    replaced,
    shape,
    types_named,
    without_headers,
)

#: These see all names of a class while its body runs.
_SEE_ALL = frozenset({"locals", "vars", "dir", "eval", "exec"})
METHOD, VALUE = "method", "value"


@dataclass(frozen=True)
class Member:
    """A name that the body of a class binds, and does nothing else for it.

    ``code`` is that of the function or assigns the value; ``header`` makes a function with the
    same defaults and annotations; ``uses`` are the built-in names that this reads.
    """

    kind: str
    name: str
    code: CodeType
    header: CodeType | None = None
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassEdit:
    """What came to a class at the level of the module, and what went.

    ``line`` is the first one of its old source; ``order`` are the names that its new body binds,
    in the order in which they are bound first.
    """

    owner: str
    line: int
    gone: tuple[Member, ...]
    come: tuple[Member, ...]
    order: tuple[str, ...]

    def plain(self) -> tuple[Any, ...]:
        """The same as tuples, which can be marshalled."""
        gone, come = (tuple(map(astuple, side)) for side in (self.gone, self.come))
        return (self.owner, self.line, gone, come, self.order)

    @classmethod
    def from_plain(cls, parts: tuple[Any, ...]) -> ClassEdit:
        """The edit of which `plain` returned the parts."""
        owner, line, gone, come, order = parts
        went, came = (tuple(Member(*one) for one in side) for side in (gone, come))
        return cls(owner, line, went, came, order)


@dataclass(frozen=True)
class WithoutMembers:
    """Two versions of a class, as they are to be compared."""

    old: ast.stmt
    new: ast.stmt
    edit: ClassEdit | None = None


def without_members(
    old: ast.stmt, new: ast.stmt, before: CodeType, after: CodeType
) -> WithoutMembers:
    """Take out of a class what came and went; ``before`` and ``after`` are its modules' code."""
    unchanged = WithoutMembers(old, new)
    if not (isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef)):
        return unchanged
    if getattr(old, "type_params", None) or getattr(new, "type_params", None):
        return unchanged
    return _taken_out(_Body(old, before), _Body(new, after)) or unchanged


def _taken_out(old: _Body, new: _Body) -> WithoutMembers | None:
    bodies = (old, new)
    if old.code is None or new.code is None:
        return None
    if not all(_SEE_ALL.isdisjoint(names_used(one)) for one in (old.code, new.code)):
        return None
    kept = _aligned(old, new)
    if kept is None or all(len(one.node.body) == len(kept) for one in bodies):
        return None
    gone = old.members({one for one, _ in kept}, bodies)
    come = new.members({other for _, other in kept}, bodies)
    order = new.order()
    if gone is None or come is None or not (gone or come) or (come and order is None):
        return None
    line = old.code.co_firstlineno
    edit = ClassEdit(old.node.name, line, tuple(gone), tuple(come), order or ())
    rest = [
        replaced(
            body.node, body=[body.node.body[pair[side]] for pair in kept] or [_nothing(old.node)]
        )
        for side, body in enumerate(bodies)
    ]
    return WithoutMembers(rest[0], rest[1], edit)


class _Body:
    """The body of a class in one of the sources."""

    def __init__(self, node: ast.ClassDef, module: CodeType) -> None:
        self.node = node
        self.module = module
        self.code = _class_code(node, module)

    def plain(self, after: int, before: int | None) -> list[tuple[int, tuple[object, ...]]]:
        """Places and labels of the statements between two that are more than a name."""
        places = range(after + 1, len(self.node.body) if before is None else before)
        return [(at, _label(self.node.body[at])) for at in places if not self.is_nothing(at)]

    def kind(self, at: int) -> str | None:
        """What a statement does, if it does nothing but bind one name."""
        statement = self.node.body[at]
        match statement:
            case ast.Assign(targets=[ast.Name()], value=value):
                return VALUE if is_literal(value) else None
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                is_plain = not statement.decorator_list and has_plain_header(statement, self.module)
                parameters = [*_parameters(statement)]
                if any(one.arg.startswith("__") for one in parameters):
                    return None  # names with the class's own in them
                if LAZY_ANNOTATIONS and (
                    statement.returns or any(one.annotation for one in parameters)
                ):
                    return None  # a function that sees the namespace of the class
                return METHOD if is_plain else None
        return None

    def is_nothing(self, at: int) -> bool:
        """Whether a statement does nothing at all."""
        return isinstance(self.node.body[at], ast.Pass)

    def function(self, statement: Function) -> CodeType | None:
        """The code of a function that stands in the body."""
        first = min([statement.lineno, *(one.lineno for one in statement.decorator_list)])
        found = (
            [
                one
                for one in nested(self.code)
                if one.co_name == statement.name and one.co_firstlineno == first
            ]
            if self.code
            else []
        )
        return found[0] if len(found) == 1 else None

    def members(self, kept: set[int], bodies: Sequence[_Body]) -> list[Member] | None:
        """The statements that do not stay; None if one of them cannot be taken out."""
        assert self.code is not None
        bound = names_bound(self.code)
        all_bound = {name for body in bodies if body.code for name in names_bound(body.code)}
        used = {
            name
            for body in bodies
            if body.code is not None
            for name in (*names_used(body.code), *_annotation_names(body.code))
        }
        found = []
        for at, statement in enumerate(self.node.body):
            if at in kept:
                continue
            if isinstance(statement, ast.Pass):
                continue
            member = self._member(at)
            if member is None or bound[member.name] != 1 or member.name in used:
                return None
            if not all_bound.isdisjoint(member.uses):
                return None
            found.append(member)
        return found

    def _member(self, at: int) -> Member | None:
        statement, kind = self.node.body[at], self.kind(at)
        if isinstance(statement, ast.Assign) and kind == VALUE:
            assert isinstance(statement.targets[0], ast.Name)
            name = statement.targets[0].id
            module = ast.Module(body=[statement], type_ignores=[])
            made = Member(VALUE, name, compile(module, "<value>", "exec", dont_inherit=True))
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and kind == METHOD:
            code = self.function(statement)
            if code is None or not {*code.co_freevars} <= {"__class__"}:
                return None
            header = header_alone(statement, self.module)
            made = Member(METHOD, statement.name, code, header, types_named(statement))
        else:
            return None
        # Others are special names, or stand for names with the class's own in them.
        return None if made.name.startswith("__") else made

    def order(self) -> tuple[str, ...] | None:
        """The names that are bound, in the order of their first binding; None: not certain."""
        found: dict[str, None] = {}
        for statement in self.node.body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found[name] = None
                case ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    found[name] = None
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                    found[name] = None
                case ast.Pass() | ast.Expr() | ast.AnnAssign(value=None):
                    pass
                case _:
                    return None
            if any(isinstance(one, ast.NamedExpr) for one in _own(statement)):
                return None
        return (*found,)


def _aligned(old: _Body, new: _Body) -> list[tuple[int, int]] | None:
    """The places of the statements that stay, in both bodies; the others came and went."""
    # What does more than bind names has to stay; its code is compared afterwards.
    stays, remains = (
        [at for at in range(len(body.node.body)) if not body.is_nothing(at) and not body.kind(at)]
        for body in (old, new)
    )
    if len(stays) != len(remains):
        return None
    pairs: list[tuple[int, int]] = []
    gaps = zip([-1, *stays], [-1, *remains], [*stays, None], [*remains, None], strict=True)
    for after, behind, before, ahead in gaps:
        pairs += _same_names(old.plain(after, before), new.plain(behind, ahead))
    pairs = [pair for pair in pairs if not _is_redefined(old, new, *pair)]
    return sorted([*pairs, *zip(stays, remains, strict=True)])


def _same_names(
    old: list[tuple[int, tuple[object, ...]]], new: list[tuple[int, tuple[object, ...]]]
) -> Iterator[tuple[int, int]]:
    """The places of plain statements that are versions of one, given with their labels."""
    before, after = ([label for _, label in body] for body in (old, new))
    for first, other, size in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_matching_blocks():
        for at in range(size):
            yield old[first + at][0], new[other + at][0]


def _is_redefined(before: _Body, after: _Body, one: int, other: int) -> bool:
    """Whether a method of the same name has to be made anew, for what is seen of it."""
    old, new = before.node.body[one], after.node.body[other]
    if not (isinstance(old, Function) and isinstance(new, Function)):
        return False
    if not before.kind(one) == after.kind(other) == METHOD:
        return False
    docstrings = {ast.get_docstring(version, clean=False) for version in (old, new)}
    codes = before.function(old), after.function(new)
    if len(docstrings) > 1 or None in codes:
        return True
    if codes[0].co_freevars != codes[1].co_freevars:  # type: ignore[union-attr]
        return True
    alone = [replaced(body.node, body=[version]) for body, version in ((before, old), (after, new))]
    is_compared = without_headers(alone[0], alone[1], before.module).headers
    return shape(old) != shape(new) and not is_compared


def _label(statement: ast.stmt) -> tuple[object, ...]:
    """Equal for two statements that are versions of one."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "def", statement.name, bool(statement.decorator_list)
    if isinstance(statement, ast.ClassDef):
        return "class", statement.name
    return (ast.dump(statement),)


def _class_code(node: ast.ClassDef, module: CodeType) -> CodeType | None:
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    found = [
        one
        for one in nested(module)
        if is_class_or_module_body(one)
        and qualname(one) == node.name
        and one.co_firstlineno == first
    ]
    return found[0] if len(found) == 1 else None


def _annotation_names(code: CodeType) -> Iterator[str]:
    """Names in annotations that are computed later (Python 3.14), in the namespace of the class."""
    for inner in nested(code):
        if inner.co_name.startswith("__annotate"):
            yield from inner.co_names


def _parameters(function: Function) -> Iterator[ast.arg]:
    given = function.args
    yield from (*given.posonlyargs, *given.args, *given.kwonlyargs)
    yield from (one for one in (given.vararg, given.kwarg) if one)


def _own(statement: ast.AST) -> Iterator[ast.AST]:
    """All that stands in a statement, without the bodies of functions and classes in it."""
    for child in ast.iter_child_nodes(statement):
        yield child
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _own(child)


def _nothing(node: ast.ClassDef) -> ast.stmt:
    return ast.copy_location(ast.Pass(), node)
