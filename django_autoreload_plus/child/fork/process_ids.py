"""Notes who asks for the id of the process while it starts.

The process that goes on after a checkpoint, and each one resumed from it, has another id than the
one before. A program that keeps an id, in a variable or in a file, would keep a wrong one.
No audit event tells of it, so the functions are replaced until the program serves.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from ...own_code import looks_own
from .outside import Outside

#: Libraries that compare the id to notice a fork, or look it up again each time.
KNOWN = frozenset(
    {
        "bson",
        "filelock",
        "joblib",
        "loguru",
        "psutil._pslinux",
        "psutil._psosx",
        "pymongo",
        "redis",
        "sentry_sdk",
        "structlog",
        "twisted.python.systemd",
        "weblate.utils.errors",
    }
)
#: Asks for whoever asks it, as psutil does.
_CURRENT_PROCESS = ("multiprocessing.process", "ident")
_PACKAGE = __name__.partition(".")[0]
_NAMES = {
    "getpid": (os, "the process id"),
    "getppid": (os, "the id of the parent process"),
    "get_native_id": (threading, "the native id of a thread"),
}


class ProcessIds(Outside):
    """The libraries and modules of the user's that have asked."""

    def install(self) -> None:
        """Replace the functions."""
        for name, (module, what) in _NAMES.items():
            if hasattr(module, name):
                setattr(module, name, self._noting(getattr(module, name), what))

    def remove(self) -> None:
        """Put the functions back where nobody else has put others since."""
        for name, (module, _) in _NAMES.items():
            function: Any = getattr(module, name, None)
            if getattr(function, "autoreload_notes", None) is self:
                setattr(module, name, function.__wrapped__)

    def _noting(self, function: Callable[[], int], what: str) -> Callable[[], int]:
        @functools.wraps(function)
        def noting() -> int:
            client = _client(sys._getframe(1))
            if client:
                self.note("AP232", client, f"{client} asked for {what}")
            return function()

        noting.autoreload_notes = self  # type: ignore[attr-defined]
        return noting


def _client(frame: FrameType | None) -> str:
    """The package that may keep the id; ``""``: it is known to keep none."""
    if frame is None:
        return ""
    module = _name(frame)
    package = module.partition(".")[0]
    if package == _PACKAGE or module in KNOWN or package in KNOWN:
        return ""
    if package == "psutil" or (module, frame.f_code.co_name) == _CURRENT_PROCESS:
        return _client(frame.f_back)
    # A module of the program's may have the name of one of Python's.
    if package in sys.stdlib_module_names and not looks_own(frame.f_code.co_filename):
        return ""
    return package


def _name(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
