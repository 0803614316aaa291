"""Names of a module that were added, removed or changed, and that nothing read while starting."""

from __future__ import annotations

import builtins
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

from ..protocol.reasons import Reason
from ..records import dataclass
from .audit import CopyAudit
from .equality import Position, constant_key, identical, names_used, nested
from .headers import Header
from .index import Index
from .mirrors import Mirror
from .namespaces import Begun, Namespaces
from .recorder import RunRecorder
from .statements import (
    AFTER,
    BEFORE,
    CONSTANT,
    FUNCTION,
    IMPORT,
    NOTHING,
    SAME,
    Imported,
    Statement,
)

#: With these, code reads names of its module that it does not mention.
_LOOKS = frozenset({"globals", "eval", "exec"})
_LOOKS_AROUND = frozenset({"locals", "vars", "dir"})
_LOOKERS = tuple(getattr(builtins, name) for name in sorted(_LOOKS | _LOOKS_AROUND))
#: What a module holds before its first statement.
_HEADER = frozenset(
    {
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__path__",
        "__file__",
        "__cached__",
        "__builtins__",
        "__annotations__",
        "__conditional_annotations__",
    }
)


@dataclass(frozen=True)
class NameExchange:
    """Statements executed as if they had stood in the module from the first."""

    namespace: dict[str, object]
    gone: tuple[str, ...]
    come: tuple[CodeType, ...]
    order: tuple[str, ...]
    #: Who else holds the values of which names.
    mirrored: tuple[tuple[Mirror, str], ...] = ()

    def apply(self) -> None:
        """Take names away and execute statements; all of it or, on an error, nothing."""
        namespace, before = self.namespace, dict(self.namespace)
        try:
            for name in self.gone:
                del namespace[name]
            for code in self.come:
                exec(code, namespace)  # noqa: S102 - as importing the module would
            _sort(namespace, self.order)
            for mirror, name in self.mirrored:
                mirror.give(name, namespace[name])
        except BaseException:
            namespace.clear()
            namespace.update(before)
            for mirror, name in self.mirrored:
                mirror.give(name, namespace[name])
            raise


@dataclass(frozen=True)
class Edited:
    """Names that change in the modules that are edited at once, by module."""

    come: Mapping[str, frozenset[str]]
    changed: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Delta:
    """The statements that went from a file and came to it, and the functions with new headers."""

    gone: tuple[Statement, ...] = ()
    come: tuple[Statement, ...] = ()
    headers: tuple[Header, ...] = ()

    @property
    def binds(self) -> bool:
        """Whether statements went or came."""
        return bool(self.gone or self.come)

    @property
    def positions(self) -> frozenset[Position]:
        """Where the functions with new headers are."""
        return frozenset(header.position for header in self.headers)

    def touched(self) -> tuple[frozenset[str], frozenset[str]]:
        """Names that have another value, or have one at another time: at all, and for certain."""
        before, after = _bindings(self.gone), _bindings(self.come)
        doubtful = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        certain = {
            name
            for name in doubtful
            if not (name in before and name in after and before[name][:2] == after[name][:2])
        }
        return frozenset(doubtful), frozenset(certain)

    def functions(self) -> Iterator[CodeType]:
        """The code of what went."""
        for statement in self.gone:
            yield from nested(statement.code)


