"""Exit handlers: each runs once, when the state it belongs to is dropped.

A checkpoint keeps the handlers that were registered before it was taken; the
line that goes on starts with none. So a process that is replaced runs only its own,
and a module-level ``TemporaryDirectory()`` lives as long as anything that can
still be resumed with it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Collection
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
#: Those of them whose handlers a frozen copy has.
_handed_over: set[str] = set()
#: The lowest priority there is, see nice(2).
_LAST = 19


def hand_over_handlers() -> None:
    """Forget the handlers registered so far: the checkpoint has them."""
    atexit._clear()
    _handed_over.update(_with_memory_only())
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    # These modules register once; without them, what the new line registers with
    # them would never run.
    logging = sys.modules.get("logging")
    if logging is not None:
        atexit.register(logging.shutdown)
    if weakref.finalize._registered_with_atexit:  # type: ignore[attr-defined]
        atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.register(multiprocessing._exit_function)


def pending(memory_finalizers: Collection[str] = ()) -> bool:
    """Whether handlers of the program wait in this process.

    ``memory_finalizers``: modules whose finalizers do nothing but forget an object.
    """
    return atexit._ncallbacks() > _harmless(memory_finalizers)


def _harmless(memory_finalizers: Collection[str]) -> int:
    """Handlers that hold no state of the program as long as nothing uses them."""
    count = sum(name in sys.modules for name in ("logging", "multiprocessing.util"))
    count += len(_with_memory_only() - _handed_over)
    if weakref.finalize._registered_with_atexit and not any(  # type: ignore[attr-defined]
        _holds_state(finalizer, memory_finalizers) for finalizer in _finalizers()
    ):
        count += 1
    return count


def _with_memory_only() -> set[str]:
    loaded = {name: sys.modules.get(name) for name in _MEMORY_ONLY}
    return {
        name
        for name, module in loaded.items()
        # In the middle of its import it may not have come to it.
        if module is not None
        and not getattr(module.__spec__, "_initializing", False)
        and _MEMORY_ONLY[name](module)
    }


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
