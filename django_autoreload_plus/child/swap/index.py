"""Where the code objects of this process are: made once, while the frozen copy idles."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
)
from typing import cast

from .modules import module_namespaces

_namespace_of_class = type.__dict__["__dict__"].__get__
_FIRST_LINE = "__firstlineno__"
_STATIC = "__static_attributes__"
_FROZEN_BY_PYTHON = gc.get_freeze_count()  # some hundred objects of its own, on 3.12 and later


class Index:
    """Functions by file, classes by line, and whoever else holds a code object.

    A picture of one moment: valid in this process and in forks of it that ran nothing since. It
    keeps alive what it found: `clear` it before the process goes on.
    """

    def __init__(self) -> None:
        self._functions: dict[str, list[FunctionType]] = {}
        self._holders: dict[str, list[tuple[CodeType, str]]] = {}
        self._classes: dict[object, list[type]] = {}
        self._modules: dict[str, list[tuple[str, dict[str, object]]]] = {}

    def build(self) -> None:
        """Look at every object there is (0.2 µs for each); replaces what was found before."""
        self.clear()
        frozen = gc.get_freeze_count() > _FROZEN_BY_PYTHON
        if frozen:
            gc.unfreeze()  # they would be missing from the list
        try:
            for thing in _wanted(gc.get_objects()):
                self._sort_in(thing)
        finally:
            if frozen:
                gc.freeze()
        for name, namespace in module_namespaces():
            file = namespace.get("__file__")
            if isinstance(file, str):
                self._modules.setdefault(file, []).append((name, namespace))
        for frame in sys._current_frames().values():
            self._running(frame)

    def clear(self) -> None:
        """Let go of everything: what nobody else needs must not live on in a serving process."""
        for found in (self._functions, self._holders, self._classes, self._modules):
            found.clear()

    def functions(self, path: str) -> tuple[FunctionType, ...]:
        """Every living function whose code names this file, wherever it is kept."""
        return tuple(self._functions.get(path, ()))

    def holders(self, path: str) -> tuple[tuple[CodeType, str], ...]:
        """Code of this file in generators and frames, each with a word for what holds it."""
        return tuple(self._holders.get(path, ()))

    def classes(self, line: int | None) -> tuple[type, ...]:
        """Every living class that says its source begins on this line (Python 3.13 and later).

        None: those that no longer say, as after an assignment to ``__module__``.
        """
        return tuple(self._classes.get(line, ()))

    def modules(self, path: str) -> tuple[tuple[str, dict[str, object]], ...]:
        """Name and namespace of each module in ``sys.modules`` loaded from this file."""
        return tuple(self._modules.get(path, ()))

    def _sort_in(self, thing: object) -> None:
        kind = type(thing)
        if kind is FunctionType:
            function = cast("FunctionType", thing)
            self._functions.setdefault(function.__code__.co_filename, []).append(function)
        elif kind in _HELD_CODE:
            attribute, word = _HELD_CODE[kind]
            self._hold(getattr(thing, attribute), word)
        else:
            namespace = _namespace_of_class(thing)
            if _STATIC in namespace or _FIRST_LINE in namespace:
                line = namespace.get(_FIRST_LINE)
                self._classes.setdefault(line, []).append(cast("type", thing))

    def _hold(self, code: CodeType, word: str) -> None:
        self._holders.setdefault(code.co_filename, []).append((code, word))

    def _running(self, frame: FrameType | None) -> None:
        while frame is not None:
            self._hold(frame.f_code, "a running call")
            frame = frame.f_back


def _wanted(things: list[object]) -> list[object]:
    """The functions, the classes and what holds code; most objects are none of them."""
    # By type(), never isinstance(), which would wake up lazy objects.
    kinds = {
        kind
        for kind in set(map(type, things))
        if kind is FunctionType or kind in _HELD_CODE or issubclass(kind, type)
    }
    return [thing for thing in things if type(thing) in kinds]


_HELD_CODE: Mapping[type, tuple[str, str]] = {
    GeneratorType: ("gi_code", "a generator"),
    CoroutineType: ("cr_code", "a coroutine"),
    AsyncGeneratorType: ("ag_code", "an asynchronous generator"),
    FrameType: ("f_code", "a kept frame or traceback"),
}
