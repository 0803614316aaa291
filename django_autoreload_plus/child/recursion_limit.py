"""Leaves the program all of the recursion limit that it sets.

Below the program stand the reloader's frames, and above it those that record what it does: with
a low limit it would fail where it does not by itself. So the interpreter's limit is higher, and
the program is told its own.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

#: Room for the reloader: 15 frames below the program, and a hundred when a checkpoint is taken
#: in the middle of an import.
_OURS = 200
#: What the interpreter takes at most.
_MOST = 2**31 - 1


def install() -> None:
    """Raise the limit, and replace the functions that set it and ask for it."""
    set_limit, get_limit = sys.setrecursionlimit, sys.getrecursionlimit
    known = get_limit()

    @functools.wraps(set_limit)
    def setrecursionlimit(limit: Any, /) -> None:
        nonlocal known
        is_valid = isinstance(limit, int) and 0 < limit <= _MOST
        set_limit(min(limit + _OURS, _MOST) if is_valid else limit)
        known = limit

    @functools.wraps(get_limit)
    def getrecursionlimit() -> int:
        return known

    setrecursionlimit(known)
    sys.setrecursionlimit, sys.getrecursionlimit = setrecursionlimit, getrecursionlimit
