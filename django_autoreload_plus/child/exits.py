"""Exit handlers: each runs once, when the state it belongs to is dropped.

A frozen copy keeps the handlers that were registered before it was taken; the
line that goes on starts with none. So a process that gives way runs only its own,
and a module-level ``TemporaryDirectory()`` lives as long as anything that can
still be resumed with it.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import weakref
from typing import Any, NoReturn

#: The lowest priority there is, see nice(2).
_LAST = 19
#: Modules whose finalizers do nothing but forget an object. A framework makes one for
#: each receiver of a signal: no copy could ever go if they counted.
_ONLY_MEMORY = ("django.dispatch.dispatcher",)


def leave_to_the_copy() -> None:
    """Forget the handlers registered so far: the frozen copy has them."""
    atexit._clear()
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False
    # These modules register once; without them, what the new line registers with
    # them would never run.
    atexit.register(logging.shutdown)
    if weakref.finalize._registered_with_atexit:  # type: ignore[attr-defined]
        atexit.register(weakref.finalize._exitfunc)  # type: ignore[attr-defined]
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        atexit.register(multiprocessing._exit_function)


def pending() -> bool:
    """Whether handlers of the program wait in this process."""
    return atexit._ncallbacks() > _harmless()


def _harmless() -> int:
    """Handlers that hold no state of the program as long as nothing uses them."""
    count = sum(name in sys.modules for name in ("logging", "multiprocessing.util"))
    if weakref.finalize._registered_with_atexit and not any(map(_holds_state, _finalizers())):  # type: ignore[attr-defined]
        count += 1
    return count


def _finalizers() -> list[Any]:
    return list(weakref.finalize._registry)  # type: ignore[attr-defined]


def _holds_state(finalizer: Any) -> bool:
    if not finalizer.atexit:
        return False
    alive = finalizer.peek()
    return alive is not None and getattr(alive[1], "__module__", "") not in _ONLY_MEMORY


def flush() -> None:
    """Empty the buffers: every copy would write what waits in them."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]
    for handler in list(getattr(logging, "_handlerList", [])):
        with contextlib.suppress(Exception):
            handler().flush()


def leave(code: int) -> NoReturn:
    """End a forked process: its own handlers, then nothing else.

    An ordinary exit would also tear down what it shares with the frozen copy it
    came from, such as temporary folders whose objects die with their modules.
    """
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush()
    vanish(code)


def vanish(code: int) -> NoReturn:
    """End at once, with no handler, and behind everybody else.

    Taking a large process apart keeps a processor busy just when the process that
    takes over answers its first request.
    """
    if hasattr(os, "nice"):
        os.nice(_LAST)
    os._exit(code)
