"""What happened while starting that makes a function more than what it does when called.

The process has one audit hook, made elsewhere, which passes its events on to `CopyAudit.on_event`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from threading import get_ident
from types import CodeType, FrameType

from .likeness import qualname

# Readers of __code__ in the standard library that look at no more than the signature, the flags
# and the file name, all of which are the same in the new code.
_HARMLESS = frozenset(
    {
        ("inspect", "_has_code_flag"),
        ("inspect", "_signature_from_function"),
        ("inspect", "_signature_is_functionlike"),
        ("inspect", "getfile"),
    }
)
_CODE_ATTRIBUTES = frozenset({"__code__", "gi_code", "cr_code", "ag_code"})
_PACKAGE = __name__.partition(".")[0]

Key = tuple[str, str, int]  # file, qualified name, first line


class CopyAudit:
    """Code objects that were read or copied, tracers, and processes that ran the same files.

    That hook needs the attribute ``__cantrace__ = True``: without it the interpreter reports to no
    tool what runs inside the hook, finalizers of the user's included.

    ``hook_depth``: Python functions between the interpreter and ``on_event``; 1 for a hook that
    calls it directly, 0 where it is the hook itself.
    """

    def __init__(self, hook_depth: int = 1) -> None:
        self._depth = hook_depth + 2  # besides the hook: on_event and its handler
        self._read: dict[Key, str] = {}
        self._copied: set[str] = set()
        #: Functions were made other than by ``def``: they may have builtins of their own.
        self.functions_made = False
        self._blind: str | None = None
        self._reading_in = 0
        self._listening = True
        self._handlers: Mapping[str, Callable[[tuple[object, ...]], None]] = {
            "object.__getattr__": self._attribute_read,
            "code.__new__": self._code_made,
            "function.__new__": self._function_made,
            "gc.get_referents": self._referents_read,
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

    def listeners(self) -> dict[str, Callable[[tuple[object, ...]], None]]:
        """A listener for each event worth passing on, for a hook that looks them up by name."""
        return {event: partial(self.on_event, event) for event in self._handlers}

    def stop(self) -> None:
        """The start is over: look at nothing more (this package itself reads code from here)."""
        self._listening = False

    def blind(self) -> str | None:
        """Why nothing can be said of any function in this process, or None."""
        if self._blind is None and _worker_started():
            return "while starting, multiprocessing started a worker, which may have run any file"
        return self._blind

    def copied(self, path: str) -> bool:
        """Whether a code object naming this file was made by hand (``code.replace()``)."""
        return path in self._copied

    def reader(self, code: CodeType) -> str | None:
        """The module that looked at this code object while starting, or None."""
        return self._read.get(_key(code))

    def _attribute_read(self, args: tuple[object, ...]) -> None:
        if args[1] not in _CODE_ATTRIBUTES or self._reading_in == get_ident():
            return
        module, function = self._caller()
        if module.partition(".")[0] == _PACKAGE or (module, function) in _HARMLESS:
            return
        self._reading_in = get_ident()  # looking at it here is an event again
        try:
            code = getattr(args[0], str(args[1]), None)
        finally:
            self._reading_in = 0
        if type(code) is CodeType:
            self._read.setdefault(_key(code), module)

    def _code_made(self, args: tuple[object, ...]) -> None:
        file = args[1]
        if isinstance(file, str):
            self._copied.add(file)

    def _function_made(self, _args: tuple[object, ...]) -> None:
        self.functions_made = True

    def _referents_read(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("used gc.get_referents(), which hands out code objects")

    def _tracer_set(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("set a tracer or profiler, whose own calls are not recorded")

    def _monitor_set(self, args: tuple[object, ...]) -> None:
        if args and args[0] is not None:
            self._blinded_by("registered a sys.monitoring callback, whose calls are not recorded")

    def _hook_added(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("added an audit hook, whose calls are not recorded")

    def _forked(self, _args: tuple[object, ...]) -> None:
        self._blinded_by("forked a process, whose calls are not recorded")

    def _command_run(self, args: tuple[object, ...]) -> None:
        if any(map(_names_python, args[:2])):
            self._blinded_by("started another Python, which may have run the same files")

    def _blinded_by(self, deed: str) -> None:
        module = self._caller(further=1)[0]
        if module.partition(".")[0] != _PACKAGE and self._blind is None:
            self._blind = f"while starting, {module} {deed}"

    def _caller(self, further: int = 0) -> tuple[str, str]:
        """Module and function that caused the event; ("", "") where there is no Python caller."""
        frame: FrameType | None
        try:
            frame = sys._getframe(self._depth + further + 1)
        except ValueError:
            return "", ""
        module = frame.f_globals.get("__name__")
        return (module if isinstance(module, str) else ""), frame.f_code.co_name


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
