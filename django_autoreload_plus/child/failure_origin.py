"""Where a wrong name comes from that only a library has tripped over.

``"django.contrib.admin" "polls"``: the missing comma is in the settings, the
exception is raised far below, and the last line of the user's in between is
one of ``manage.py`` that is always right. So the names in the message are
looked for in the project's own sources.
"""

from __future__ import annotations

import ast
import io
import itertools
import os
import re
import sys
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django_autoreload_plus.child.failure_trace import Territory
    from django_autoreload_plus.protocol.excerpt import SourceReader

MAX_FILES = 300
MAX_CLUES = 6

_QUOTED = re.compile(r"""["']([A-Za-z_][\w.-]{2,200})["']""")
_SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_CLASS = re.compile(r"\binstead of (\w+)")
_FILE = re.compile(r"""from ['"]([^'"]+\.py)['"]""")


@dataclass(frozen=True)
class Origin:
    """A place in the user's code, and what is probably wrong there."""

    path: str
    line: int
    hint: str = ""


def find_origin(
    error: BaseException,
    message: str,
    paths: Iterable[str],
    territory: Territory,
    reader: SourceReader,
) -> Origin | None:
    """Return where a name in ``message`` is written in the user's code.

    ``paths`` are files to look at besides those of the loaded modules.
    """
    files = list(itertools.islice(_candidates(paths, territory), MAX_FILES))
    trees = [(path, tree) for path in files if (tree := _parse(path, reader)) is not None]
    origin = _find_text(clues(error, message), trees, reader)
    if origin is None and (found := _CLASS.search(message)):
        origin = _find_argument(found[1], trees)
    return origin or _find_setting(_SETTING.findall(message), trees)


def find_file(message: str, territory: Territory) -> Origin | None:
    """Return the user's file that ``message`` says it is about."""
    found = _FILE.search(message)
    return Origin(found[1], 1) if found and territory.owns(found[1]) else None


def clues(error: BaseException, message: str) -> list[str]:
    """Return the names that an error mentions, the most telling first."""
    name = getattr(error, "name", None)
    quoted = _QUOTED.findall(message)[:MAX_CLUES]
    joined = [f"{first}.{second}" for first, second in itertools.permutations(quoted, 2)]
    named = [name] if isinstance(name, str) and name else []
    return list(dict.fromkeys([*named, *joined, *quoted]))


def find_object(
    label: str, message: str, territory: Territory, reader: SourceReader
) -> Origin | None:
    """Return where an object is defined that a system check names.

    ``label`` is ``"app.Model"``, ``"app.Model.field"`` or the ``repr()`` of a
    class.
    """
    shown = re.fullmatch(r"<class '([\w.]+)\.(\w+)'>", label)
    if shown:
        module = sys.modules.get(shown[1])
        path, name = getattr(module, "__file__", None), shown[2]
        members = _QUOTED.findall(message.replace("[", "'["))
    else:
        app, _, rest = label.partition(".")
        name, _, member = rest.partition(".")
        path = _model_file(app, name)
        members = [member]
    if not isinstance(path, str) or not territory.owns(path):
        return None
    return _find_class(os.path.abspath(path), name, members, reader)


def _model_file(app: str, name: str) -> str | None:
    """Return the file of the model class ``name``, without asking Django."""
    for module in list(sys.modules.values()):
        found = vars(module).get(name) if hasattr(module, "__dict__") else None
        options = getattr(found, "_meta", None) if isinstance(found, type) else None
        if getattr(options, "app_label", None) == app:
            home = sys.modules.get(found.__module__) if found is not None else None
            return getattr(home, "__file__", None)
    return None


def _find_class(path: str, name: str, members: list[str], reader: SourceReader) -> Origin | None:
    tree = _parse(path, reader)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.lower() == name.lower():
            lines = {target: inner.lineno for inner in node.body for target in _targets(inner)}
            return Origin(path, next((lines[m] for m in members if m in lines), node.lineno))
    return None


def _candidates(paths: Iterable[str], territory: Territory) -> Iterator[str]:
    """Yield the user's files, the settings first."""
    settings = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    loaded = [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    shared = [found for found in loaded if "INSTALLED_APPS" in found]
    first = [vars(settings)] if settings is not None else []
    modules = [_file_of(found) for found in (*first, *shared)]
    rest = [_file_of(found) for found in loaded]
    for path in dict.fromkeys([*modules, *paths, *rest]):
        if path and path.endswith(".py") and territory.owns(path):
            yield path


def _file_of(namespace: dict[str, Any]) -> str:
    path = namespace.get("__file__")
    return os.path.abspath(path) if isinstance(path, str) else ""


def _parse(path: str, reader: SourceReader) -> ast.Module | None:
    try:
        return ast.parse("\n".join(reader.lines(path)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _find_text(
    names: list[str],
    trees: list[tuple[str, ast.Module]],
    reader: SourceReader,
) -> Origin | None:
    """Return the string literal that is one of ``names``, or a name inside of one."""
    longer: Origin | None = None
    texts = [(path, node) for path, tree in trees for node in ast.walk(tree) if _is_text(node)]
    for name in names:
        for path, node in texts:
            value = node.value if isinstance(node, ast.Constant) else ""
            if value == name:
                return _origin(path, node, reader)
            if longer is None and isinstance(value, str) and value.startswith(f"{name}."):
                longer = _origin(path, node, reader)
    return longer


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _origin(path: str, node: ast.AST, reader: SourceReader) -> Origin:
    line, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)
    segment = ast.get_source_segment("\n".join(reader.lines(path)), node)
    literals = _literals(segment or "")
    if not literals[1:]:
        return Origin(path, line)
    where = f"after {literals[0]}" if last > line else f"between {literals[0]} and {literals[1]}"
    return Origin(path, line, f"a comma is missing {where}")


def _literals(segment: str) -> list[str]:
    """Return the string literals that Python has joined into one."""
    # In parentheses: the literals may stand on several lines.
    source = io.StringIO(f"({segment})").readline
    try:
        return [
            token.string
            for token in tokenize.generate_tokens(source)
            if token.type == tokenize.STRING
        ]
    except (tokenize.TokenError, SyntaxError):
        return []


def _find_argument(name: str, trees: list[tuple[str, ast.Module]]) -> Origin | None:
    """Return where the class ``name`` itself is passed to a call: a forgotten ``as_view()``."""
    for path, tree in trees:
        for node in ast.walk(tree):
            for argument in node.args if isinstance(node, ast.Call) else ():
                if name in {getattr(argument, "id", ""), getattr(argument, "attr", "")}:
                    return Origin(path, argument.lineno)
    return None


def _find_setting(names: list[str], trees: list[tuple[str, ast.Module]]) -> Origin | None:
    for name in names:
        for path, tree in trees:
            for node in tree.body:
                if name in _targets(node):
                    return Origin(path, node.lineno)
    return None


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
