"""Notes who registers functions that Python calls in a process that forks, or was forked.

They run for each checkpoint and in each process resumed from one; a fresh start runs none of
them. What they do (a lock made anew, a seed, a warning, a client that reconnects) nobody can
tell. No audit event tells of them, so the function is replaced until the program serves.
"""

from __future__ import annotations

import os
from types import FrameType

from .called import Called, is_harmless
from .outside import module_of, package_of

#: Libraries of which the functions leave everything as a fresh start would have it. They release
#: or make anew the locks that threads held, set the process id anew that they compare with, and
#: start their threads again: with one of these there would be no checkpoint. Python's own modules
#: are others: locks that nobody holds, caches, and what :mod:`.random_state` and
#: :mod:`.event_loops` put back. (Not filelock: its locks refuse to work in a forked process.)
KNOWN = frozenset({"bson", "loguru", "opentelemetry", "posthog", "pymongo", "sentry_sdk"})
#: Of a module in C these are the frames that register. :mod:`importlib.metadata` is not one of
#: them: since Python 3.15 it registers a function of its own.
_IMPORT_SYSTEM = frozenset(
    {"importlib", "importlib._bootstrap", "importlib._bootstrap_external", "importlib.util"}
)


class AtFork(Called):
    """The libraries and modules of the user's that have registered functions."""

    def install(self) -> None:
        """Replace the function."""
        self.replace(os, "register_at_fork", self._registering)

    def _registering(self, frame: FrameType) -> None:
        client: FrameType | None = frame
        # A module in C has no frame: whoever imports it is named.
        while client is not None and module_of(client) in _IMPORT_SYSTEM:
            client = client.f_back
        if client is not None and not is_harmless(client, KNOWN):
            package = package_of(client)
            self.note("AP234", package, f"{package} registered a function for forked processes")
