"""The user's own sources as trees, in which the place of a mistake is looked for."""

from __future__ import annotations

import ast
import itertools
import os
import sys
from typing import TYPE_CHECKING, Any

from ..paths import absolute
from ..records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .excerpt import SourceReader
    from .tracebacks import Territory

MAX_FILES = 300


@dataclass(frozen=True)
class Origin:
    """A place in the user's code, and what is probably wrong there."""

    path: str
    line: int
    hint: str = ""


def parsed_trees(
    paths: Iterable[str], territory: Territory, reader: SourceReader
) -> list[tuple[str, ast.Module]]:
    """The user's files, parsed, the settings first.

    ``paths`` are files to look at besides those of the loaded modules.
    """
    files = list(itertools.islice(_candidates(paths, territory), MAX_FILES))
    return [(path, tree) for path in files if (tree := parse(path, reader)) is not None]


def _candidates(paths: Iterable[str], territory: Territory) -> Iterator[str]:
    landmarks = territory.landmarks
    settings = sys.modules.get(os.environ.get(landmarks.settings_variable, ""))
    loaded = [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    shared = [found for found in loaded if landmarks.settings_name in found]
    first = [vars(settings)] if settings is not None else []
    modules = [_file_of(found) for found in (*first, *shared)]
    rest = [_file_of(found) for found in loaded]
    for path in dict.fromkeys([*modules, *paths, *rest]):
        if path and path.endswith(".py") and territory.owns(path):
            yield path


def _file_of(namespace: dict[str, Any]) -> str:
    path = namespace.get("__file__")
    return absolute(path) if isinstance(path, str) else ""


def parse(path: str, reader: SourceReader) -> ast.Module | None:
    """The tree of the file, ``None`` if it has none."""
    try:
        return ast.parse("\n".join(reader.lines(path)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def targets(node: ast.stmt) -> list[str]:
    """The names that a statement binds."""
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
