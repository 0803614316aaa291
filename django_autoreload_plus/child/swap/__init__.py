"""Changed function bodies, exchanged in a forked copy of the started process.

`prepare` says whether a file's new version leads to the state a fresh start would reach when only
the code of its functions is exchanged, and if so, `Ready.apply` does it.
"""

from .apply import Ready, prepare
from .compare import Plan, Refusal, compare
from .index import Index
from .ran import CopyAudit, RunRecorder

__all__ = [
    "CopyAudit",
    "Index",
    "Plan",
    "Ready",
    "Refusal",
    "RunRecorder",
    "compare",
    "prepare",
]
