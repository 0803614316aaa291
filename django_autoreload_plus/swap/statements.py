"""Statements that were added, removed or changed, and that do nothing but bind names.

Works on the two sources alone. What remains of them when those statements are taken out is
compared as it always is; whether anything has read the names is for `names` to find out.
"""

from __future__ import annotations

import ast
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from types import CodeType
from typing import Any

from ..records import astuple, dataclass, replace
from .equality import Position, is_class_or_module_body, names_bound, nested, position
from .headers import (
    Function,
    Header,
    Without,
    has_plain_header,
    is_literal,
    shape,
    types_named,
    without_headers,
)

IMPORT, FUNCTION, CONSTANT, NOTHING = "import", "function", "constant", "nothing"
AFTER, BEFORE, FIRST, SAME = "after", "before", "first", "same"

_TYPE_CHECKING = "TYPE_CHECKING"
_Scope = Function | ast.ClassDef
#: All flags of ``from __future__`` that a code object carries.
_FUTURE_FLAGS = 0x1FE0000


@dataclass(frozen=True)
class Imported:
    """One name of an import statement.

    ``module`` is loaded; ``attributes`` are taken, one from the other, beginning at the module
    ``start``. ``level`` counts for both, as in :func:`__import__`.
    """

    name: str
    module: str
    level: int
    start: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """A statement at the level of the module that does nothing but bind ``names``.

    ``code`` executes it alone; ``uses`` are the built-in names that it reads. Where it is to be
    executed (``where``): after or before the one that binds ``anchor``, or where it was.
    """

    kind: str
    names: tuple[str, ...]
    code: CodeType
    imports: tuple[Imported, ...] = ()
    uses: tuple[str, ...] = ()
    where: str = ""
    anchor: str = ""
    #: How many of the statements that stay precede it: all of them, and those that may read names.
    gap: int = 0
    loud_gap: int = 0

    def plain(self) -> tuple[Any, ...]:
        """The same as tuples, which can be marshalled."""
        imports = tuple(astuple(one) for one in self.imports)
        order = (self.where, self.anchor, self.gap, self.loud_gap)
        return (self.kind, self.names, self.code, imports, self.uses, *order)

    @classmethod
    def from_plain(cls, parts: tuple[Any, ...]) -> Statement:
        """The statement of which `plain` returned the parts."""
        kind, names, code, imports, *others = parts
        return cls(kind, names, code, tuple(Imported(*one) for one in imports), *others)


@dataclass(frozen=True)
class Edit:
    """Statements that were removed and added, and the two modules without them."""

    old: CodeType
    new: CodeType
    gone: tuple[Statement, ...]
    come: tuple[Statement, ...]
    headers: tuple[Header, ...]


@dataclass(frozen=True)
class _Source:
    tree: ast.Module
    code: CodeType
    lines: Sequence[bytes]


def split(path: str, old: tuple[bytes, CodeType], new: tuple[bytes, CodeType]) -> Edit | None:
    """What was added and removed between two sources, given with their code; None: more."""
    before, after = (_parse(*version) for version in (old, new))
    if ast.get_docstring(before.tree, clean=False) != ast.get_docstring(after.tree, clean=False):
        return None
    kept = _aligned(before, after)
    if kept is None:
        return None
    stays, remains = ([pair[side] for pair in kept] for side in (0, 1))
    gone = _taken_out(path, before, stays)
    come = _taken_out(path, after, remains)
    if gone is None or come is None:
        return None
    come = _in_place(gone, come)
    if not (
        _first_stays(before, stays)
        and _first_stays(after, remains)
        and all(one.where or one.kind == NOTHING for one in come)
        and not _may_be_starred(before, stays, gone, come)
    ):
        return None
    rest = [
        _without_headers(before.tree.body[one], after.tree.body[other], before, after)
        for one, other in kept
    ]
    headers = tuple(header for part in rest for header in part.headers)
    if not (gone or come or headers):
        return None
    rest_of_old = _compile(path, [part.old for part in rest], before)
    rest_of_new = _compile(path, [part.new for part in rest], after)
    return Edit(rest_of_old, rest_of_new, tuple(gone), tuple(come), headers)


def _parse(source: bytes, code: CodeType) -> _Source:
    tree = ast.parse(source)
    return _Source(tree, code, source.splitlines())


def _compile(path: str, statements: list[ast.stmt], source: _Source) -> CodeType:
    """The code of some statements of a source, with the functions of the whole.

    Those depend on what stands around them: a call ``name.method()`` is compiled in another way
    where the module has an import of ``name``.
    """
    module = ast.Module(body=statements, type_ignores=[])
    flags = source.code.co_flags & _FUTURE_FLAGS
    code: CodeType = compile(module, path, "exec", flags=flags, dont_inherit=True)
    return _with_functions(code, source.code)


def _with_functions(part: CodeType, whole: CodeType) -> CodeType:
    """The body of a module or class with the functions of another version of the same."""
    found: dict[Position, deque[CodeType]] = {}
    for inner in nested(whole):
        found.setdefault(position(inner), deque()).append(inner)
    constants = [
        _other_version(one, found[position(one)].popleft()) if type(one) is CodeType else one
        for one in part.co_consts
    ]
    return part.replace(co_consts=tuple(constants))


