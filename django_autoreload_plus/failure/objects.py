"""Where a class, a field or a function is defined that a message names."""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING

from ..paths import absolute
from .source import Origin, parse, parsed_trees, targets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .excerpt import SourceReader
    from .tracebacks import Territory

_CALL = re.compile(r"\b(?:(?P<home>\w+)\.)?(?P<name>\w+)\(\) (?:takes|missing|got) ")
_MEMBER = re.compile(r"""["'\[]([A-Za-z_]\w+)["'\[]""")


def find_function(
    message: str, paths: Iterable[str], territory: Territory, reader: SourceReader
) -> Origin | None:
    """The user's function that ``message`` says a library called in a wrong way.

    A forgotten ``self`` is such a mistake: the traceback ends at the call, in the
    library, and the function itself is in none of its frames.
    """
    found = _CALL.search(message)
    if found is None:
        return None
    for path, tree in parsed_trees(paths, territory, reader):
        for home in _homes(tree, found["home"]):
            for node in home.body:
                is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
                if is_function and getattr(node, "name", "") == found["name"]:
                    return Origin(path, node.lineno)
    return None


def _homes(tree: ast.Module, name: str | None) -> list[ast.Module | ast.ClassDef]:
    """The classes called ``name``, or the module for ``None``."""
    if name is None:
        return [tree]
    return [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == name]


def find_object(
    label: str, message: str, territory: Territory, reader: SourceReader
) -> Origin | None:
    """Where an object is defined that a system check names.

    ``label`` is ``"app.Model"``, ``"app.Model.field"`` or the ``repr()`` of a
    class.
    """
    shown = re.fullmatch(r"<class '([\w.]+)\.(\w+)'>", label)
    if shown:
        module = sys.modules.get(shown[1])
        path, name = getattr(module, "__file__", None), shown[2]
        members = _MEMBER.findall(message)
    else:
        app, _, rest = label.partition(".")
        name, _, member = rest.partition(".")
        path = _model_file(app, name)
        members = [member]
    if not isinstance(path, str) or not territory.owns(path):
        return None
    return _find_class(absolute(path), name, members, reader)


def _model_file(app: str, name: str) -> str | None:
    """The file of the model class ``name``, by the label that its ``_meta`` gives."""
    for module in list(sys.modules.values()):
        found = vars(module).get(name) if hasattr(module, "__dict__") else None
        options = getattr(found, "_meta", None) if isinstance(found, type) else None
        if getattr(options, "app_label", None) == app:
            home = sys.modules.get(found.__module__) if found is not None else None
            return getattr(home, "__file__", None)
    return None


def _find_class(path: str, name: str, members: list[str], reader: SourceReader) -> Origin | None:
    tree = parse(path, reader)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.lower() == name.lower():
            lines = {target: inner.lineno for inner in node.body for target in targets(inner)}
            return Origin(path, next((lines[m] for m in members if m in lines), node.lineno))
    return None
