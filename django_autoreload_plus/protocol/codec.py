"""Frozen data classes to JSON and back.

Decoding checks every value against the annotation of its field, so that a
message from a different version of this package, or one that was cut short,
ends in a :class:`MessageError` that names the message and the field instead of
failing later in some unrelated place.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable

# The functions, not the module: programs put others in their place.
from json import dumps, loads
from typing import Any, TypeVar

from ..records import fields, is_dataclass

T = TypeVar("T")
#: Makes the plain form of a value, or the value of it.
_Converter = Callable[[Any], Any]

_UNIONS = (typing.Union, types.UnionType)


class MessageError(ValueError):
    """A message that cannot be understood."""


def encode(value: Any) -> bytes:
    """Write a dataclass with its class name, compactly.

    Raises :class:`MessageError` for a value that JSON does not know.
    """
    body = {"type": type(value).__name__, **_plain(value)}
    try:
        return dumps(body, separators=(",", ":")).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise MessageError(f"{type(value).__name__} cannot be sent: {error}") from error


def decode(data: bytes, registry: dict[str, type[T]]) -> T:
    """Read what :func:`encode` wrote, for one of the classes in ``registry``."""
    try:
        body = loads(data.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not a message: {data[:80]!r}") from error
    if not isinstance(body, dict):
        raise MessageError(f"not a message: {data[:80]!r}")
    name = body.pop("type", "")
    cls = registry.get(name) if isinstance(name, str) else None
    if cls is None:
        raise MessageError(f"unknown message: {data[:80]!r}")
    return typing.cast("T", build(cls, body, cls.__name__))


def prepare(cls: Any) -> None:
    """Read the annotations of a class now, and not when the first value of it is decoded."""
    _builder(cls)


def build(kind: Any, value: Any, where: str) -> Any:
    """Make a value of the annotated ``kind`` from plain JSON data."""
    try:
        return _builder(kind)(value)
    except MessageError as error:
        raise MessageError(f"{where}{error}") from error.__cause__


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}  # type: ignore[arg-type]
    if isinstance(value, (tuple, list, frozenset, set)):
        return [_plain(item) for item in value]
    return value


@functools.cache
def _builder(kind: Any) -> _Converter:
    """What makes values of a kind; its errors begin with where in the value they are."""
    if is_dataclass(kind):
        return _dataclass_builder(typing.cast("type[Any]", kind))
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _tuple_builder(*typing.get_args(kind))
    if origin is typing.Literal:
        return functools.partial(_build_literal, typing.get_args(kind))
    if origin in _UNIONS:
        return _union_builder(*typing.get_args(kind))
    if origin is dict or kind is Any:
        return lambda value: value
    return functools.partial(_build_simple, kind)


def _build_simple(kind: type, value: Any) -> Any:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise MessageError(f": expected {kind.__name__}, not {value!r:.60}")
    return value


def _build_literal(options: tuple[Any, ...], value: Any) -> Any:
    # Not by ``in``: to Python ``True`` is equal to 1.
    if any(type(value) is type(option) and value == option for option in options):
        return value
    raise MessageError(f": expected {' or '.join(map(repr, options))}, not {value!r:.60}")


def _dataclass_builder(cls: type[Any]) -> _Converter:
    builders = {name: _builder(hint) for name, hint in typing.get_type_hints(cls).items()}

    def build_dataclass(value: Any) -> Any:
        if not isinstance(value, dict):
            raise MessageError(f": expected an object, not {value!r:.60}")
        if not value.keys() <= builders.keys():
            raise MessageError(f": unknown field {min(value.keys() - builders.keys())!r}")
        arguments = {}
        for name, item in value.items():
            try:
                arguments[name] = builders[name](item)
            except MessageError as error:
                raise MessageError(f".{name}{error}") from error.__cause__
        try:
            return cls(**arguments)
        except TypeError as error:
            raise MessageError(f": {error}") from error

    return build_dataclass


def _tuple_builder(*items: Any) -> _Converter:
    if len(items) == 2 and items[1] is Ellipsis:
        build_item = _builder(items[0])
        return lambda value: tuple(map(build_item, _list(value)))
    builders = [_builder(item) for item in items]

    def build_tuple(value: Any) -> Any:
        if len(_list(value)) != len(builders):
            raise MessageError(f": expected {len(builders)} items, not {len(value)}")
        return tuple(build_item(part) for build_item, part in zip(builders, value, strict=True))

    return build_tuple


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MessageError(f": expected a list, not {value!r:.60}")
    return value


def _union_builder(*options: Any) -> _Converter:
    builders = [_builder(option) for option in options if option is not type(None)]
    is_optional = len(builders) < len(options)

    def build_union(value: Any) -> Any:
        if value is None and is_optional:
            return None
        for build_option in builders:
            try:
                return build_option(value)
            except MessageError:
                continue
        raise MessageError(f": unexpected {value!r:.60}")

    return build_union


@functools.cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(cls))