class Examination:
    """Whether the names of one file may be exchanged in this process."""

    def __init__(
        self,
        path: str,
        kept: CodeType,
        delta: Delta,
        index: Index,
        recorder: RunRecorder,
        audit: CopyAudit,
        edited: Edited,
    ) -> None:
        """``kept`` is the module's code without what went."""
        self._path = path
        self._kept = kept
        self._delta = delta
        self._index = index
        self._recorder = recorder
        self._audit = audit
        self._edited = edited
        self._reads: Namespaces = audit.namespaces

    def result(self) -> NameExchange | Reason:
        """The exchange, or why not."""
        begun = self._reads.begun(self._path)
        module = sys.modules.get(begun.name) if begun else None
        if begun is None or type(module) is not ModuleType or id(module) != begun.identity:
            text = f"it was not recorded what has read the names of {self._path}"
            return Reason("AP151", text)
        namespace: dict[str, object] = ModuleType.__getattribute__(module, "__dict__")
        reason = (
            self._looked_at(begun, namespace)
            or self._read(begun)
            or self._differs(begun, namespace)
            or self._imports(begun, namespace)
            or self._mirrors(begun, namespace)
        )
        if reason is not None:
            return reason
        order = self._order(begun, namespace)
        if isinstance(order, Reason):
            return order
        gone = tuple(name for one in self._delta.gone for name in one.names)
        come = tuple(one.code for one in self._delta.come if one.kind != NOTHING)
        mirrored = tuple(self._mirrored(begun))
        return NameExchange(namespace, gone, come, order, mirrored)

    # -- who has read them ------------------------------------------------------

    def _looked_at(self, begun: Begun, namespace: dict[str, object]) -> Reason | None:
        """What may have read any name of the module."""
        if blind := self._audit.blind_to_names():
            return blind
        looker = self._recorder.reader or self._reads.framed.get(self._path)
        looker = looker or self._reads.whole_reader(begun)
        strangers = self._index.sources(namespace) - {self._path}
        looker = looker or next((one for one in strangers if not one.startswith("<")), None)
        if looker:
            return Reason("AP151", f"{looker} may have read any name of {begun.name}")
        used = self._used()
        if looks := (_LOOKS & used) | (_LOOKS_AROUND & names_used(self._kept)):
            return Reason("AP151", f"{begun.name} used {min(looks)}() while starting")
        if any(value is one for value in namespace.values() for one in _LOOKERS):
            return Reason("AP151", f"{begun.name} holds a function that reads any name")
        return None

    def _read(self, begun: Begun) -> Reason | None:
        """What has read one of the names that change."""
        doubtful, certain = self._delta.touched()
        used = self._used() | self._recorder.loose_names
        if self._reads.looks_for_words(begun):
            used |= set(_words(self._kept))
        copied = Counter(name for _, name in self._mirrored(begun))
        for name in sorted(doubtful):
            by_others = self._reads.times_read(begun, name) > copied[name]
            if by_others or (name in certain and name in used):
                return Reason("AP150", f"{name} of {begun.name} was read while starting")
        return None

    def _used(self) -> set[str]:
        used = names_used(self._kept)
        for code in self._recorder.ran_in(self._path):
            used |= names_used(code)
        return used

    # -- what is there ------------------------------------------------------------

    def _differs(self, begun: Begun, namespace: dict[str, object]) -> Reason | None:
        """A name that is not bound as its file says, or may be bound by somebody else."""
        gone = {name: one for one in self._delta.gone for name in one.names}
        come = {name for one in self._delta.come for name in one.names}
        for name in sorted({*gone, *come}):
            if f"{begun.name}.{name}" in sys.modules:
                return Reason("AP154", f"{name} of {begun.name} is a module too")
            if name not in gone and name in namespace:
                return Reason("AP154", f"{name} of {begun.name} was bound by something else")
        for name, statement in gone.items():
            if name not in namespace or not self._is_as_written(statement, name, namespace[name]):
                return Reason("AP154", f"{name} of {begun.name} is not what its file says")
        functions = [namespace[one.names[0]] for one in self._delta.gone if one.kind == FUNCTION]
        if _held_elsewhere(functions):
            return Reason("AP150", f"a function that changed in {begun.name} is held elsewhere")
        return None

    def _is_as_written(self, statement: Statement, name: str, value: object) -> bool:
        if statement.kind == FUNCTION:
            code = nested(statement.code)[-1]
            return type(value) is FunctionType and identical(code, value.__code__)
        if statement.kind == CONSTANT:
            scratch: dict[str, object] = {"__builtins__": {}}
            exec(statement.code, scratch)  # noqa: S102 - literals
            return same_literals(scratch[name], value)
        return True  # imports: looked at with those that came

    def _imports(self, begun: Begun, namespace: dict[str, object]) -> Reason | None:
        """Modules that were not complete, or whose names may have had another value then."""
        for statement in (*self._delta.gone, *self._delta.come):
            is_gone = statement in self._delta.gone
            for name in statement.uses:
                if not is_usual(name, namespace):
                    return Reason("AP154", f"{name} is not what it usually is in {begun.name}")
            for one in statement.imports:
                value = self._imported(one, begun, namespace, is_gone=is_gone)
                if isinstance(value, Reason):
                    return value
                if is_gone and namespace[one.name] is not value[0]:
                    return Reason("AP154", f"{one.name} of {begun.name} is not what its file says")
        return None

    def _imported(  # noqa: PLR0911 - one rule after the other
        self, one: Imported, begun: Begun, namespace: dict[str, object], *, is_gone: bool
    ) -> Reason | tuple[object]:
        spec = namespace.get("__spec__")
        package = getattr(spec, "parent", None)
        if type(builtins.__import__) is not BuiltinFunctionType or (
            one.level and (not package or package != namespace.get("__package__"))
        ):
            return Reason("AP152", f"{begun.name} may import in a way of its own")
        loaded, at = (_absolute(name, one.level, package) for name in (one.module, one.start))
        for needed in (loaded, at):
            if self._reads.complete(needed, begun) is None:
                return Reason("AP152", f"{needed} was not complete before {begun.name} began")
        value: object = sys.modules[at]
        for attribute in one.attributes:
            if not isinstance(value, ModuleType):
                return Reason("AP152", f"{at} is no module")
            if self._reads.complete(at, begun) is None:
                return Reason("AP152", f"{at} was not complete before {begun.name} began")
            if attribute in self._edited.changed.get(at, ()):
                if is_gone or attribute not in self._edited.come[at]:
                    return Reason("AP152", f"{at}.{attribute} changes too")
                return (None,)
            inner = f"{at}.{attribute}"
            held = ModuleType.__getattribute__(value, "__dict__").get(attribute, _MISSING)
            is_module = held is sys.modules.get(inner, value) and held is not value
            if not (
                self._reads.held(at, attribute)
                or (is_module and self._reads.complete(inner, begun) is not None)
            ):
                text = f"{inner} may have been another when {begun.name} began"
                return Reason("AP152", text)
            value, at = held, inner
        return (value,)

    # -- who has copied them ---------------------------------------------------------

    def _mirrored(self, begun: Begun) -> Iterator[tuple[Mirror, str]]:
        """The names that change and were copied, each with what holds the copy."""
        doubtful, _ = self._delta.touched()
        for mirror in self._reads.mirrors(begun):
            yield from ((mirror, name) for name in sorted(doubtful) if mirror.copies(name))

    def _mirrors(self, begun: Begun, namespace: dict[str, object]) -> Reason | None:
        """Copies that may not change."""
        mirrored = [*self._mirrored(begun)]
        if not mirrored:
            return None
        if len(self._reads.mirrors(begun)) > 1 or "__dir__" in namespace:
            return Reason("AP158", f"{begun.name} was copied in several ways while starting")
        # What inspect.getattr_static() calls for an object that is no class.
        static = getattr(sys.modules.get("inspect"), "_check_instance", None)
        if static is not None and self._recorder.ran(static.__code__):
            return Reason("AP157", "inspect.getattr_static() looked at an object while starting")
        went, came = (
            {one.names[0] for one in side if one.kind == CONSTANT}
            for side in (self._delta.gone, self._delta.come)
        )
        for mirror, name in mirrored:
            if name not in went & came:
                return Reason("AP158", f"{name} comes to the {mirror.title}, or goes from them")
            if reason := mirror.reason(name, namespace):
                return reason
        return None

    # -- the order of names ----------------------------------------------------------

    def _order(self, begun: Begun, namespace: dict[str, object]) -> tuple[str, ...] | Reason:
        gone = {name for one in self._delta.gone for name in one.names}
        gone -= {name for one in self._delta.come for name in one.names if one.where == SAME}
        order = [name for name in namespace if name not in gone]
        for one in self._delta.come:
            if one.kind == NOTHING or one.where == SAME:
                continue
            if one.where in (AFTER, BEFORE):
                if one.anchor not in order or f"{begun.name}.{one.anchor}" in sys.modules:
                    return Reason("AP153", f"the place of {one.names[0]} is not certain")
                at = order.index(one.anchor) + (one.where == AFTER)
            else:
                at = next(
                    (index for index, name in enumerate(order) if name not in _HEADER), len(order)
                )
            order[at:at] = one.names
        return tuple(order)


