"""Globs, walked directory by directory so that only possible places are entered."""

from __future__ import annotations

import fnmatch
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ..records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Directories a glob enters only when it starts inside one of them.
_CLOSED = frozenset(
    {
        "node_modules", "bower_components", "__pycache__", ".git", ".hg", ".svn", ".jj",
        ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache",
        ".idea", ".eggs", "site-packages",
    }
)  # fmt: skip

#: Temporary files of editors, of version control and of Python.
_DEBRIS = re.compile(
    r"""
    .*\.py[co] | .*~ | \.\#.* | \#.*\# | .*\.sw[a-z] | 4913 | \.goutputstream-.* | \.nfs.*
    | .*___jb_(tmp|old|bak)___ | .*\.(tmp|orig|rej|bak|crdownload|part) | sed[A-Za-z0-9]{6}
    | \.DS_Store | \.directory | \.~lock\..*
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=4096)
def _part(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(os.path.normcase(pattern)))


def _fits(name: str, pattern: str) -> bool:
    return _part(pattern).match(os.path.normcase(name)) is not None


def _is_closed(name: str) -> bool:
    """Whether a directory of this name is never entered by a glob from above."""
    return name in _CLOSED


def _is_debris(name: str) -> bool:
    """Whether a file of this name is a by-product that no glob means."""
    return _DEBRIS.fullmatch(name) is not None


@dataclass(frozen=True)
class Glob:
    """A pattern below a directory; a *state* is how many parts are consumed."""

    base: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, base: str, pattern: str) -> Glob:
        """Read a pattern like that of ``Path.glob``; a final ``**`` means all files.

        Fixed leading directories move into ``base``, so nothing beside them
        is looked at.
        """
        parts = [part for part in re.split(r"[/\\]" if os.sep == "\\" else "/", pattern) if part]
        while len(parts) > 1 and not set(parts[0]) & set("*?["):
            base = os.path.normpath(os.path.join(base, parts.pop(0)))
        if not parts or parts[-1] == "**":
            parts.append("*")
        return cls(base, tuple(parts))

    @property
    def start(self) -> frozenset[int]:
        """The states in ``base``."""
        return self._spread({0})

    def _spread(self, states: Iterable[int]) -> frozenset[int]:
        """``**`` may also stand for no directory at all."""
        result: set[int] = set()
        for state in states:
            end = state
            while self.parts[end] == "**":
                end += 1
            result.update(range(state, end + 1))
        return frozenset(result)

    def below(self, states: frozenset[int], name: str, *, link: bool) -> frozenset[int]:
        """The states in the subdirectory ``name``; none if nothing in it can match.

        As in ``Path.glob``, ``**`` does not follow links to directories.
        """
        last = len(self.parts) - 1
        result = set()
        for state in states:
            part = self.parts[state]
            if part == "**":
                if not link and not _is_closed(name):
                    result.add(state)
            elif state < last and _fits(name, part):
                result.add(state + 1)
        return self._spread(result)

    def matches(self, states: frozenset[int], name: str) -> bool:
        """Whether a file ``name`` in a directory reached with ``states`` is meant."""
        last = len(self.parts) - 1
        if last not in states or not _fits(name, self.parts[last]):
            return False
        return name == self.parts[last] or not _is_debris(name)


def _translate(pattern: str) -> str:
    """Write a glob with ``**`` as a regular expression over ``/``-separated paths."""
    expression = []
    for part in re.split(r"(\*\*/|/?\*\*$|\*|\?|\[[^\]]+\])", pattern):
        if part == "**/":
            expression.append("(?:.*/)?")
        elif part in ("**", "/**"):
            expression.append("(?:/.*)?" if part == "/**" else ".*")
        elif part == "*":
            expression.append("[^/]*")
        elif part == "?":
            expression.append("[^/]")
        elif part.startswith("[") and part.endswith("]"):
            expression.append("[" + part[1:-1].replace("!", "^", 1) + "]")
        else:
            expression.append(re.escape(part))
    return "".join(expression)


class IgnoreRules:
    """The user's ``IGNORE`` globs.

    A pattern without a slash is a name at any depth (``*.log``); any other is
    a path, relative ones below ``root``. A matching directory takes everything
    in it along.
    """

    def __init__(self, patterns: Iterable[str], root: str) -> None:
        expressions = []
        for pattern in patterns:
            text = pattern.replace(os.sep, "/").rstrip("/")
            if "/" not in text:
                text = "**/" + text
            elif not os.path.isabs(text):
                text = root.replace(os.sep, "/").rstrip("/") + "/" + text
            expressions.append(_translate(text) + "(?:/.*)?")
        self._expression = re.compile("|".join(expressions)) if expressions else None

    def __call__(self, path: str) -> bool:
        """Whether changes of ``path`` are to be ignored."""
        if self._expression is None:
            return False
        return self._expression.fullmatch(path.replace(os.sep, "/")) is not None
