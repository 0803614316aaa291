"""A start that was measured: every import, and where copies were taken.

Times are seconds since the program began. The time that taking a copy takes is left out.
"""

from __future__ import annotations

from ..records import dataclass
from .reasons import Reason


@dataclass(frozen=True)
class Import:
    """A module that was looked for because it was not loaded yet."""

    name: str
    begin: float
    end: float
    #: The index in the sequence of the import in the middle of which this one began; -1: none.
    parent: int
    #: The file it was loaded from; ``""``: from none.
    path: str
    #: The code that asked for it.
    importer: str
    line: int
    #: It was not found, or raised an exception.
    failed: bool = False


@dataclass(frozen=True)
class Point:
    """A point of the start at which a frozen copy was taken, or was not."""

    label: str
    at: float
    #: Why there is none; ``None``: it was taken.
    reason: Reason | None = None
