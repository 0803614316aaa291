"""Exit handlers: each runs once, when the state it belongs to is dropped.

A checkpoint keeps the handlers that were registered before it was taken; the
line that goes on starts with none. So a process that is replaced runs only its own,
and a module-level ``TemporaryDirectory()`` lives as long as anything that can
still be resumed with it.
"""

from __future__ import annotations

import atexit
import contextlib
import operator
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NoReturn


def _lies_beside(module: Any) -> bool:
    """Whether certifi's file lies in its package, and is no temporary one to be removed."""
    path = getattr(module, "_CACERT_PATH", None)
    return path is not None and os.path.dirname(path) == os.path.dirname(module.__file__)


#: Modules of libraries that register one handler, which does nothing but free memory, and
#: how to tell that a loaded one has done so.
_MEMORY_ONLY: dict[str, Callable[[Any], bool]] = {
    "PIL.Image": lambda _module: True,
    "certifi.core": _lies_beside,
}
#: Modules that register one handler for whatever is made with them later, by its name there.
#: (The locks of filelock that it would release are all made after a checkpoint.)
_ONE_FOR_ALL = {
    "logging": "shutdown",
    "multiprocessing.util": "_exit_function",
    "filelock._api": "_release_live_locks",
    "filelock._core._shutdown": "_release_live_locks",
    "filelock._soft_rw._sync": "_cleanup_all_instances",
    "filelock._soft._read_write._lock": "SoftReadWriteLock._cleanup_all_instances",
}
#: Those of them whose handlers a frozen copy has.
_handed_over: set[str] = set()
#: For how long the handlers of the command's first process may run, in seconds.
_PATIENCE = 5
#: The lowest priority there is, see nice(2).
_LAST = 19


def hand_over_handlers() -> None:
    """Forget the handlers registered so far: the checkpoint has them."""
    atexit._clear()
    _handed_over.update(_with_memory_only())
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    # Without them, what the new line registers with these modules would never run.
    for handler in _handlers_for_all():
        atexit.register(handler)
    if weakref.finalize._registered_with_atexit:  # type: ignore[attr-defined]
        atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]


def pending(memory_finalizers: Collection[str] = ()) -> bool:
    """Whether handlers of the program wait in this process.

    ``memory_finalizers``: modules whose finalizers do nothing but forget an object.
    """
    return atexit._ncallbacks() > _harmless(memory_finalizers)


def _harmless(memory_finalizers: Collection[str]) -> int:
    """Handlers that hold no state of the program as long as nothing uses them."""
    count = len(_handlers_for_all())
    count += len(_with_memory_only() - _handed_over)
    if weakref.finalize._registered_with_atexit and not any(  # type: ignore[attr-defined]
        _holds_state(finalizer, memory_finalizers) for finalizer in _finalizers()
    ):
        count += 1
    return count


def _handlers_for_all() -> list[Callable[[], None]]:
    handlers = []
    for name, module in _loaded(_ONE_FOR_ALL):
        with contextlib.suppress(AttributeError):
            handlers.append(operator.attrgetter(_ONE_FOR_ALL[name])(module))
    return handlers


def _with_memory_only() -> set[str]:
    return {name for name, module in _loaded(_MEMORY_ONLY) if _MEMORY_ONLY[name](module)}


def _loaded(names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Those of the modules that have registered: in the midst of its import one may not have."""
    for name in names:
        module = sys.modules.get(name)
        if module is not None and not getattr(module.__spec__, "_initializing", False):
            yield name, module


def _finalizers() -> list[Any]:
    return list(weakref.finalize._registry)  # type: ignore[attr-defined]


def _holds_state(finalizer: Any, memory_finalizers: Collection[str]) -> bool:
    if not finalizer.atexit:
        return False
    alive = finalizer.peek()
    return alive is not None and getattr(alive[1], "__module__", "") not in memory_finalizers


def flush() -> None:
    """Empty the buffers: every checkpoint would write what waits in them."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    for handler in list(getattr(sys.modules.get("logging"), "_handlerList", [])):
        with contextlib.suppress(Exception):
            handler().flush()


def exit_after_handlers(code: int) -> NoReturn:
    """End a forked process: its own handlers, then nothing else.

    An ordinary exit would also tear down what it shares with the checkpoint it
    came from, such as temporary folders whose objects die with their modules.
    """
    withstand_interrupts()
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush()
    exit_now(code)


def run_before(go_on: Callable[[], NoReturn]) -> NoReturn:
    """Run the handlers in a process that goes on as another program, whatever one of them does.

    One may end the process at once, where a library would crash, or wait for what never comes.
    """

    def leave(*_: object) -> NoReturn:
        if hasattr(signal, "alarm"):
            # It would meet the other program.
            signal.alarm(0)
        go_on()

    def leave_late(*_: object) -> NoReturn:
        sys.stderr.write(f"An exit handler has not ended within {_PATIENCE} s.\n")
        leave()

    # Registered as it is, it is not called by its name.
    atexit.unregister(os._exit)
    os._exit = leave  # type: ignore[assignment]
    if hasattr(signal, "alarm") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, leave_late)
        signal.alarm(_PATIENCE)
    atexit._run_exitfuncs()
    leave()


def withstand_interrupts() -> None:
    """From here on Ctrl-C has nothing to end: it would only print where the exit has come to.

    The supervisor, which gets the same signal, bounds the time. Not ignored, as programs that
    exit handlers start would inherit that.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, lambda _number, _frame: None)


def exit_now(code: int) -> NoReturn:
    """End at once, without exit handlers, at the lowest priority.

    Taking a large process apart keeps a processor busy just when the process that
    takes over answers its first request.
    """
    if hasattr(os, "nice"):
        os.nice(_LAST)
    os._exit(code)
