"""Awaits the return of an interpreter that was deleted, as when an environment is made anew."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

#: Between two checks for the file, in seconds.
_INTERVAL = 0.5


class InterpreterReturn:
    """Starts the program again once its interpreter is there."""

    def __init__(
        self,
        executable: Callable[[], str],
        *,
        is_awaited: Callable[[int], bool],
        returned: Callable[[int], None],
    ) -> None:
        """``is_awaited`` says whether the start of this generation is still the latest, and failed.

        ``returned`` is told the generation whose start can be repeated.
        """
        self._executable = executable
        self._is_awaited = is_awaited
        self._returned = returned

    def begin(self, generation: int) -> None:
        """This start has failed: if the interpreter is gone, wait until it is back."""
        if not can_execute(self._executable()):
            asyncio.get_running_loop().call_later(_INTERVAL, self._check, generation)

    def _check(self, generation: int) -> None:
        if not self._is_awaited(generation):
            return
        if can_execute(self._executable()):
            self._returned(generation)
        else:
            asyncio.get_running_loop().call_later(_INTERVAL, self._check, generation)


def can_execute(path: str) -> bool:
    """Whether there is a program at this path."""
    return os.access(path, os.X_OK)
