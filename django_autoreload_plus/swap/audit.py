"""Events of a start after which a function may be known by more than its behaviour.

The process has one audit hook, made elsewhere, which passes its events on to `CopyAudit.on_event`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from functools import partial
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

from ..protocol.reasons import Reason
from .equality import qualname
from .hooks import AuditHooks
from .namespaces import Namespaces

# Readers of __code__ in the standard library that look at no more than the signature, the flags,
# the closure and the file name, all of which are the same in the new code.
_HARMLESS = frozenset(
    {
        ("annotationlib", "_build_closure"),
        ("dataclasses", "_update_func_cell_for__class__"),
        ("inspect", "_has_code_flag"),
        ("inspect", "_signature_from_function"),
        ("inspect", "_signature_is_functionlike"),
        ("inspect", "getfile"),
    }
)
# Evaluates annotations (since 3.14) by a function of its own with the code of __annotate__, the
# builtins of that and other globals. It calls that function at once and keeps nothing of it.
_EVALUATES_ANNOTATIONS = ("annotationlib", "call_annotate_function")
# With these a program makes further interpreters; no audit event tells of it on all versions.
_INTERPRETERS = frozenset(
    {"concurrent.interpreters"}
    if sys.version_info >= (3, 14)
    else {"_interpreters", "_xxsubinterpreters"}
)
_CODE_ATTRIBUTES = frozenset({"__code__", "gi_code", "cr_code", "ag_code"})
_DEFAULTS = frozenset({"__defaults__", "__kwdefaults__"})
# Modules of the standard library that read from the frames of a traceback only what names them.
_READS_TRACEBACKS = frozenset({"traceback", "linecache", "importlib", "contextlib", "unittest"})
_PACKAGE = __name__.partition(".")[0]
_DEPTH = 3  # between the cause of an event and its handler: the hook, on_event, the handler

Key = tuple[str, str, int]  # file, qualified name, first line
#: By the name of an audit event, as :func:`sys.addaudithook` passes them on.
Listeners = MutableMapping[str, Callable[[tuple[Any, ...]], None]]


class CopyAudit:
    """Code objects that were read or copied, tracers, and processes that ran the same files.

    That hook needs the attribute ``__cantrace__ = True``: without it the interpreter reports to no
    tool what runs inside the hook, finalizers of the user's included. It is the only Python
    function between the interpreter and ``on_event``.
    """

    def __init__(self) -> None:
        self._read: dict[Key, str] = {}
        #: Functions of which signature or kind were looked at, harmless for what stays the same.
        self._inspected: dict[Key, str] = {}
        self._copied: set[str] = set()
        #: Functions were made other than by ``def``: they may have builtins of their own.
        self.functions_made = False
        self._blind: str | None = None
        self._reading_in = 0
        self._listening = True
        #: The program's own audit hooks; what runs in those added before is not recorded.
        self.hooks = AuditHooks()
        #: Who read what from the project's modules.
        self.namespaces = Namespaces()
        self._blind_to_names: Reason | None = None
        self._earlier: dict[str, Callable[[tuple[object, ...]], None]] = {}
        self._handlers: Mapping[str, Callable[[tuple[object, ...]], None]] = {
            "object.__getattr__": self._attribute_read,
            "code.__new__": self._code_made,
            "function.__new__": self._function_made,
            "gc.get_referents": self._referents_read,
            "gc.get_referrers": self._objects_read,
            "gc.get_objects": self._objects_read,
            "exec": self._executing,
            "sys._getframe": self._frame_taken,
            "sys._current_frames": self._objects_read,
            "sys.settrace": self._tracer_set,
            "sys.setprofile": self._tracer_set,
            "sys.monitoring.register_callback": self._monitor_set,
            "sys.addaudithook": self._hook_added,
            "os.fork": self._forked,
            "os.forkpty": self._forked,
            "os.system": self._command_run,
            "os.exec": self._command_run,
            "os.spawn": self._command_run,
            "os.posix_spawn": self._command_run,
            "subprocess.Popen": self._command_run,
        }

    def on_event(self, event: str, args: tuple[object, ...]) -> None:
        """Take one audit event; never raises, for an audit hook's error is the user's."""
        handler = self._handlers.get(event)
        if handler is not None and self._listening:
            handler(args)
        if event in self._earlier:
            self._earlier[event](args)

    def listeners(self, earlier: Listeners) -> Listeners:
        """A listener for each event worth passing on, for a hook that looks them up by name.

        Those there before go on to hear of their events.
        """
        self._earlier = {event: earlier[event] for event in self._handlers if event in earlier}
        return {event: partial(self.on_event, event) for event in self._handlers}

    def stop(self) -> None:
        """The start is over: record nothing more (this package itself reads code from here on)."""
        self._listening = False
        self.namespaces.close()

    def go_on(self) -> None:
        """Something runs that belongs to the start all the same: listen until the next `stop`."""
        self._listening = True

    def blind_to_names(self) -> Reason | None:
        """Why nothing can be said of who has read any name in this process, or None."""
        return self._blind_to_names

    def blind(self) -> Reason | None:
        """Why nothing can be said of any function in this process, or None."""
        if self._blind is None and _worker_started():
            text = "while starting, multiprocessing started a worker, which may have run any file"
            return Reason("AP130", text)
        # Asked one by one: going through sys.modules would write to the pages of every name.
        if self._blind is None and any(name in sys.modules for name in _INTERPRETERS):
            text = "other interpreters may have run while starting, whose calls are not recorded"
            return Reason("AP130", text)
        return None if self._blind is None else Reason("AP130", self._blind)

    def copied(self, path: str) -> bool:
        """Whether a code object naming this file was made by hand (``code.replace()``)."""
        return path in self._copied

    def reader(self, code: CodeType) -> str | None:
        """The module that looked at this code object while starting, or None."""
        return self._read.get(_key(code))

    def inspector(self, code: CodeType) -> str | None:
        """The module that looked at the signature of a function with this code, or None."""
        return self._inspected.get(_key(code))

    def _attribute_read(self, args: tuple[object, ...]) -> None:
        if args[1] == "tb_frame":
            self._objects_read(args, but=_READS_TRACEBACKS)
        reads_code = args[1] in _CODE_ATTRIBUTES
        if not (reads_code or args[1] in _DEFAULTS) or self._reading_in == get_ident():
            return
        caller = self._caller()
        if caller == _EVALUATES_ANNOTATIONS or _is_own(caller[0]):
            return
        self._reading_in = get_ident()  # looking at it here is an event again
        try:
            code = getattr(args[0], str(args[1]) if reads_code else "__code__", None)
        finally:
            self._reading_in = 0
        if type(code) is CodeType:
            self._inspected.setdefault(_key(code), caller[0])
            if reads_code and caller not in _HARMLESS:
                self._read.setdefault(_key(code), caller[0])

    def _code_made(self, args: tuple[object, ...]) -> None:
        file = args[1]
        if isinstance(file, str):
            self._copied.add(file)

    def _function_made(self, _args: tuple[object, ...]) -> None:
        if self._caller() != _EVALUATES_ANNOTATIONS:
            self.functions_made = True

    def _executing(self, args: tuple[object, ...]) -> None:
        if args and type(args[0]) is CodeType:
            self.namespaces.executing(args[0], self._frame())

    def _frame_taken(self, _args: tuple[object, ...]) -> None:
        if self._reading_in != get_ident():
            self.namespaces.frame_taken(self._frame())

    def _objects_read(self, _args: tuple[object, ...], but: frozenset[str] = frozenset()) -> None:
        module = self._caller(further=1 if but else 0)[0]
        if self._blind_to_names is None and module.partition(".")[0] not in {*but, _PACKAGE}:
            text = f"while starting, {module} looked at objects or frames that lead to any name"
            self._blind_to_names = Reason("AP151", text)

    def _referents_read(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("used gc.get_referents(), which hands out code objects")

    def _tracer_set(self, _args: tuple[object, ...]) -> None:
        self.hooks.stop()
        self._blinded_by("set a tracer or profiler, whose own calls are not recorded")

    def _monitor_set(self, args: tuple[object, ...]) -> None:
        if args and args[0] is not None:
            self.hooks.stop()
            self._blinded_by("registered a sys.monitoring callback, whose calls are not recorded")

    def _hook_added(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("added an audit hook, whose calls are not recorded")

    def _forked(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("forked a process, whose calls are not recorded")

    def _command_run(self, args: tuple[object, ...]) -> None:
        words = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
        if any(map(_names_python, args[:2])) and [*words[1:]] != ["--version"]:
            self._blinded_by("started another Python, which may have run the same files")

    def _blinded_by(self, deed: str) -> None:
        module = self._caller(further=1)[0]
        if self._blind is None and not _is_own(module):
            self._blind = f"while starting, {module} {deed}"

    def _frame(self) -> FrameType | None:
        """The frame of the code that caused the event; for handlers alone."""
        outer, self._reading_in = self._reading_in, get_ident()
        try:
            return sys._getframe(_DEPTH + 1)
        except ValueError:
            return None
        finally:
            self._reading_in = outer

    def _caller(self, further: int = 0) -> tuple[str, str]:
        """Module and function that caused the event; ("", "") where there is no Python caller."""
        frame: FrameType | None
        try:
            frame = sys._getframe(_DEPTH + further + 1)
        except ValueError:
            return "", ""
        module = frame.f_globals.get("__name__")
        return (module if isinstance(module, str) else ""), frame.f_code.co_name


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE


def _key(code: CodeType) -> Key:
    return code.co_filename, qualname(code), code.co_firstlineno


def _worker_started() -> bool:
    """Workers that are spawned raise no audit event; multiprocessing numbers them, from 1."""
    counter = getattr(sys.modules.get("multiprocessing.process"), "_process_counter", None)
    return counter is not None and repr(counter) != "count(1)"


def _names_python(argument: object) -> bool:
    """Whether a command, or the first words of one, are a Python interpreter."""
    if isinstance(argument, (list, tuple)):
        return bool(argument) and _names_python(argument[0])
    if isinstance(argument, (bytes, os.PathLike)):
        argument = os.fsdecode(argument)
    if not isinstance(argument, str):
        return False
    return argument == sys.executable or any(
        os.path.basename(word).startswith(("python", "pypy")) for word in argument.split()
    )
