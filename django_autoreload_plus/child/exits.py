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
from typing import NoReturn


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


def pending() -> bool:
    """Whether handlers of the program wait in this process."""
    return atexit._ncallbacks() > _harmless()


def _harmless() -> int:
    """Handlers that hold no state of the program as long as nothing uses them."""
    count = 0
    if "logging" in sys.modules:
        count += 1
    if weakref.finalize._registered_with_atexit:  # type: ignore[attr-defined]
        alive = any(f.atexit for f in list(weakref.finalize._registry))  # type: ignore[attr-defined]
        count += 0 if alive else 1
    return count


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
    os._exit(code)
