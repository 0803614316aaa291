"""Whether a new source differs from the old one only in what can be swapped.

Pure: works on the code objects of two modules, knows nothing of the process. What it calls
changed must not have run; whether it has, `apply` finds out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS, CO_VARKEYWORDS
from operator import attrgetter
from types import CodeType

from ..protocol.reasons import Reason
from ..records import dataclass
from . import explain
from .equality import (
    Position,
    docstring,
    identical,
    nested,
    position,
    qualname,
    runs_with_parent,
    same_itself,
)
from .support import unavailable

_KINDS = {
    0: "a plain function",
    CO_GENERATOR: "a generator",
    CO_COROUTINE: "a coroutine",
    CO_ASYNC_GENERATOR: "an asynchronous generator",
}


@dataclass(frozen=True)
class Refusal:
    """Swapping would not, or not provably, give the state of a fresh start."""

    reason: Reason


@dataclass(frozen=True)
class Pair:
    """A code object of the old source and what takes its place in the new one.

    ``changed``: it does something else than before. ``identical``: nothing has to be done for it,
    not even for its line numbers. ``new`` is None for code nested in a changed function:
    nothing takes its place, and it exists in the process only if that function ran.
    """

    old: CodeType
    new: CodeType | None
    changed: bool
    identical: bool


def changed_names(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The functions that do something else than before, by their dotted names."""
    return tuple(qualname(pair.old) for pair in pairs if pair.changed and pair.new is not None)


def match(
    old: CodeType, new: CodeType, headers: frozenset[Position] = frozenset()
) -> tuple[Pair, ...] | Refusal:
    """Pair every code object of the old source with its new version, the module's own first."""
    reason = unavailable()
    if reason is not None:
        return Refusal(reason)
    return paired(old, new, headers) or Refusal(difference(old, new, headers))


def paired(
    old: CodeType, new: CodeType, headers: frozenset[Position] = frozenset()
) -> tuple[Pair, ...]:
    """The same without a reason, which takes long to find: no pair at all if there is one."""
    return tuple(_pairs(old, new, headers)) if _runs_alike(old, new, headers) else ()


def _pairs(old: CodeType, new: CodeType, headers: frozenset[Position]) -> Iterator[Pair]:
    yield Pair(old, new, changed=False, identical=identical(old, new))
    for before, after in zip(nested(old), nested(new), strict=True):
        is_same = position(before) not in headers and _runs_alike(before, after, headers)
        if runs_with_parent(before) or is_same:
            yield from _pairs(before, after, headers)
        else:
            yield Pair(before, after, changed=True, identical=False)
            yield from orphans(before)


def orphans(code: CodeType) -> Iterator[Pair]:
    """Pairs for all that is nested in code of another meaning: it has no new version."""
    for inner in nested(code):
        yield Pair(inner, None, changed=True, identical=False)
        yield from orphans(inner)


def _runs_alike(old: CodeType, new: CodeType, headers: frozenset[Position]) -> bool:
    """Whether running the one leaves the same behind as running the other.

    Functions it makes may do something else when they are called, but are to look the same.
    """
    if not same_itself(old, new):
        return False
    for before, after in zip(nested(old), nested(new), strict=True):
        if runs_with_parent(before) != runs_with_parent(after):
            return False
        if runs_with_parent(before):
            if not _runs_alike(before, after, headers):
                return False
        elif not _looks_alike(before, after, headers):
            return False
    return True


def _looks_alike(old: CodeType, new: CodeType, headers: frozenset[Position]) -> bool:
    """Whether what is to be seen of a function without calling it is the same, or may change."""
    if position(old) not in headers:
        return _outside(old) == _outside(new)
    return qualname(old) == qualname(new) and all(
        of(old) == of(new)
        for of in (docstring, attrgetter("co_name", "co_filename", "co_freevars"))
    )


def _outside(code: CodeType) -> tuple[object, ...]:
    """All that is visible of a function without calling it, beyond what its ``def`` computes."""
    return (
        qualname(code),
        code.co_name,
        code.co_filename,
        code.co_flags,
        _signature(code),
        code.co_freevars,
        docstring(code),
    )


def _signature(code: CodeType) -> tuple[object, ...]:
    stars = bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    named = code.co_argcount + code.co_kwonlyargcount
    return (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & (CO_VARARGS | CO_VARKEYWORDS),
        code.co_varnames[: named + stars],
    )


def difference(old: CodeType, new: CodeType, headers: frozenset[Position] = frozenset()) -> Reason:
    """The sentence for the first difference between two bodies that do not run alike."""
    if not same_itself(old, new):
        return explain.body_changed(old, new)
    for before, after in zip(nested(old), nested(new), strict=True):
        if runs_with_parent(before):
            if _runs_alike(before, after, headers):
                continue
            if before.co_name == "__annotate__" and not same_itself(before, after):
                return explain.annotations_changed(old, before, after)
            return difference(before, after, headers)
        if not _looks_alike(before, after, headers):
            return _outside_difference(before, after)
    return explain.body_changed(old, new)


def _outside_difference(old: CodeType, new: CodeType) -> Reason:
    name = qualname(old)
    if name != qualname(new):
        return Reason("AP107", f"{name} became {qualname(new)}")
    if _signature(old) != _signature(new):
        return Reason("AP106", f"signature of {name} changed")
    if _kind(old) != _kind(new):
        return Reason("AP107", f"{name} changed from {_kind(old)} to {_kind(new)}")
    if docstring(old) != docstring(new):
        return Reason("AP108", f"docstring of {name} changed")
    if old.co_freevars != new.co_freevars:
        return Reason("AP109", f"closure of {name} changed")
    return Reason("AP110", f"compiler flags of {name} changed")


def _kind(code: CodeType) -> str:
    return _KINDS[code.co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)]