_MISSING = object()


def edited(deltas: Iterable[tuple[str, Delta]], reads: Namespaces) -> Edited:
    """What changes in which module, by the files' paths."""
    come, changed = {}, {}
    for path, delta in deltas:
        begun = reads.begun(path)
        if begun is not None:
            changed[begun.name] = delta.touched()[0]
            come[begun.name] = frozenset(name for one in delta.come for name in one.names)
    return Edited(come, changed)


def _bindings(statements: Iterable[Statement]) -> dict[str, tuple[object, ...]]:
    """What each name is bound to, and where among the statements that stay."""
    found: dict[str, tuple[object, ...]] = {}
    for at, one in enumerate(statements):
        if one.kind == IMPORT:
            for each in one.imports:
                found[each.name] = (each, one.loud_gap, one.gap)
        else:
            for name in one.names:
                found[name] = ((at, id(one)), one.loud_gap, one.gap)
    return found


def _absolute(module: str, level: int, package: str | None) -> str:
    if not level:
        return module
    base = str(package).rsplit(".", level - 1)[0]
    return f"{base}.{module}" if module else base


def is_usual(name: str, namespace: dict[str, object]) -> bool:
    """Whether a name stands for what it is built in for, in this module."""
    if name == "TYPE_CHECKING":
        typing = sys.modules.get("typing")
        return namespace.get(name, False) is False and getattr(typing, name, None) is False
    own = namespace.get("__builtins__")
    usual = getattr(builtins, name, None)
    return (
        name not in namespace
        and (own is builtins or own is builtins.__dict__)
        and isinstance(usual, type)
        and usual.__name__ == name
        and usual.__module__ == "builtins"
    )


