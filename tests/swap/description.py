"""Everything to be seen of a program from inside: its code, its functions, its classes."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import re
import sys
import traceback
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEX = re.compile(r"0x[0-9a-f]+")


def describe(root: str, modules: list[str]) -> dict[str, Any]:
    """Everything to be seen of the program: its code, its functions, its classes, its answers."""
    gc.unfreeze()
    gc.collect()
    prefix = root + os.sep
    state: dict[str, Any] = {"functions": sorted(_functions(prefix), key=json.dumps)}
    state["classes"] = sorted(_classes(modules), key=json.dumps)
    for name in modules:
        module = sys.modules[name]
        state[f"names of {name}"] = [
            [key, _text(value, root)]
            for key, value in vars(module).items()
            if key not in {"__builtins__", "__cached__", "__spec__", "__loader__"}
        ]
    for name in modules:
        probe = getattr(sys.modules[name], "probe", None)
        if probe is not None:
            state[f"probe of {name}"] = _answers(probe, root)
    scrubbed: dict[str, Any] = json.loads(json.dumps(state).replace(root, "ROOT"))
    return scrubbed


def _answers(probe: Any, root: str) -> Any:
    answers = []
    for name, call in probe():
        try:
            value = call()
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
            answers.append([name, _text(value, root)])
        except Exception as error:  # noqa: BLE001 (the program's own)
            lines = traceback.format_exception(error)
            answers.append([name, _HEX.sub("0x", "".join(lines[1:])).split("\n")])
    return answers


def _functions(prefix: str) -> Iterator[Any]:
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(prefix):
            yield _function(thing, prefix)


def _function(function: FunctionType, root: str) -> Any:
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError) as error:
        source = type(error).__name__
    return {
        "names": [function.__module__, function.__name__, function.__qualname__],
        "code": code_of(function.__code__),
        "doc": function.__doc__,
        "defaults": _text(function.__defaults__, root),
        "kwdefaults": _text(function.__kwdefaults__, root),
        "annotations": _annotations(function, root),
        "closure": [_cell(cell, root) for cell in function.__closure__ or ()],
        "dict": _text(sorted(vars(function)), root),
        "signature": _signature(function),
        "source": source,
    }


def _signature(function: FunctionType) -> str:
    try:
        return _HEX.sub("0x", str(inspect.signature(function)))
    # Annotations may name nothing (since 3.14); that of a lazily computed value is none in 3.14.0.
    except (NameError, ValueError) as error:
        return str(error)


def _annotations(function: FunctionType, root: str) -> str:
    try:
        return _text(function.__annotations__, root)
    except NameError as error:
        return str(error)


def _cell(cell: Any, root: str) -> str:
    try:
        return _text(cell.cell_contents, root)
    except ValueError:
        return "empty"


def code_of(code: CodeType) -> dict[str, Any]:
    """A code object with everything in it, to the columns of each instruction."""
    made: dict[str, Any] = {
        name: repr(getattr(code, name))
        for name in dir(code)
        if name.startswith("co_")
        and name not in {"co_consts", "co_lines", "co_positions", "co_lnotab", "_co_code_adaptive"}
        and not callable(getattr(code, name))
    }
    made["lines"] = [list(line) for line in code.co_lines()]
    made["positions"] = [list(position) for position in code.co_positions()]
    made["constants"] = [
        code_of(value) if isinstance(value, CodeType) else _text(value, "")
        for value in code.co_consts
    ]
    return made


def _classes(modules: list[str]) -> Iterator[Any]:
    for thing in gc.get_objects():
        if issubclass(type(thing), type) and vars(thing).get("__module__") in modules:
            space = vars(thing)
            yield [
                thing.__qualname__,
                repr(space.get("__firstlineno__")),
                sorted(space.get("__static_attributes__") or ()),
                [[name, _text(space[name], "")] for name in sorted(space) if name[:1] != "_"],
                thing.__doc__,
            ]


def _text(value: object, root: str) -> str:
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}{sorted(map(repr, value))}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_text(item, root) for item in value) + ")"
    return _HEX.sub("0x", repr(value))
