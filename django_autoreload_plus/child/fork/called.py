"""Notes who calls functions of Python's of which no audit event tells, while the program starts."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection
from types import FrameType, ModuleType
from typing import Any

from ...own_code import looks_own
from ...records import dataclass, field
from .outside import Outside, module_of, package_of

_PACKAGE = __name__.partition(".")[0]


@dataclass
class Called(Outside):
    """The libraries and modules of the user's that have called; others take their functions' place.

    :meth:`remove` puts the functions back where nobody else has put others since.
    """

    _replaced: list[tuple[ModuleType, str]] = field(default_factory=list)

    def replace(self, module: ModuleType, name: str, called: Callable[[FrameType], None]) -> None:
        """Have ``called`` get the frame of each caller of this function, if the system has it."""
        function = getattr(module, name, None)
        if function is None:
            return

        @functools.wraps(function)
        def noting(*args: Any, **kwargs: Any) -> Any:
            called(sys._getframe(1))
            return function(*args, **kwargs)

        noting.autoreload_notes = self  # type: ignore[attr-defined]
        setattr(module, name, noting)
        self._replaced.append((module, name))

    def remove(self) -> None:
        """Put the functions back."""
        for module, name in self._replaced:
            function: Any = getattr(module, name, None)
            if getattr(function, "autoreload_notes", None) is self:
                setattr(module, name, function.__wrapped__)


def is_harmless(frame: FrameType, known: Collection[str]) -> bool:
    """Whether the code of a frame is ours, Python's own, or of these packages and modules."""
    module, package = module_of(frame), package_of(frame)
    if package == _PACKAGE or module in known or package in known:
        return True
    # A module of the program's may have the name of one of Python's.
    return package in sys.stdlib_module_names and not looks_own(frame.f_code.co_filename)
