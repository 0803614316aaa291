"""Where functions can be swapped at all."""

from __future__ import annotations

import sys

from ..protocol.reasons import Reason

#: The name under which function calls are recorded while starting.
OUR_TOOL = "django-autoreload-plus"


def unavailable() -> Reason | None:
    """Why this interpreter cannot swap functions, or None if it can."""
    if sys.implementation.name != "cpython":
        name = sys.implementation.name
        return Reason("AP140", f"swapping functions needs CPython, this is {name}")
    if sys.version_info < (3, 12):
        version = ".".join(map(str, sys.version_info[:2]))
        return Reason("AP140", f"swapping functions needs Python 3.12 or later, this is {version}")
    if free_threaded():
        # There a reference count is no proof that nobody else holds a code object.
        return Reason("AP140", "swapping functions needs a Python with the global interpreter lock")
    return None


def free_threaded() -> bool:
    """Whether this Python was built to run without the global interpreter lock."""
    # Not sysconfig, which takes longer to import than many a program.
    return "t" in getattr(sys, "abiflags", "")


def watcher() -> str | None:
    """A debugger, profiler or coverage tool that watches this process, or None."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return "a tracer or profiler"
    if sys.version_info < (3, 12):
        return None
    tools = map(sys.monitoring.get_tool, range(6))
    return next((name for name in tools if name not in {None, OUR_TOOL}), None)
