"""Tracebacks of the user's code: what carried the call is taken out.

The reloader's import hook and entry point stand between the user's frames, as
``importlib`` does. Python hides its own; this hides both, by giving each
exception of the chain a shorter ``__traceback__``, so that everything that
prints it later (Python, a debugger, the error page) shows the same.
"""

from __future__ import annotations

import builtins
import itertools
import os
import traceback
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..own_code import OwnCode, spellings
from ..paths import absolute
from .landmarks import NO_LANDMARKS, Landmarks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Longest traceback that is looked at whole: more is an endless recursion.
MAX_ENTRIES = 4000
#: Lines of one printed traceback; Python folds only a call that repeats itself.
MAX_PRINTED = 120
#: Exceptions of one chain or group.
MAX_CHAIN = 24

_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))
_IMPORTLIB = tuple(
    os.path.join(_LIBRARY, "importlib", name)
    for name in ("_bootstrap.py", "_bootstrap_external.py")
)
_RUNPY = ("<frozen runpy>", os.path.join(_LIBRARY, "runpy.py"))
#: Python 3.10 has no groups, unless a backport brings them.
_GROUP: type[Any] | None = getattr(builtins, "BaseExceptionGroup", None)


class Territory:
    """Tells the user's files from those of libraries and of the reloader."""

    def __init__(
        self,
        roots: Sequence[str],
        skip: Sequence[str] = (),
        landmarks: Landmarks = NO_LANDMARKS,
    ) -> None:
        self.landmarks = landmarks
        self._own = OwnCode(roots)
        self._skip = tuple(form for directory in skip for form in spellings(directory))
        self._known: dict[str, bool] = {}

    def owns(self, path: str) -> bool:
        """Whether ``path`` lies in the project and is not an installed library."""
        if path not in self._known:
            self._known[path] = self._decide(path)
        return self._known[path]

    def skips(self, path: str) -> bool:
        """Whether ``path`` belongs to the reloader itself."""
        return bool(self._skip) and path.startswith(self._skip)

    def _decide(self, path: str) -> bool:
        if path.startswith("<"):
            return False
        path = absolute(path)
        if self.skips(path):
            return False
        return self._own.owns(path) or self._own.owns(os.path.realpath(path))


def related(error: BaseException) -> Iterator[BaseException]:
    """Yield what ``error`` was raised from or during, and its parts if it is a group."""
    if error.__cause__ is not None:
        yield error.__cause__
    if error.__context__ is not None:
        yield error.__context__
    yield from parts(error)


def parts(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions in a group; ``()`` for any other exception."""
    if _GROUP is None or not isinstance(error, _GROUP):
        return ()
    return tuple(error.exceptions)


def prune(error: BaseException, territory: Territory) -> None:
    """Shorten the traceback of ``error`` and of everything it is chained to."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            BaseException.with_traceback(current, _shortened(current, territory))
            waiting.extend(related(current))


def entries(error: BaseException) -> list[TracebackType]:
    """The entries of the traceback, the oldest call first."""
    found = []
    entry = error.__traceback__
    while entry is not None:
        found.append(entry)
        entry = entry.tb_next
    return found


def _shortened(error: BaseException, territory: Territory) -> TracebackType | None:
    whole = entries(error)
    kept: list[TracebackType] = []
    for carries, run in itertools.groupby(whole, lambda entry: _carrier(entry, territory) != ""):
        frames = list(run)
        if not carries or (kept and _called_by_user(frames, territory)):
            kept.extend(frames)
    if whole and whole[-1] not in kept[-1:]:
        kept.extend(_own_mistake(error, whole, territory))
    if len(kept) > MAX_ENTRIES:
        kept = kept[: MAX_ENTRIES // 2] + kept[-MAX_ENTRIES // 2 :]
    shortened: TracebackType | None = None
    for entry in reversed(kept):
        shortened = TracebackType(shortened, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return shortened


def _carrier(entry: TracebackType, territory: Territory) -> str:
    path = entry.tb_frame.f_code.co_filename
    if path.startswith("<frozen importlib") or path in _IMPORTLIB:
        return "importlib"
    if path in _RUNPY:
        return "runpy"
    return "reloader" if territory.skips(path) else ""


def _called_by_user(run: Iterable[TracebackType], territory: Territory) -> bool:
    """Whether the run is nothing but ``runpy``, which a user may call as well."""
    return all(_carrier(entry, territory) == "runpy" for entry in run)


def _own_mistake(
    error: BaseException,
    whole: list[TracebackType],
    territory: Territory,
) -> list[TracebackType]:
    """The reloader's frames at the end if it failed itself."""
    # What stands in for a function of the library passes on its errors (EOFError: ``input()``).
    if isinstance(error, (ImportError, SyntaxError, OSError, EOFError)):
        return []
    backwards = itertools.takewhile(
        lambda entry: _carrier(entry, territory) == "reloader",
        reversed(whole),
    )
    return list(backwards)[::-1]


class _FoldedStack(traceback.StackSummary):
    """A stack that leaves out its middle when it is too long to be read."""

    def format(self, **options: Any) -> list[str]:
        lines: list[str] = super().format(**options)
        if len(lines) <= MAX_PRINTED:
            return lines
        half = MAX_PRINTED // 2
        note = f"  [… the middle of {len(self)} calls is left out …]\n"
        return [*lines[:half], note, *lines[-half:]]


def explain(error: BaseException) -> traceback.TracebackException:
    """Python's own description of ``error``, with readable stack lengths."""
    root = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [root]
    while waiting:
        current = waiting.pop()
        if current is not None:
            current.stack = _FoldedStack(current.stack)
            waiting += [current.__cause__, current.__context__, *described_parts(current)]
    return root


def described_parts(
    described: traceback.TracebackException,
) -> list[traceback.TracebackException]:
    """The descriptions of the exceptions in a group, else ``[]``."""
    return list(getattr(described, "exceptions", None) or ())
