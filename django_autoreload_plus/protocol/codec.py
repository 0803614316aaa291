"""Frozen dataclasses to JSON and back.

Decoding checks every value against the annotation of its field, so that a
message from a different version of this package, or one that was cut short,
ends in a :class:`MessageError` that names the message and the field instead of
failing later in some unrelated place.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Hashable
from typing import Any, TypeVar

T = TypeVar("T")

_UNIONS = (typing.Union, types.UnionType)


class MessageError(ValueError):
    """A message that cannot be understood."""


def encode(value: Any) -> bytes:
    """Write a dataclass with its class name, compactly."""
    body = {"type": type(value).__name__, **_plain(value)}
    return json.dumps(body, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(data: bytes, registry: dict[str, type[T]]) -> T:
    """Read what :func:`encode` wrote, for one of the classes in ``registry``."""
    try:
        body = json.loads(data.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise MessageError(f"not a message: {data[:80]!r}") from error
    if not isinstance(body, dict):
        raise MessageError(f"not a message: {data[:80]!r}")
    cls = registry.get(body.pop("type", ""))
    if cls is None:
        raise MessageError(f"unknown message: {data[:80]!r}")
    return typing.cast("T", build(cls, body, cls.__name__))


def build(kind: Any, value: Any, where: str) -> Any:
    """Make a value of the annotated ``kind`` from plain JSON data."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _build_tuple(kind, value, where)
    if origin in _UNIONS:
        return _build_union(kind, value, where)
    if origin is dict or kind is Any:
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise MessageError(f"{where}: expected {kind.__name__}, not {value!r:.60}")
    return value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _hints(type(value))}  # type: ignore[arg-type]
    if isinstance(value, (tuple, list, frozenset, set)):
        return [_plain(item) for item in value]
    return value


def _build_dataclass(cls: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise MessageError(f"{where}: expected an object, not {value!r:.60}")
    hints = _hints(cls)  # type: ignore[arg-type]
    unknown = value.keys() - hints.keys()
    if unknown:
        raise MessageError(f"{where}: unknown field {min(unknown)!r}")
    arguments = {name: build(hints[name], item, f"{where}.{name}") for name, item in value.items()}
    try:
        return cls(**arguments)
    except TypeError as error:
        raise MessageError(f"{where}: {error}") from error


def _build_tuple(kind: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise MessageError(f"{where}: expected a list, not {value!r:.60}")
    items = typing.get_args(kind)
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(build(items[0], item, where) for item in value)
    if len(items) != len(value):
        raise MessageError(f"{where}: expected {len(items)} items, not {len(value)}")
    return tuple(build(item, part, where) for item, part in zip(items, value, strict=True))


def _build_union(kind: Any, value: Any, where: str) -> Any:
    if value is None and type(None) in typing.get_args(kind):
        return None
    for option in typing.get_args(kind):
        if option is not type(None):
            try:
                return build(option, value, where)
            except MessageError:
                continue
    raise MessageError(f"{where}: unexpected {value!r:.60}")


@functools.cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)
