"""Notes who registers functions that Python calls in a process that forks, or was forked.

They run for each checkpoint and in each process resumed from one; a fresh start runs none of
them. What they do (a lock made anew, a seed, a warning, a client that reconnects) nobody can
tell. No audit event tells of them, so the function is replaced until the program serves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from types import FrameType

from ...protocol.reasons import Reason
from . import filelocks
from .called import Called, is_harmless
from .outside import module_of, package_of

#: Libraries of which the functions leave everything as a fresh start would have it. They release
#: or make anew the locks that threads held, set the process id anew that they compare with, empty
#: a cache, draw another seed, forget a process that they started, and start their threads again:
#: with one of these two there would be no checkpoint. Python's own modules are others: locks that
#: nobody holds, caches, and what :mod:`.random_state` and :mod:`.event_loops` put back.
KNOWN = frozenset(
    {
        "bson",
        "datadog",
        "joblib",
        "loguru",
        "matplotlib",
        "opentelemetry",
        "posthog",
        "pymongo",
        "sentry_sdk",
        "uuid_utils",
    }
)
#: Libraries of which that depends on the moment. Asked, with what was noted, before a checkpoint.
DEPENDING: dict[str, Callable[[Reason], Reason | None]] = {"filelock": filelocks.obstacle}
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

    def reason(self, except_for: Collection[str]) -> Reason | None:
        """As of all that is noted; some depends on the moment."""
        reason = super().reason({*except_for, *DEPENDING})
        for package, obstacle in DEPENDING.items():
            if package in self._uses and package not in except_for:
                reason = reason or obstacle(self._uses[package])
        return reason

    def _registering(self, frame: FrameType) -> None:
        client: FrameType | None = frame
        # A module in C has no frame: whoever imports it is named.
        while client is not None and module_of(client) in _IMPORT_SYSTEM:
            client = client.f_back
        if client is not None and not is_harmless(client, KNOWN):
            package = package_of(client)
            self.note("AP234", package, f"{package} registered a function for forked processes")
