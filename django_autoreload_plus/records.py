"""Data classes that cost next to nothing to define.

The decorator of the standard library writes the methods of each class as text and compiles
it: a third of a millisecond, for a hundred classes in each process that somebody waits for.
Here all classes share their methods. To type checkers they are the standard library's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["asdict", "astuple", "dataclass", "field", "fields", "is_dataclass", "replace"]

_FIELDS = "__record_fields__"
_MISSING: Any = object()
_put = object.__setattr__


class _Field:
    """How a field gets its value, and whether it is compared and shown."""

    __slots__ = ("compare", "default", "factory", "name", "repr", "type")

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | None = None,
        repr: bool = True,  # noqa: A002 - the names of the standard library
        compare: bool = True,
    ) -> None:
        self.name = ""
        self.type: Any = None
        self.default = default
        self.factory = default_factory
        self.repr = repr
        self.compare = compare

    def value_for(self, owner: object) -> Any:
        """The value where none is given; raises :class:`TypeError` where one has to be."""
        if self.factory is not None:
            return self.factory()
        if self.default is _MISSING:
            raise TypeError(f"{type(owner).__name__}: the field {self.name!r} has no value")
        return self.default


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
    if cls is None:
        return lambda cls: _complete(cls, frozen=frozen, eq=eq)
    return _complete(cls, frozen=frozen, eq=eq)


def _complete(cls: type[Any], *, frozen: bool, eq: bool) -> type[Any]:
    own = {name: _field_of(cls, name, kind) for name, kind in cls.__annotations__.items()}
    every: dict[str, _Field] = {**getattr(cls, _FIELDS, {}), **own}
    setattr(cls, _FIELDS, every)
    cls.__init__ = _initialiser(every, continued=hasattr(cls, "__post_init__"))
    cls.__repr__ = _show  # type: ignore[assignment]
    if frozen:
        cls.__setattr__ = cls.__delattr__ = _refuse  # type: ignore[assignment]
    if eq:
        _compare_by(cls, [each.name for each in every.values() if each.compare], frozen=frozen)
    return cls


def _field_of(cls: type, name: str, kind: Any) -> _Field:
    default = cls.__dict__.get(name, _MISSING)
    if isinstance(default, _Field):
        found = default
        delattr(cls, name)
        if found.default is not _MISSING:
            setattr(cls, name, found.default)
    else:
        found = _Field(default=default)
    found.name, found.type = name, kind
    return found


def _initialiser(every: Mapping[str, _Field], *, continued: bool) -> Callable[..., None]:
    names = tuple(every)

    def initialise(self: Any, *args: Any, **named: Any) -> None:
        for name, value in zip(names, args):  # noqa: B905 - too many are seen below
            _put(self, name, value)
        if named or len(args) != len(names):
            _put_others(self, every, names[len(args) :], named, surplus=len(args) > len(names))
        if continued:
            self.__post_init__()

    return initialise


def _put_others(
    record: object,
    every: Mapping[str, _Field],
    missing: Sequence[str],
    named: Mapping[str, Any],
    *,
    surplus: bool,
) -> None:
    if surplus or not named.keys() <= set(missing):
        unknown = ", ".join(sorted(named.keys() - set(missing))) or "too many"
        raise TypeError(f"{type(record).__name__}: arguments that no field takes: {unknown}")
    for name in missing:
        _put(record, name, named[name] if name in named else every[name].value_for(record))


def _compare_by(cls: type[Any], names: Sequence[str], *, frozen: bool) -> None:
    # Of a single name the value itself.
    values: Callable[[Any], Any] = attrgetter(*names) if names else lambda _record: ()

    def equals(self: object, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented  # type: ignore[no-any-return]
        return bool(values(self) == values(other))

    def hash_of(self: object) -> int:
        return hash(values(self))

    cls.__eq__ = equals  # type: ignore[assignment]
    cls.__hash__ = hash_of if frozen else None  # type: ignore[assignment]


def _show(record: object) -> str:
    shown = (each.name for each in _fields(record) if each.repr)
    fields = ", ".join(f"{name}={getattr(record, name)!r}" for name in shown)
    return f"{type(record).__qualname__}({fields})"


def _refuse(record: object, name: str, *_value: object) -> None:
    raise AttributeError(f"cannot change {name!r} of a {type(record).__name__}")


def _fields(record: object) -> tuple[_Field, ...]:
    return tuple(getattr(record, _FIELDS).values())


def _is_dataclass(value: object) -> bool:
    return hasattr(value, _FIELDS)


def _replace(record: Any, /, **changes: Any) -> Any:
    kept = {name: getattr(record, name) for name in getattr(record, _FIELDS)}
    return type(record)(**{**kept, **changes})


def _astuple(record: object) -> tuple[Any, ...]:
    return tuple(_asdict(record).values())


def _asdict(value: Any) -> Any:
    if _is_dataclass(value):
        return {name: _asdict(getattr(value, name)) for name in getattr(value, _FIELDS)}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_asdict, value))
    if isinstance(value, dict):
        return {key: _asdict(item) for key, item in value.items()}
    return value


if TYPE_CHECKING:
    from dataclasses import asdict, astuple, dataclass, field, fields, is_dataclass, replace
else:
    dataclass, field, fields, is_dataclass = _dataclass, _Field, _fields, _is_dataclass
    replace, asdict, astuple = _replace, _asdict, _astuple
