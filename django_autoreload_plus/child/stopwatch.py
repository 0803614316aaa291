"""Measures every import of a starting program, nested as they happened.

The interpreter and :func:`importlib.import_module` ask one function of the import system for
every module that is not loaded yet; a function around it takes the times. Only the thread
that begins is measured.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from ..protocol import measured
from ..protocol.messages import Measured
from ..protocol.reasons import Reason
from ..records import dataclass
from .modules import module_files

_import_system: Any = sys.modules["_frozen_importlib"]
_NAME = "_find_and_load"
#: The file names of frames that lie between an import and the code that asks for it.
_BETWEEN = ("<frozen importlib", "importlib/__init__.py")


@dataclass
class _Import:
    name: str
    begin: float
    parent: int
    importer: str
    line: int
    end: float = 0.0
    path: str = ""
    failed: bool = False


class Stopwatch:
    """The imports of one process."""

    def __init__(self) -> None:
        self._imports: list[_Import] = []
        self._points: list[measured.Point] = []
        #: The imports under way: their indexes in the list.
        self._under_way: list[int] = [-1]
        self._begin = 0.0
        #: The time that does not count.
        self._paused = 0.0
        self._original: Callable[..., Any] | None = None

    def start(self) -> None:
        """Measure from now on."""
        original = self._original = getattr(_import_system, _NAME)
        thread = threading.get_ident()

        def find_and_load(name: str, import_: Any) -> Any:
            # import_module() asks for loaded ones, too.
            if name in sys.modules or threading.get_ident() != thread:
                return original(name, import_)
            return self._measure(name, original, import_)

        for function in (find_and_load, type(self)._measure):
            # Warnings, and programs that look for their caller, skip the import system's frames.
            function.__code__ = function.__code__.replace(co_filename=original.__code__.co_filename)
        setattr(_import_system, _NAME, find_and_load)
        self._begin = time.perf_counter()

    def note_point(self, label: str, begun: float, reason: Reason | None) -> None:
        """Note a point where a copy was taken, or not; that has begun at a ``perf_counter()``."""
        at = begun - self._begin - self._paused
        self._points.append(measured.Point(label, at, reason))
        # What was imported for it is no part of the time that counts.
        while self._imports and self._imports[-1].begin >= at:
            self._imports.pop()
        self._paused += time.perf_counter() - begun

    def result(self) -> Measured:
        """Measure no more; what was measured."""
        end = self._now()
        setattr(_import_system, _NAME, self._original)
        for one in self._imports:
            one.end = one.end or end
            one.path = _path_of(sys.modules.get(one.name))
        imports = tuple(measured.Import(**vars(one)) for one in self._imports)
        return Measured(imports, tuple(self._points), end, self._begin)

    def _now(self) -> float:
        return time.perf_counter() - self._begin - self._paused

    def _measure(self, name: str, original: Callable[..., Any], import_: Any) -> Any:
        importer, line = _importer(sys._getframe(2))
        one = _Import(name, self._now(), self._under_way[-1], importer, line, failed=True)
        self._under_way.append(len(self._imports))
        self._imports.append(one)
        try:
            module = original(name, import_)
            one.failed = False
            return module
        finally:
            self._under_way.pop()
            one.end = self._now()


def _importer(frame: FrameType | None) -> tuple[str, int]:
    while frame is not None:
        path = frame.f_code.co_filename
        if not (path.startswith(_BETWEEN[0]) or path.endswith(_BETWEEN[1])):
            return path, frame.f_lineno
        frame = frame.f_back
    return "", 0


def _path_of(module: ModuleType | None) -> str:
    return next(iter(module_files(module)), "")
