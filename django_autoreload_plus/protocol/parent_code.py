"""Finds code that is for the reloader's first process, the parent of the one that serves.

By convention the variable ``RUN_MAIN`` is ``"true"`` in the process that serves and
absent in its parent, which outlives every reload. Code that asks for it mostly wants
to run in the child only; what it does for the parent is found by reading its tests.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

#: Calls that may say why the parent leaves.
_SPEAKING = ("debug", "info", "warning", "print")
_LEAVING = (ast.Return, ast.Continue, ast.Break, ast.Raise)


def has_parent_code(source: bytes, names: Collection[str], arguments: Collection[str]) -> bool:
    """Whether a source does something in the parent that the child does not do.

    ``names`` are those of the variable, as text or as a constant that holds it;
    ``arguments`` those of the command. In doubt the answer is yes.
    """
    if not any(name.encode() in source for name in names):
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    mentions = _Mentions(frozenset(names), frozenset(arguments))
    return mentions.count(tree) > sum(map(mentions.explained, ast.walk(tree)))


class _Mentions:
    def __init__(self, names: frozenset[str], arguments: frozenset[str]) -> None:
        self._names = names
        self._arguments = arguments

    def count(self, tree: ast.AST) -> int:
        """How often the variable is named."""
        return sum(map(self._is_name, ast.walk(tree)))

    def explained(self, node: ast.AST) -> int:
        """How many of the names in a node itself have nothing for the parent."""
        if isinstance(node, ast.Assert):
            return self.count(node.test)
        if not isinstance(node, ast.If):
            return 0
        mentions = self.count(node.test)
        return mentions if mentions and self._is_for_the_child(node) else 0

    def _is_for_the_child(self, node: ast.If) -> bool:
        if node.orelse:
            return False
        if self._value(node.test) is False:
            # The parent does not enter; what follows would be its own if the child left.
            leaves = any(isinstance(part, _LEAVING) or _exits(part) for part in _flow(node.body))
            # A mere flag may be read the other way round elsewhere.
            return not (leaves or all(isinstance(part, ast.Assign) for part in node.body))
        # The parent enters, if only to leave.
        return _only_leaves(node.body)

    def _value(self, test: ast.expr) -> bool | None:
        """What a test gives in the parent; ``None``: that depends on something else."""
        if isinstance(test, ast.BoolOp):
            values = [self._value(value) for value in test.values]
            decisive = isinstance(test.op, ast.Or)
            if decisive in values:
                return decisive
            return None if None in values else not decisive
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            value = self._value(test.operand)
            return None if value is None else not value
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            return self._compared(test.left, test.ops[0], test.comparators[0])
        default = self._default(test)
        return None if default is None else bool(default.value)

    def _compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool | None:
        if isinstance(operator, (ast.In, ast.NotIn)):
            given = self._given(left, right)
            return given if given is None or isinstance(operator, ast.In) else not given
        if not isinstance(right, ast.Constant):
            left, right = right, left
        default = self._default(left)
        if default is None or not isinstance(right, ast.Constant):
            return None
        same = bool(default.value == right.value)
        if isinstance(operator, (ast.Eq, ast.Is)):
            return same
        return not same if isinstance(operator, (ast.NotEq, ast.IsNot)) else None

    def _given(self, item: ast.expr, container: ast.expr) -> bool | None:
        if self._is_name(item):
            return False
        if isinstance(item, ast.Constant) and getattr(container, "attr", "") == "argv":
            return item.value in self._arguments
        return None

    def _default(self, value: ast.expr) -> ast.Constant | None:
        """What ``os.environ.get(NAME, default)`` and its like give in the parent."""
        if not isinstance(value, ast.Call) or not 1 <= len(value.args) <= 2 or value.keywords:
            return None
        default = value.args[1] if len(value.args) == 2 else ast.Constant(None)
        return (
            default if self._is_name(value.args[0]) and isinstance(default, ast.Constant) else None
        )

    def _is_name(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and node.value in self._names
        if isinstance(node, ast.Attribute):
            return node.attr in self._names
        return isinstance(node, ast.Name) and node.id in self._names


def _flow(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Everything in a body but what is only defined there."""
    for statement in body:
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement
            for part in ast.iter_child_nodes(statement):
                yield from _flow([part]) if isinstance(part, ast.stmt) else ast.walk(part)


def _exits(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return (getattr(called, "attr", "") or getattr(called, "id", "")) in ("exit", "_exit", "abort")


def _only_leaves(body: list[ast.stmt]) -> bool:
    *before, last = body
    if isinstance(last, ast.Return):
        # Who calls the function may ask for any other value.
        leaves = last.value is None
    else:
        leaves = isinstance(last, (ast.Pass, *_LEAVING))
    return leaves and all(map(_is_speaking, before))


def _is_speaking(statement: ast.stmt) -> bool:
    called = getattr(getattr(statement, "value", None), "func", None)
    return (getattr(called, "attr", "") or getattr(called, "id", "")) in _SPEAKING
