"""Where functions can be swapped at all."""

from __future__ import annotations

import sys
import sysconfig


def unavailable() -> str | None:
    """Why this interpreter cannot swap functions, or None if it can."""
    if sys.implementation.name != "cpython":
        return f"swapping functions needs CPython, this is {sys.implementation.name}"
    if sys.version_info < (3, 12):
        version = ".".join(map(str, sys.version_info[:2]))
        return f"swapping functions needs Python 3.12 or later, this is {version}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        # There a reference count is no proof that nobody else holds a code object.
        return "swapping functions needs a Python with the global interpreter lock"
    return None