def _other_version(part: CodeType, whole: CodeType) -> CodeType:
    return _with_functions(part, whole) if is_class_or_module_body(part) else whole


def _first_stays(source: _Source, kept: list[int]) -> bool:
    """Whether the annotations of the module are where they are without what is taken out.

    Since Python 3.14 they are a function of their own, which stands where the first statement does.
    """
    if not names_bound(source.code)["__annotate__"]:
        return True
    has_docstring = ast.get_docstring(source.tree, clean=False) is not None
    return set(range(1 + has_docstring)) <= set(kept)


# -- which statements correspond ------------------------------------------------


def _aligned(before: _Source, after: _Source) -> list[tuple[int, int]] | None:
    """The indexes of the statements that stay, in both sources; the others came and went."""
    old, new = ([_label(one) for one in source.tree.body] for source in (before, after))
    pairs: list[tuple[int, int]] = []
    for what, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pairs += zip(range(i1, i2), range(j1, j2), strict=True)
            continue
        # What does more than bind names has to stay; its code is compared afterwards.
        stays = [at for at in range(i1, i2) if _kind(before.tree.body[at], before.code) is None]
        remains = [at for at in range(j1, j2) if _kind(after.tree.body[at], after.code) is None]
        if len(stays) != len(remains):
            return None
        pairs += zip(stays, remains, strict=True)
    return [
        (one, other)
        for one, other in pairs
        if not _is_redefined(before.tree.body[one], after.tree.body[other], before, after)
    ]


def _without_headers(old: ast.stmt, new: ast.stmt, before: _Source, after: _Source) -> Without:
    if _has_same_text(old, new, before, after):
        return Without(old, new)
    return without_headers(old, new, before.code)


def _has_same_text(old: ast.stmt, new: ast.stmt, before: _Source, after: _Source) -> bool:
    """Whether two functions or classes of a module are written alike; most are, in most edits."""
    # The first two lines may name another encoding.
    return before.lines[:2] == after.lines[:2] and _text(old, before) == _text(new, after) != []


def _text(statement: ast.stmt, source: _Source) -> Sequence[bytes]:
    """The lines of a function or class; none of another statement, which may share its lines."""
    if not isinstance(statement, _Scope):
        return []
    first = min(one.lineno for one in (statement, *statement.decorator_list))
    return source.lines[first - 1 : statement.end_lineno]


def _is_redefined(old: ast.stmt, new: ast.stmt, before: _Source, after: _Source) -> bool:
    """Whether a plain function of the same name has to be made anew, for what is seen of it."""
    if not (isinstance(old, Function) and isinstance(new, Function)):
        return False
    if _has_same_text(old, new, before, after):
        return False
    if not _kind(old, before.code) == _kind(new, after.code) == FUNCTION:
        return False
    docstrings = {ast.get_docstring(one, clean=False) for one in (old, new)}
    if len(docstrings) > 1:
        return True
    is_compared = without_headers(old, new, before.code).headers
    return shape(old) != shape(new) and not is_compared


