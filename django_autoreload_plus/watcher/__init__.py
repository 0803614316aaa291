"""Noticing that a file which shapes the running code may have changed.

:class:`Watcher` says which paths *may* have changed, as early as the platform
can tell; :class:`Baseline` decides from the content whether one really did.
"""

from .baseline import CLOCK_SLACK_NS, Baseline, Change
from .git import git_is_busy
from .targets import Diagnostics, PolledTree, Targets
from .watcher import Watcher

__all__ = [
    "CLOCK_SLACK_NS",
    "Baseline",
    "Change",
    "Diagnostics",
    "PolledTree",
    "Targets",
    "Watcher",
    "git_is_busy",
]
