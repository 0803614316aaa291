"""New parameters, defaults and annotations for functions that nobody has called or inspected.

Reading a function's code or defaults raises an audit event. Its annotations are kept as a tuple
until somebody asks for them (until Python 3.13).
"""

from __future__ import annotations

import builtins
import gc
from collections.abc import Iterable, Mapping
from types import FunctionType

from ..protocol.reasons import Reason
from ..records import dataclass
from .audit import CopyAudit
from .compare import Pair
from .equality import Position, position
from .headers import Header
from .names import is_usual, same_literals


@dataclass(frozen=True)
class Shape:
    """What a function shows of itself besides its code; None: it stays."""

    defaults: tuple[tuple[object, ...] | None, dict[str, object] | None] | None
    annotations: dict[str, object] | None

    def give(self, function: FunctionType) -> None:
        """Make the function look like this."""
        if self.defaults is not None:
            function.__defaults__, function.__kwdefaults__ = self.defaults
        if self.annotations is not None:
            function.__annotations__ = self.annotations


@dataclass(frozen=True)
class HeaderChange:
    """One function, before and after."""

    function: FunctionType
    old: Shape
    new: Shape

    def apply(self) -> None:
        """Give the function what its new source says."""
        self.new.give(self.function)

    def revert(self) -> None:
        """Give it back what it had."""
        self.old.give(self.function)


def header_changes(
    headers: Iterable[Header],
    functions: Mapping[Position, list[tuple[FunctionType, Pair]]],
    audit: CopyAudit,
) -> list[HeaderChange] | Reason:
    """The changes of all living functions; or why they cannot be made."""
    changes = []
    for header in headers:
        for function, pair in functions.get(header.position, ()):
            reason = _looked_at(header, pair, audit) or _differs(header, function)
            if reason is not None:
                return reason
            changes.append(HeaderChange(function, _shape(header, function), _new_shape(header)))
    return changes


def located(
    pairs: Iterable[tuple[FunctionType, Pair]],
) -> dict[Position, list[tuple[FunctionType, Pair]]]:
    """Functions with their pairs, by where they stand in the old file."""
    found: dict[Position, list[tuple[FunctionType, Pair]]] = {}
    for function, pair in pairs:
        found.setdefault(position(pair.old), []).append((function, pair))
    return found


def _looked_at(header: Header, pair: Pair, audit: CopyAudit) -> Reason | None:
    reader = audit.inspector(pair.old)
    if reader is None:
        return None
    return Reason(
        "AP124", f"{reader} looked at the signature of {header.position[0]} while starting"
    )


def _differs(header: Header, function: FunctionType) -> Reason | None:
    name = header.position[0]
    for used in header.uses:
        if not is_usual(used, function.__globals__):
            return Reason("AP154", f"{used} is not what it usually is in {function.__module__}")
    old = _made(header, new=False)
    if header.defaults and not (
        same_literals(old.__defaults__, function.__defaults__)
        and same_literals(old.__kwdefaults__, function.__kwdefaults__)
    ):
        return Reason("AP123", f"the defaults of {name} are not what its file says")
    if header.annotations and not _are_unread(old.__annotations__, function):
        return Reason("AP105", f"the annotations of {name} may have been read while starting")
    return None


def _are_unread(expected: dict[str, object], function: FunctionType) -> bool:
    """Whether the annotations are the tuple that the compiler has made of them, or none."""
    known = (
        function.__globals__,
        builtins.__dict__,
        function.__defaults__,
        function.__kwdefaults__,
        function.__closure__,
        function.__dict__,
        getattr(function, "__type_params__", ()),
    )
    others = [
        one
        for one in gc.get_referents(function)
        if type(one) in {tuple, dict} and not any(one is other for other in known)
    ]
    flat = tuple(part for item in expected.items() for part in item)
    return others == [flat] if flat else not others


def _shape(header: Header, function: FunctionType) -> Shape:
    defaults = (function.__defaults__, function.__kwdefaults__) if header.defaults else None
    # Read by nobody: what the old file says is what they are.
    annotations = _made(header, new=False).__annotations__ if header.annotations else None
    return Shape(defaults, annotations)


def _new_shape(header: Header) -> Shape:
    made = _made(header, new=True)
    defaults = (made.__defaults__, made.__kwdefaults__) if header.defaults else None
    return Shape(defaults, made.__annotations__ if header.annotations else None)


def _made(header: Header, *, new: bool) -> FunctionType:
    """A function with the defaults and annotations of one version, and new values each time."""
    namespace: dict[str, FunctionType] = {}
    exec(header.new if new else header.old, namespace)  # noqa: S102 - literals
    return namespace["header"]
