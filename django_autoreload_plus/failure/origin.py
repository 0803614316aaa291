"""Where a wrong name comes from that only a library has tripped over.

``"shop.admin" "polls"``: the missing comma is in the settings, the
exception is raised far below, and the last line of the user's in between is
one of the entry script that is always right. So the names in the message are
looked for in the project's own sources.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from typing import TYPE_CHECKING

from .source import Origin, parsed_trees, targets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .excerpt import SourceReader
    from .tracebacks import Territory

MAX_CLUES = 6

_QUOTED = re.compile(r"""["']([A-Za-z_][\w.-]{2,200})["']""")
_SETTING = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_CLASS = re.compile(r"\binstead of (\w+)")
_OPTION = re.compile(r"""["']([A-Z][A-Z_]{2,60})["']""")
_FILE = re.compile(r"""from ['"]([^'"]+\.py)['"]""")


def find_origin(
    error: BaseException,
    message: str,
    paths: Iterable[str],
    territory: Territory,
    reader: SourceReader,
) -> Origin | None:
    """Where a name in ``message`` is written in the user's code.

    ``paths`` are files to look at besides those of the loaded modules.
    """
    trees = parsed_trees(paths, territory, reader)
    origin = _find_text(clues(error, message), trees, reader)
    if origin is None and (found := _CLASS.search(message)):
        origin = _find_argument(found[1], trees)
    return origin or _find_setting(_SETTING.findall(message), trees)


def find_file(message: str, territory: Territory) -> Origin | None:
    """The user's file that ``message`` says it is about."""
    found = _FILE.search(message)
    return Origin(found[1], 1) if found and territory.owns(found[1]) else None


def find_named_by(line: str, territory: Territory, reader: SourceReader) -> Origin | None:
    """The setting, or the key of one, that a failing ``line`` of a library names."""
    settings = [
        (path, tree)
        for path, tree in parsed_trees((), territory, reader)
        if _find_setting([territory.landmarks.settings_name], [(path, tree)])
    ]
    return _find_text(_OPTION.findall(line), settings, reader) or _find_setting(
        _SETTING.findall(line), settings
    )


def clues(error: BaseException, message: str) -> list[str]:
    """The names that an error mentions, the most telling first."""
    name = getattr(error, "name", None)
    quoted = _QUOTED.findall(message)[:MAX_CLUES]
    joined = [f"{first}.{second}" for first, second in itertools.permutations(quoted, 2)]
    named = [name] if isinstance(name, str) and name else []
    return list(dict.fromkeys([*named, *joined, *quoted]))


def _find_text(
    names: list[str],
    trees: list[tuple[str, ast.Module]],
    reader: SourceReader,
) -> Origin | None:
    """The string literal that is one of ``names``, or a name inside of one."""
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
    """The string literals that Python has joined into one."""
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
    """Where the class ``name`` itself is passed to a call: a forgotten ``as_view()``."""
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
                if name in targets(node):
                    return Origin(path, node.lineno)
    return None
