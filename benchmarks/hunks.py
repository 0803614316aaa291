"""The hunks between two versions of a package, and what kind of edit each of them is.

A hunk is what a unified diff with three lines of context shows as one. Applied alone to the older
version it stands for one save of a developer's.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Lines of context: changes that are nearer to one another than twice this are one hunk.
CONTEXT = 3
#: Left out: code that is not loaded by the server, or not edited by hand.
NOT_EDITED = re.compile(r"(^|/)(tests?|migrations|test_\w+|\w+_tests?|testapp|conftest)(/|\.py$)")

#: The kinds of edits, from the easiest to the hardest; a hunk is of the hardest that it contains.
COMMENT = "comment or format only"
BODY = "function bodies"
IMPORT = "imports"
FUNCTION = "plain functions or methods added or removed"
OUTSIDE = "signatures, docstrings"
CONSTANT = "constants"
EXPRESSION = "other expressions in class and module bodies"
OTHER = "new classes, decorators, other statements"
KINDS = (COMMENT, BODY, IMPORT, FUNCTION, OUTSIDE, CONSTANT, EXPRESSION, OTHER)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Hunk:
    """One change of one file."""

    #: Relative to the folder of both versions.
    path: str
    #: Where the changed lines begin in the older version, from 1.
    line: int
    #: The whole file without the hunk, and with it.
    old: str
    new: str

    def is_valid(self) -> bool:
        """Whether the file compiles with the hunk alone."""
        try:
            compile(self.new, self.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return True

    def kinds(self) -> frozenset[str]:
        """The kinds of edits that it contains."""
        return frozenset(_kinds(self.old, self.new))

    def kind(self) -> str:
        """The hardest kind of edit that it contains."""
        return max(self.kinds(), key=KINDS.index)


def between(old: Path, new: Path, package: str) -> Iterator[Hunk]:
    """The hunks of all files of ``package`` that are in both folders, in order."""
    for path in sorted((old / package).rglob("*.py")):
        relative = path.relative_to(old).as_posix()
        other = new / relative
        if other.exists() and not NOT_EDITED.search(relative):
            yield from of_file(relative, path.read_text("utf-8"), other.read_text("utf-8"))


def of_file(path: str, old: str, new: str) -> Iterator[Hunk]:
    """The hunks between two versions of one file, each applied alone to the older one."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        changed = [*before[: first[1]], *after[first[3] : last[4]], *before[last[2] :]]
        line = next(start for what, start, *_ in group if what != "equal") + 1
        yield Hunk(path, line, old, "".join(changed))


# -- kinds ----------------------------------------------------------------------


def _kinds(old: str, new: str) -> Iterator[str]:
    yield COMMENT
    before, after = ast.parse(old), ast.parse(new)
    yield from _bodies(_undocumented(before), _undocumented(after))
    if ast.get_docstring(before, clean=False) != ast.get_docstring(after, clean=False):
        yield OUTSIDE


def _undocumented(owner: ast.Module | ast.ClassDef | Function) -> list[ast.stmt]:
    return owner.body[1:] if ast.get_docstring(owner, clean=False) is not None else owner.body


def _bodies(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> Iterator[str]:
    """The kinds of changes between two bodies, of modules or of classes."""
    before, after = [*map(ast.dump, old)], [*map(ast.dump, new)]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        if what != "equal":
            yield from _statements(old[i1:i2], new[j1:j2])


def _statements(old: Sequence[ast.stmt], new: Sequence[ast.stmt]) -> Iterator[str]:
    """The kinds of changes between statements of which none is in both."""
    known = {_title(one): one for one in old if _title(one)}
    met = set()
    for one in new:
        title = _title(one)
        before = known.get(title) if title else None
        if before is None:
            yield _whole(one)
        else:
            met.add(title)
            yield from _changed(before, one)
    yield from (_whole(one) for one in old if _title(one) not in met)


def _title(statement: ast.stmt) -> str:
    """By what a statement is recognized in the other version; empty: by nothing."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return f"def {name}"
        case ast.ClassDef(name=name):
            return f"class {name}"
        case ast.If(test=test):
            return f"if {ast.dump(test)}"
    return ""


def _whole(statement: ast.stmt) -> str:
    """The kind of an edit that adds, removes or replaces this statement."""
    kind = OTHER
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            kind = IMPORT
        case ast.FunctionDef(decorator_list=[]) | ast.AsyncFunctionDef(decorator_list=[]):
            kind = FUNCTION
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            kind = CONSTANT if _is_constant(value) else EXPRESSION
        case ast.Expr() | ast.AugAssign() | ast.AnnAssign():
            kind = EXPRESSION
        case ast.Pass():
            kind = COMMENT
    return kind


def _is_constant(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True


def _changed(old: ast.stmt, new: ast.stmt) -> Iterator[str]:
    """The kinds of changes inside one statement."""
    match old, new:
        case (ast.ClassDef() as before, ast.ClassDef() as after):
            yield from _changed_class(before, after)
        case (
            ast.FunctionDef() | ast.AsyncFunctionDef() as before,
            ast.FunctionDef() | ast.AsyncFunctionDef() as after,
        ):
            yield from _changed_function(before, after)
        case (ast.If() as before, ast.If() as after):
            yield from _bodies(before.body, after.body)
            yield from _bodies(before.orelse, after.orelse)
        case _:
            yield OTHER


def _changed_class(old: ast.ClassDef, new: ast.ClassDef) -> Iterator[str]:
    if _dumped(old.decorator_list, old.bases, old.keywords) != _dumped(
        new.decorator_list, new.bases, new.keywords
    ):
        yield OTHER
    if ast.get_docstring(old, clean=False) != ast.get_docstring(new, clean=False):
        yield OUTSIDE
    yield from _bodies(_undocumented(old), _undocumented(new))


def _changed_function(old: Function, new: Function) -> Iterator[str]:
    if type(old) is not type(new) or _dumped(old.decorator_list) != _dumped(new.decorator_list):
        yield OTHER
    if ast.dump(old.args) != ast.dump(new.args) or _dumped([old.returns]) != _dumped([new.returns]):
        yield OUTSIDE
    if ast.get_docstring(old, clean=False) != ast.get_docstring(new, clean=False):
        yield OUTSIDE
    if _dumped(_undocumented(old)) != _dumped(_undocumented(new)):
        yield BODY


def _dumped(*groups: Sequence[ast.AST | None]) -> list[list[str]]:
    return [["" if one is None else ast.dump(one) for one in group] for group in groups]