def _words(code: CodeType) -> Iterator[str]:
    """The words in all texts of a module, those of its class bodies included."""
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield from re.findall(r"\w+", constant)
        elif isinstance(constant, tuple):
            for item in constant:
                if isinstance(item, str):
                    yield from re.findall(r"\w+", item)
        elif isinstance(constant, CodeType):
            yield from _words(constant)


def same_literals(one: object, other: object) -> bool:
    """Whether two values made of literals are equal to the type of every item."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_literals, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return same_literals([*one], [*other]) and same_literals([*one.values()], [*other.values()])
    if isinstance(one, set) and isinstance(other, set):
        return {constant_key(item) for item in one} == {constant_key(item) for item in other}
    return constant_key(one) == constant_key(other)


def _held_elsewhere(functions: list[object]) -> bool:
    """Whether anything but their module and the index refers to one of these functions."""
    functions.append(_nobody())
    counts = [*map(sys.getrefcount, functions)]
    own = counts.pop()
    return any(count != own + 2 for count in counts)


def _nobody() -> FunctionType:
    namespace: dict[str, FunctionType] = {}
    exec("def nobody(): pass", namespace)  # noqa: S102 - a constant
    function = namespace["nobody"]
    # It would keep itself alive.
    namespace.clear()
    return function


def _sort(namespace: dict[str, object], order: tuple[str, ...]) -> None:
    for at, (found, wanted) in enumerate(zip([*namespace], order, strict=True)):
        if found != wanted:
            for name in order[at:]:
                namespace[name] = namespace.pop(name)
            return
