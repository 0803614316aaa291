"""Noticing that a file which shapes the running code may have changed.

:class:`Watcher` says which paths *may* have changed, as early as the platform
can tell; :class:`Baseline` decides from the content whether one really did.
"""

from .content import Baseline, Change
from .settle import git_is_busy
from .targets import Diagnostics, PolledTree, Targets
from .watcher import Watcher

__all__ = [
    "Baseline",
    "Change",
    "Diagnostics",
    "PolledTree",
    "Targets",
    "Watcher",
    "git_is_busy",
]
