"""Which code ran in this process since recording began."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from types import CodeType

from ..own_code import is_of_interpreter
from ..protocol.reasons import Reason
from .compare import Refusal
from .equality import is_class_or_module_body
from .files import Files
from .modules import module_namespaces
from .support import OUR_TOOL, unavailable, watcher

#: Attributes by which code comes to the namespaces of others, unnoticed.
_READERS = frozenset({"__globals__", "gi_frame", "cr_frame", "ag_frame"})
PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_TOOL = 4  # one of the two that PEP 669 reserves for nobody


class RunRecorder:
    """Notes each code object at its first start, by `sys.monitoring`.

    ``start`` before the first import of the user's, ``stop`` when the user's process goes on to
    serve. What was noted stays valid in forked checkpoints.
    """

    def __init__(self) -> None:
        # Written by the interpreter alone; every call leaves three objects, the code among them.
        self._noted: list[object] = []
        self._ran: dict[str, dict[int, CodeType]] = {}
        self._files = Files()
        #: Names used by code that was compiled from no file.
        self.loose_names: set[str] = set()
        #: A file of which code that ran may read the names of any module.
        self.reader: str | None = None
        self._earlier: frozenset[str] = frozenset()
        self._recording = False
        self._failure: Refusal | None = Refusal(
            Reason("AP130", "it was not recorded what runs while starting")
        )

    def start(self) -> Refusal | None:
        """Begin to record; the Refusal says why this process cannot."""
        self._failure = self._begin()
        return self._failure

    def _begin(self) -> Refusal | None:
        if reason := unavailable():
            return Refusal(reason)
        if sys.version_info >= (3, 12):
            if tool := watcher():
                text = f"{tool} watches this process, whose own calls are not recorded"
                return Refusal(Reason("AP131", text))
            self._earlier = frozenset(_loaded_files())
            monitoring = sys.monitoring
            monitoring.use_tool_id(_TOOL, OUR_TOOL)
            monitoring.register_callback(_TOOL, monitoring.events.PY_START, self._callback())
            monitoring.set_events(_TOOL, monitoring.events.PY_START)
            self._recording = True
        return None

    def stop(self) -> None:
        """Record nothing more, but keep the tool: the process serves from now on.

        Giving the tool back would make the interpreter look at every function again
        at its next call, which is when the first request after a save runs. Nor is
        what was noted forgotten: that would touch every code object there is, and the
        checkpoint that shares the memory holds them anyway.
        """
        if self._recording and sys.version_info >= (3, 12):
            disable = sys.monitoring.DISABLE
            start = sys.monitoring.events.PY_START
            sys.monitoring.register_callback(_TOOL, start, lambda *_: disable)

    def trim(self) -> None:
        """Let go of the module and class bodies that ran; they are never run again.

        Worth calling now and then during a long start: until then they stay in memory.
        """
        fresh = self._noted[:]
        del self._noted[: len(fresh)]
        for code in fresh:
            if type(code) is not CodeType:
                continue
            self._look_for_readers(code)
            if not is_class_or_module_body(code):
                self._ran.setdefault(code.co_filename, {})[id(code)] = code
            elif code.co_name == "<module>":
                self._files.add(code.co_filename)

    def _look_for_readers(self, code: CodeType) -> None:
        path = code.co_filename
        if path[:1] == "<":
            if not path.startswith("<frozen "):
                self.loose_names.update(code.co_names)
        elif not (
            self.reader
            or _READERS.isdisjoint(code.co_names)
            or is_of_interpreter(path)
            or path.startswith(PACKAGE)
        ):
            self.reader = path

    def ran(self, code: CodeType) -> bool:
        """Whether this very code object, that of a function, has started at least once."""
        self.trim()
        return id(code) in self._ran.get(code.co_filename, {})

    def ran_in(self, path: str) -> tuple[CodeType, ...]:
        """Every code object of a function of this file that has started, dead functions' too."""
        self.trim()
        return tuple(self._ran.get(path, {}).values())

    def refusal(self, path: str) -> Refusal | None:
        """Why too little is known of the file: it was loaded before, or never, or by two names."""
        self.trim()
        if self._failure is not None:
            return self._failure
        if path in self._earlier:
            return Refusal(Reason("AP129", f"{path} was loaded before recording began"))
        if path not in self._files:
            return Refusal(Reason("AP129", f"{path} was not imported while recording"))
        alias = self._files.alias(path)
        if alias is not None:
            # Functions of the other name are the same source's, and would be missed.
            return Refusal(Reason("AP129", f"{path} was imported as {alias} too"))
        return None

    def prepare(self) -> None:
        """Do in advance what takes long, so that the answers come at once."""
        self.trim()
        self._files.read_inodes()

    def _callback(self) -> partial[object]:
        """``max(DISABLE, code, offset)``, noting each operand: answers DISABLE, in C alone.

        No Python code may run inside the callback. Where a Python function starts, the interpreter
        collects garbage and handles signals; the finalizers and handlers it would run in here are
        reported to no tool, so that a ``__del__`` of the user's could run unnoticed.
        """
        note = type(
            "_Note",
            (),
            {
                "__slots__": (),
                "__init__": self._noted.append,
                "__gt__": ().__contains__,  # never greater: max() keeps its first operand
            },
        )
        if sys.version_info < (3, 12):
            raise NotImplementedError
        return partial(max, sys.monitoring.DISABLE, key=note)


def _loaded_files() -> Iterator[str]:
    for _name, namespace in module_namespaces():
        file = namespace.get("__file__")
        if isinstance(file, str):
            yield file
