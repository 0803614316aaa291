"""Facts about a class's source that Python 3.13 and later keep in the class itself.

``__firstlineno__`` and ``__static_attributes__`` are stored by the class body while it runs. An
edit inside a method changes them without changing what the body does, so the living class gets
the values a fresh start would have given it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType

from ..protocol.reasons import Reason
from ..records import dataclass
from .compare import Pair, Refusal
from .equality import ClassRecord, class_record, is_class_or_module_body, qualname
from .index import Index, namespace_of_class, qualname_of_class

_set: Callable[[type, str, object], None] = type.__setattr__  # no metaclass is to notice
_FIRST_LINE = "__firstlineno__"
_STATIC = "__static_attributes__"
#: The cell by which annotations and type parameters see the namespace of the class around them.
_NAMESPACE_CELL = "__classdict__"


@dataclass(frozen=True)
class ClassChange:
    """One attribute of one living class, before and after."""

    owner: type
    name: str
    old: object
    new: object

    def apply(self) -> None:
        """Store the new value."""
        _set(self.owner, self.name, self.new)

    def revert(self) -> None:
        """Store the old value again."""
        _set(self.owner, self.name, self.old)


@dataclass(frozen=True)
class NamespaceChange:
    """One name in a namespace that the annotations of a class still see.

    ``type.__new__`` shows them that of the class itself, which has been changed by then. But
    the class may have been made in another way (``typing.NamedTuple``) or once more
    (``dataclass(slots=True)``).
    """

    namespace: dict[str, object]
    name: str
    old: object
    new: object

    def apply(self) -> None:
        """Store the new value, unless the class has it."""
        if self.namespace.get(self.name) != self.new:
            self.namespace[self.name] = self.new

    def revert(self) -> None:
        """Store the old value again."""
        if self.namespace.get(self.name) != self.old:
            self.namespace[self.name] = self.old


Changes = tuple[ClassChange | NamespaceChange, ...]


def class_changes(path: str, pairs: Iterable[Pair], index: Index) -> Changes | Refusal:
    """The changes for every class made from this file; refuses where one cannot be told apart."""
    moved = list(_moved(pairs))
    if not moved:
        return ()
    modules = frozenset(space.get("__name__") for _, space in index.modules(path))
    kept = list(_namespaces_kept(path, index))
    changes: list[ClassChange | NamespaceChange] = []
    for name, old, new in moved:
        # A line of a file holds one class statement at most, so module and line tell which.
        owners = [*index.classes(old.first_line, modules)]
        # Their names do not say that they belong to this file, but they may.
        doubtful = () if owners else index.namesakes(old.first_line, name)
        if not old.same_names(new):
            doubtful += index.namesakes(None, name)
        owners += (one for one in doubtful if _has_methods_of(path, one))
        if not {*map(id, doubtful)} <= {*map(id, owners)}:
            text = f"class {name} cannot be told from others of that name and line"
            return Refusal(Reason("AP127", text))
        for owner in owners:
            found = _record_changes(namespace_of_class(owner), old, new)
            changes += (ClassChange(owner, *change) for change in found)
        # A class comes before its namespace, which is to be changed by itself only where it is
        # another.
        for namespace in kept:
            found = _record_changes(namespace, old, new)
            if namespace.get(_FIRST_LINE) == old.first_line:
                changes += (NamespaceChange(namespace, *change) for change in found)
    return tuple(changes)


def _moved(pairs: Iterable[Pair]) -> Iterator[tuple[str, ClassRecord, ClassRecord]]:
    """Each class body, by its dotted name, that would now write down something else of itself."""
    for pair in pairs:
        if pair.new and not pair.identical and is_class_or_module_body(pair.old):
            old, new = class_record(pair.old), class_record(pair.new)
            if old.first_line is not None and not (
                old.first_line == new.first_line and old.same_names(new)
            ):
                yield qualname(pair.old), old, new


def _has_methods_of(path: str, owner: type) -> bool:
    """Whether the class holds a function that a class statement of its name in this file made."""
    return any(
        value.__code__.co_filename == path
        and qualname(value.__code__).rpartition(".")[0] == qualname_of_class(owner)
        for value in [*namespace_of_class(owner).values()]
        if type(value) is FunctionType
    )


def _namespaces_kept(path: str, index: Index) -> Iterator[dict[str, object]]:
    for function in index.functions(path):
        names = function.__code__.co_freevars
        if _NAMESPACE_CELL in names and function.__closure__ is not None:
            with contextlib.suppress(ValueError):  # an empty cell
                namespace = function.__closure__[names.index(_NAMESPACE_CELL)].cell_contents
                if type(namespace) is dict:
                    yield namespace


def _record_changes(
    namespace: Mapping[str, object], old: ClassRecord, new: ClassRecord
) -> Iterator[tuple[str, object, object]]:
    """Name, old and new value of what the class body would have stored otherwise."""
    if old.first_line != new.first_line and _FIRST_LINE in namespace:
        yield _FIRST_LINE, old.first_line, new.first_line
    static = namespace.get(_STATIC)
    recorded = isinstance(static, tuple) and set(static) == set(old.static_attributes or ())
    if recorded and not old.same_names(new):
        yield _STATIC, static, new.static_attributes
