"""What Python 3.13 and later keep of a class's source in the class itself.

``__firstlineno__`` and ``__static_attributes__`` are stored by the class body while it runs. An
edit inside a method changes them without changing what the body does, so the living class gets
the values a fresh start would have given it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CodeType

from .compare import Pair, Refusal
from .index import Index
from .likeness import class_record, is_class_or_module_body, qualname

_namespace_of_class = type.__dict__["__dict__"].__get__
_qualname_of_class = type.__dict__["__qualname__"].__get__
_set: Callable[[type, str, object], None] = type.__setattr__  # no metaclass is to notice


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


def class_changes(
    path: str, pairs: Iterable[Pair], index: Index
) -> tuple[ClassChange, ...] | Refusal:
    """The changes for every class made from this file; refuses where one cannot be told apart."""
    modules: frozenset[object] | None = None
    changes: list[ClassChange] = []
    for pair in pairs:
        if pair.new is None or not is_class_or_module_body(pair.old):
            continue
        old, new = class_record(pair.old), class_record(pair.new)
        if old.first_line is None or (old.first_line == new.first_line and old.same_names(new)):
            continue
        if modules is None:
            modules = frozenset(space.get("__name__") for _, space in index.modules(path))
        owners = _made_from(old.first_line, modules, index)
        # Not ours by what they say, but they may be.
        doubtful = () if owners else index.classes(old.first_line)
        if not old.same_names(new):
            doubtful += index.classes(None)
        name = qualname(pair.old)
        if any(_name(one) == name for one in doubtful):
            return Refusal(f"class {name} cannot be told from others of that name and line")
        for owner in owners:
            changes += _for_class(owner, pair.old, pair.new)
    return tuple(changes)


def _made_from(line: int, modules: frozenset[object], index: Index) -> list[type]:
    """A line of a file holds one class statement at most, so module and line tell which."""
    return [
        one for one in index.classes(line) if _namespace_of_class(one).get("__module__") in modules
    ]


def _name(owner: type) -> str:
    name: str = _qualname_of_class(owner)  # past any metaclass
    return name


def _for_class(owner: type, old: CodeType, new: CodeType) -> Iterable[ClassChange]:
    before, after = class_record(old), class_record(new)
    namespace = _namespace_of_class(owner)
    if before.first_line != after.first_line:
        yield ClassChange(owner, "__firstlineno__", before.first_line, after.first_line)
    static = namespace.get("__static_attributes__")
    recorded = isinstance(static, tuple) and set(static) == set(before.static_attributes or ())
    if recorded and not before.same_names(after):
        yield ClassChange(owner, "__static_attributes__", static, after.static_attributes)