def _label(statement: ast.stmt) -> tuple[object, ...]:
    """Equal for two statements that are versions of one."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return "def", statement.name, bool(statement.decorator_list)
    if isinstance(statement, ast.ClassDef):
        return "class", statement.name
    return (ast.dump(statement),)


# -- which statements do nothing but bind names ----------------------------------


def _kind(statement: ast.stmt, code: CodeType) -> str | None:
    match statement:
        case ast.ImportFrom(module="__future__"):
            return None
        case ast.Import() | ast.ImportFrom():
            return None if _is_star_import(statement) else IMPORT
        case ast.Assign(targets=[ast.Name()], value=value):
            return CONSTANT if is_literal(value) else None
        case ast.If(orelse=[], body=body) if _is_type_checking(statement.test):
            harmless = all(isinstance(one, (ast.Import, ast.ImportFrom, ast.Pass)) for one in body)
            return NOTHING if harmless and not any(map(_is_star_import, body)) else None
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            is_plain = not statement.decorator_list and has_plain_header(statement, code)
            return FUNCTION if is_plain else None
    return None


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == _TYPE_CHECKING


def _is_star_import(statement: ast.AST) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _has_star_import(statement: ast.stmt) -> bool:
    # Functions and classes cannot have one.
    is_scope = isinstance(statement, _Scope)
    return not is_scope and any(map(_is_star_import, ast.walk(statement)))


def _may_be_starred(
    source: _Source, kept: list[int], gone: list[Statement], come: list[Statement]
) -> bool:
    """Whether a star import may have bound the same names as statements that went.

    One before them does not matter where others of the same names come in their places.
    """
    names = {name for one in gone for name in one.names}
    if not names:
        return False
    stars = [at for at, one in enumerate(source.tree.body) if _has_star_import(one)]
    replaced = {name for one in come if one.where == SAME for name in one.names}
    taken = set(range(len(source.tree.body))) - set(kept)
    return bool(stars) and (min(taken) < stars[-1] or not names <= replaced)


# -- taking them out --------------------------------------------------------------


def _taken_out(path: str, source: _Source, kept: list[int]) -> list[Statement] | None:
    """The statements that do not stay; None if one of them cannot be taken out."""
    body, bound = source.tree.body, names_bound(source.code)
    never_run = _bound_for_type_checkers(source, bound)
    bound -= never_run
    found: list[Statement] = []
    gap = loud = 0
    for at, statement in enumerate(body):
        kind = _kind(statement, source.code)
        if at in kept:
            gap += 1
            loud += kind is None and not _binds_nothing(statement, source.code)
            continue
        one = _alone(path, source, at, bound, set(kept))
        if one is None:
            return None
        uses = (*one.uses, _TYPE_CHECKING) if never_run else one.uses
        found.append(replace(one, uses=uses, gap=gap, loud_gap=loud))
    return found


def _in_place(gone: list[Statement], come: list[Statement]) -> list[Statement]:
    """Mark the statements that came where one that binds the same names went."""
    before = [(one.gap, one.names) for one in gone if one.names]
    after = [(one.gap, one.names) for one in come if one.names]
    same = [key for key in before if key in after]
    if same != [key for key in after if key in before]:
        return come
    return [replace(one, where=SAME) if (one.gap, one.names) in same else one for one in come]


def _alone(
    path: str, source: _Source, at: int, bound: Counter[str], kept: set[int]
) -> Statement | None:
    body = source.tree.body
    kind = _kind(body[at], source.code)
    if kind is None:
        return None
    if kind == NOTHING:
        code = _compile(path, [], source)
        known = _knows_type_checking(body[:at], bound)
        return Statement(NOTHING, (), code, uses=(_TYPE_CHECKING,)) if known else None
    names = _names(body[at])
    if any(bound[name] != 1 or _is_special(name) for name in names):
        return None
    where = _where(source, at, bound, kept) or ("", "")
    code = _compile(path, [body[at]], source)
    imports = tuple(_imported(body[at])) if kind == IMPORT else ()
    uses = types_named(one) if isinstance(one := body[at], Function) else ()
    return Statement(kind, names, code, imports, uses, *where)


def _knows_type_checking(earlier: Iterable[ast.stmt], bound: Counter[str]) -> bool:
    return bound[_TYPE_CHECKING] == 1 and any(
        isinstance(one, ast.ImportFrom)
        and one.module == "typing"
        and any(alias.name == _TYPE_CHECKING and not alias.asname for alias in one.names)
        for one in earlier
    )


def _bound_for_type_checkers(source: _Source, bound: Counter[str]) -> Counter[str]:
    """How often names are bound where ``TYPE_CHECKING`` prevents it."""
    body = source.tree.body
    return Counter(
        name
        for at, statement in enumerate(body)
        if isinstance(statement, ast.If) and _kind(statement, source.code) == NOTHING
        if _knows_type_checking(body[:at], bound)
        for one in statement.body
        for name in _names(one)
    )


def _is_special(name: str) -> bool:
    return name[:2] == name[-2:] == "__"


def _names(statement: ast.stmt) -> tuple[str, ...]:
    """The names bound by a statement that binds nothing else afterwards, in order."""
    match statement:
        case ast.Import(names=aliases):
            return tuple(one.asname or one.name.partition(".")[0] for one in aliases)
        case ast.ImportFrom(names=aliases):
            return tuple(one.asname or one.name for one in aliases if one.name != "*")
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Assign(targets=[*_, ast.Name(id=name)]):
            return (name,)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return (name,)
    return ()


def _imported(statement: ast.stmt) -> Iterator[Imported]:
    match statement:
        case ast.Import(names=aliases):
            for one in aliases:
                first, *rest = one.name.split(".")
                name, more = (one.asname, tuple(rest)) if one.asname else (first, ())
                yield Imported(name, one.name, 0, first, more)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            for one in aliases:
                name = one.asname or one.name
                yield Imported(name, module or "", level or 0, module or "", (one.name,))


def _where(source: _Source, at: int, bound: Counter[str], kept: set[int]) -> tuple[str, str] | None:
    """Where the names of a statement stand among those of the module; None: not certain."""
    body = source.tree.body
    if any(map(_has_star_import, body[:at])):
        return None  # the name to go by may have been bound there
    for one in reversed(body[:at]):
        if not _binds_nothing(one, source.code):
            names = _names(one)
            if names and bound[names[-1]] == 1:
                return AFTER, names[-1]
            break
    else:
        return FIRST, ""
    for index in range(at + 1, len(body)):
        one = body[index]
        if index in kept and not _binds_nothing(one, source.code):
            names = _names(one) if _kind(one, source.code) in {FUNCTION, CONSTANT} else ()
            return (BEFORE, names[0]) if names and bound[names[0]] == 1 else None
    return None


def _binds_nothing(statement: ast.stmt, code: CodeType) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
    return _kind(statement, code) == NOTHING
