"""Where the code objects of this process are: made once, while the checkpoint idles.

A checkpoint shares its memory with other processes until it writes to it, and Python writes to
the reference count of each object that it uses. So the index is made from what functions have in
common, their builtins: asking the garbage collector what refers to those reads all objects, and
writes only to functions.
"""

from __future__ import annotations

import builtins
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
)

from .modules import module_namespaces

_namespace_of_class = type.__dict__["__dict__"].__get__
_FIRST_LINE = "__firstlineno__"
_STATIC = "__static_attributes__"
_FROZEN_BY_PYTHON = gc.get_freeze_count()  # some hundred objects of its own, on 3.12 and later


class Index:
    """Functions by file, classes by line, and the code that runs.

    A picture of one moment: valid in this process and in forks of it that ran nothing since. It
    keeps alive what it found: `clear` it before the process goes on.
    """

    def __init__(self) -> None:
        self._functions: dict[str, list[FunctionType]] = {}
        self._running: dict[str, list[CodeType]] = {}
        self._classes: dict[object, list[type]] = {}
        self._modules: dict[str, list[tuple[str, dict[str, object]]]] = {}
        self._sources: dict[int, set[str]] = {}

    def build(self, *, complete: bool = False) -> None:
        """Find all functions there are (0.3 s for 500,000 objects); replaces what was found before.

        ``complete``: also those that have builtins of their own.
        """
        self.clear()
        for name, namespace in module_namespaces():
            complete = complete or not _has_usual_builtins(namespace)
            file = namespace.get("__file__")
            if isinstance(file, str):
                self._modules.setdefault(file, []).append((name, namespace))
        with _unfrozen():
            things = gc.get_objects() if complete else gc.get_referrers(builtins.__dict__)
        for thing in things:
            # Never isinstance(), which evaluates lazy objects.
            if type(thing) is FunctionType:
                path = thing.__code__.co_filename
                self._functions.setdefault(path, []).append(thing)
                self._sources.setdefault(id(thing.__globals__), set()).add(path)
        if sys.version_info >= (3, 13):
            self._sort_classes()
        self._sort_running()

    def clear(self) -> None:
        """Let go of everything: what nobody else needs must not live on in a serving process."""
        for found in (self._functions, self._running, self._classes, self._modules):
            found.clear()
        self._sources.clear()

    def functions(self, path: str) -> tuple[FunctionType, ...]:
        """Every living function whose code names this file, wherever it is kept."""
        return tuple(self._functions.get(path, ()))

    def running(self, path: str) -> tuple[CodeType, ...]:
        """Code of this file that runs at this moment."""
        return tuple(self._running.get(path, ()))

    def classes(self, line: int | None) -> tuple[type, ...]:
        """Every living class that says its source begins on this line (Python 3.13 and later).

        None: those that no longer say, as after an assignment to ``__module__``.
        """
        return tuple(self._classes.get(line, ()))

    def modules(self, path: str) -> tuple[tuple[str, dict[str, object]], ...]:
        """Name and namespace of each module in ``sys.modules`` loaded from this file."""
        return tuple(self._modules.get(path, ()))

    def sources(self, namespace: dict[str, object]) -> frozenset[str]:
        """The files of all living functions whose global names are those of this namespace."""
        return frozenset(self._sources.get(id(namespace), ()))

    def _sort_classes(self) -> None:
        for one in _classes():
            namespace = _namespace_of_class(one)
            if _STATIC in namespace or _FIRST_LINE in namespace:
                self._classes.setdefault(namespace.get(_FIRST_LINE), []).append(one)

    def _sort_running(self) -> None:
        waiting = [*sys._current_frames().values()]
        while waiting:
            frame = waiting.pop()
            self._running.setdefault(frame.f_code.co_filename, []).append(frame.f_code)
            if frame.f_back is not None:
                waiting.append(frame.f_back)
            # A frame that held itself would live on, and all its variables.
            del frame


def holder_of(code: CodeType) -> str | None:
    """A word for what holds this code object without being a function; looks at all objects."""
    with _unfrozen():
        kinds = [type(thing) for thing in gc.get_referrers(code)]
    return next((_HOLDERS[kind] for kind in kinds if kind in _HOLDERS), None)


@contextmanager
def _unfrozen() -> Iterator[None]:
    """Objects in the permanent generation (``gc.freeze()``) are missing from ``gc`` queries."""
    frozen = gc.get_freeze_count() > _FROZEN_BY_PYTHON
    if frozen:
        gc.unfreeze()
    try:
        yield
    finally:
        if frozen:
            gc.freeze()


def _has_usual_builtins(namespace: dict[str, object]) -> bool:
    own = namespace.get("__builtins__", builtins)
    return own is builtins or own is builtins.__dict__


def _classes() -> Iterator[type]:
    seen: set[int] = set()
    waiting: list[type] = [object]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += type.__subclasses__(one)  # past any metaclass


_HOLDERS: Mapping[type, str] = {
    GeneratorType: "a generator",
    CoroutineType: "a coroutine",
    AsyncGeneratorType: "an asynchronous generator",
    FrameType: "a kept frame or traceback",
}
