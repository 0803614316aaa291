"""The ``AUTORELOAD_PLUS`` setting."""

from __future__ import annotations

import difflib
import signal
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from .. import editors
from ..options import Options
from ..records import fields

_EXAMPLES = {
    "checkpoints": "True, False or None",
    "checkpoint_memory": "a whole number or None",
    "checks": '"after" or "before"',
    "fork_safe": 'a list of module names, such as ["redis"]',
    "ignore": 'a list of globs, such as ["var/*"]',
    "polling": "True, False or None",
    "preload": 'a list of module names, such as ["pandas"]',
    "stop_signal": 'the name of a signal, such as "SIGTERM"',
    "steady": 'a list of database aliases and module names, such as ["default"]',
    "watch": 'a list of globs, such as ["config/*.toml"]',
}
_KINDS = {"bool": "True or False", "float": "a number of seconds", "int": "a whole number"}
_WORDS = {"checks": ("after", "before"), "stop_signal": tuple(signal.Signals.__members__)}
_FIELDS = {field.name: field for field in fields(Options)}


def read() -> tuple[Options, list[str]]:
    """The options from the settings, and what is wrong with the setting.

    A value that is wrong leaves the default in place.
    """
    given = getattr(settings, "AUTORELOAD_PLUS", {})
    if not isinstance(given, Mapping):
        return Options(), [f"AUTORELOAD_PLUS must be a dictionary, not {given!r:.60}."]
    good: dict[str, Any] = {}
    problems = []
    for key, value in given.items():
        name = str(key).lower()
        if key != str(key).upper() or name not in _FIELDS:
            problems.append(_unknown(str(key)))
            continue
        try:
            good[name] = _convert(name, value)
        except ValueError as error:
            problems.append(f"AUTORELOAD_PLUS[{key!r}] must be {error}, not {value!r:.60}.")
    return Options(**good), problems


def _unknown(key: str) -> str:
    names = [name.upper() for name in _FIELDS]
    parts = [name for name in names if name.startswith(key.upper())]
    close = parts or difflib.get_close_matches(key.upper(), names, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(sorted(names))}."
    return f"AUTORELOAD_PLUS has no key {key!r}. {hint}"


def _convert(name: str, value: Any) -> Any:
    kind = str(_FIELDS[name].type)
    if name == "editor":
        return _editor(value)
    if value is None and "None" in kind:
        return None
    expected = _EXAMPLES.get(name) or _KINDS[kind]
    if kind.startswith("tuple"):
        return _texts(name, expected, value)
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise ValueError(expected)
        return value
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise ValueError(expected)
        return value
    return _number(kind, expected, value)


def _texts(name: str, expected: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not _is_list_of_text(value):
        raise ValueError(expected)
    if name == "preload" and not all(map(_is_dotted, value)):
        raise ValueError(expected)
    return tuple(str(item) for item in value)


def _editor(value: Any) -> Any:
    instead = editors.expected(value)
    if instead is not None:
        raise ValueError(instead)
    return value


def _number(kind: str, expected: str, value: Any) -> float:
    is_whole = kind.startswith("int")
    wanted = (int,) if is_whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise ValueError(expected)  # noqa: TRY004 - one kind of error for all that is wrong
    if not 0 <= value < float("inf"):
        raise ValueError(f"{expected} that is not negative")
    return value if is_whole else float(value)


def _is_dotted(value: Any) -> bool:
    return all(part.isidentifier() for part in str(value).split("."))


def _is_list_of_text(value: Any) -> bool:
    import os

    return isinstance(value, (list, tuple, set, frozenset)) and all(
        isinstance(item, (str, os.PathLike)) for item in value
    )
