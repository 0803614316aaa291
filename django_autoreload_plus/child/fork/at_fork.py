"""Notes who registers functions that Python calls in a process that forks, or was forked.

They run for each checkpoint and in each process resumed from one; a fresh start runs none of
them. What they do (a lock made anew, a seed, a warning, a client that reconnects) nobody can
tell. No audit event tells of them, so the function is replaced until the program serves.
"""

from __future__ import annotations

import functools
import os
import sys
from types import FrameType
from typing import Any

from ...own_code import looks_own
from .outside import Outside

#: Libraries of which the functions leave everything as a fresh start would have it: loguru's
#: take its locks and give them back; those of Sentry forget a thread, with which there would
#: be no checkpoint.
KNOWN = frozenset({"loguru", "sentry_sdk"})
_PACKAGE = __name__.partition(".")[0]
#: Of a module in C these are the frames that register. :mod:`importlib.metadata` is not one of
#: them: since Python 3.15 it registers a function of its own.
_IMPORT_SYSTEM = frozenset(
    {"importlib", "importlib._bootstrap", "importlib._bootstrap_external", "importlib.util"}
)


class AtFork(Outside):
    """The libraries and modules of the user's that have registered functions."""

    def install(self) -> None:
        """Replace the function."""
        register: Any = getattr(os, "register_at_fork", None)
        if register is None:
            return

        @functools.wraps(register)
        def noting(*args: Any, **kwargs: Any) -> None:
            client = _client(sys._getframe(1))
            if client:
                self.note("AP234", client, f"{client} registered a function for forked processes")
            register(*args, **kwargs)

        noting.autoreload_notes = self  # type: ignore[attr-defined]
        os.register_at_fork = noting

    def remove(self) -> None:
        """Put the function back where nobody else has put another since."""
        function: Any = getattr(os, "register_at_fork", None)
        if getattr(function, "autoreload_notes", None) is self:
            os.register_at_fork = function.__wrapped__


def _client(frame: FrameType | None) -> str:
    """The package that registers; ``""``: its functions are known to change nothing.

    Those of Python's own modules are among them: locks that nobody holds, and what
    :mod:`.random_state` and :mod:`.event_loops` put back.
    """
    # A module in C has no frame: whoever imports it is named.
    while frame is not None and _module(frame) in _IMPORT_SYSTEM:
        frame = frame.f_back
    if frame is None:
        return ""
    package = _module(frame).partition(".")[0]
    if package == _PACKAGE or package in KNOWN:
        return ""
    # A module of the program's may have the name of one of Python's.
    if package in sys.stdlib_module_names and not looks_own(frame.f_code.co_filename):
        return ""
    return package


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
