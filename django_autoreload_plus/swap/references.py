"""Proof by reference counts that only functions and parent code hold a code object.

Code objects are invisible to the garbage collector, so there is no asking who refers to one. But
each reference counts, whoever holds it: when functions, parents and this package account for all
of them, there is nobody else.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Iterable
from types import CodeType

from .equality import nested


def reachable(roots: Iterable[CodeType]) -> dict[int, CodeType]:
    """The code objects and everything nested in them, each once, by identity."""
    found: dict[int, CodeType] = {}
    waiting = list(roots)
    while waiting:
        code = waiting.pop()
        if id(code) not in found:
            found[id(code)] = code
            waiting.extend(nested(code))
    return found


def held_elsewhere(found: dict[int, CodeType], known: Counter[int]) -> set[int]:
    """The ids of those code objects that somebody unknown refers to.

    ``found``: what `reachable` returned; nobody else here may refer to its values.
    ``known``: how many functions and records of the caller's refer to each, by id.
    """
    tuples = {id(code.co_consts): code.co_consts for code in found.values()}
    known = known + Counter(
        id(inner) for constants in tuples.values() for inner in constants if type(inner) is CodeType
    )
    # Counting adds references of its own, by version: measure them with an unused code object.
    nobody = _add_unreferenced(found)
    references = {key: sys.getrefcount(found[key]) for key in found}
    del found[nobody]
    own = references.pop(nobody)
    return {
        key
        for key, count in references.items()
        if count != own + known[key] or weakref.getweakrefcount(found[key])
    }


def _add_unreferenced(found: dict[int, CodeType]) -> int:
    code = compile("0", "<nobody>", "eval")
    found[id(code)] = code
    return id(code)
