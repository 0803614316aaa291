"""Notes who asks for the id of the process while it starts.

The process that goes on after a checkpoint, and each one resumed from it, has another id than the
one before. A program that keeps an id, in a variable or in a file, would keep a wrong one.
No audit event tells of it, so the functions are replaced until the program serves.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from types import FrameType

from .called import Called, is_harmless
from .outside import module_of, package_of

#: Libraries that compare the id to notice a fork, or look it up again each time.
KNOWN = frozenset(
    {
        "bson",
        "filelock",
        "joblib",
        "loguru",
        "posthog",
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
_NAMES = {
    "getpid": (os, "the process id"),
    "getppid": (os, "the id of the parent process"),
    "get_native_id": (threading, "the native id of a thread"),
}


class ProcessIds(Called):
    """The libraries and modules of the user's that have asked."""

    def install(self) -> None:
        """Replace the functions."""
        for name, (module, what) in _NAMES.items():
            self.replace(module, name, partial(self._asking, what))

    def _asking(self, what: str, frame: FrameType) -> None:
        client = _client(frame)
        if client:
            self.note("AP232", client, f"{client} asked for {what}")


def _client(frame: FrameType | None) -> str:
    """The package that may keep the id; ``""``: it is known to keep none."""
    if frame is None:
        return ""
    module, package = module_of(frame), package_of(frame)
    if module not in KNOWN and (
        package == "psutil" or (module, frame.f_code.co_name) == _CURRENT_PROCESS
    ):
        return _client(frame.f_back)
    return "" if is_harmless(frame, KNOWN) else package
