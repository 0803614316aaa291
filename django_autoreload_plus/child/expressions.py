"""Regular expressions that requests have compiled, to be there before the next process needs them.

Compiling depends on the expression alone, and :mod:`re` keeps what was compiled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from .warning_filter import filtered

#: Begins the keys of expressions among those that requests have used.
EXPRESSION = "expression "
#: Longer ones are made of data rather than written in a program; no more are kept by the module.
_LONGEST = 1000
_MOST = 500


class Expressions:
    """What was compiled since :meth:`begin`."""

    def __init__(self) -> None:
        self._before: frozenset[Any] | None = None
        self._newest: Any = None
        self._used: set[str] = set()

    def begin(self) -> None:
        """From now on requests are what compiles, and no longer checks."""
        self._before = frozenset(_cache())

    def used(self) -> set[str]:
        """The keys of the expressions; cheap as long as there is no new one."""
        newest = next(reversed(_cache()), None)
        if self._before is not None and newest != self._newest and len(self._used) < _MOST:
            self._newest = newest
            self._used = {*self._keys()}
        return self._used

    def _keys(self) -> Iterator[str]:
        before = self._before or ()
        new = (entry for entry in [*_cache()] if entry not in before)
        for number, (kind, pattern, flags) in enumerate(new):
            if kind is str and len(pattern) <= _LONGEST and number < _MOST:
                yield EXPRESSION + json.dumps([int(flags), pattern])


def compile_expressions(keys: Collection[str]) -> None:
    """Compile the expressions with these keys, in a checkpoint that has time for it."""
    # What warns is left to the program: it would warn there.
    with filtered("error", Warning):
        for key in keys:
            if key.startswith(EXPRESSION):
                flags, pattern = json.loads(key.removeprefix(EXPRESSION))
                try:
                    re.compile(pattern, flags)
                except Exception:  # noqa: BLE001, S112 - what is wrong is told where it is used
                    continue


def _cache() -> dict[Any, Any]:
    cache: dict[Any, Any] = getattr(re, "_cache", {})
    return cache
