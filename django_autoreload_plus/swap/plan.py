"""What has to be exchanged to turn one version of a file into another."""

from __future__ import annotations

from types import CodeType

from ..records import dataclass
from .compare import Refusal, changed_names, difference, paired
from .headers import Header
from .statements import CONSTANT, FUNCTION, IMPORT, Statement, split
from .support import unavailable

_WORDS = {IMPORT: "imports", FUNCTION: "functions", CONSTANT: "values"}


@dataclass(frozen=True)
class Exchanged:
    """Two module code objects that run alike, and the statements that are in one of them only."""

    old: CodeType
    new: CodeType
    gone: tuple[Statement, ...] = ()
    come: tuple[Statement, ...] = ()
    headers: tuple[Header, ...] = ()
    #: Functions that do something else than before.
    bodies: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What differs, by the names of functions and of what statements bind."""
        bound = (name for one in (*self.gone, *self.come) for name in one.names)
        return frozenset((*self.bodies, *bound, *(one.position[0] for one in self.headers)))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What differs, in words."""
        found = {_WORDS[one.kind] for one in (*self.gone, *self.come) if one.kind in _WORDS}
        if self.headers:
            found.add("defaults or annotations")
        return (*(["function bodies"] if self.bodies else []), *sorted(found)) or ("line numbers",)


def plan(
    path: str, old: tuple[bytes, CodeType], new: tuple[bytes, CodeType]
) -> Exchanged | Refusal:
    """Compare two versions of a file, each given as its source and the compiled code."""
    reason = unavailable()
    if reason is not None:
        return Refusal(reason)
    pairs = paired(old[1], new[1])
    if pairs:
        return Exchanged(old[1], new[1], bodies=changed_names(pairs))
    edit = split(path, old, new)
    if edit is not None:
        positions = frozenset(header.position for header in edit.headers)
        pairs = paired(edit.old, edit.new, positions)
        if pairs:
            bodies = changed_names(pairs)
            return Exchanged(edit.old, edit.new, edit.gone, edit.come, edit.headers, bodies)
    return Refusal(difference(old[1], new[1]))
