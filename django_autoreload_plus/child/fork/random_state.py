"""The random generators of Python and numpy, in a process that was forked.

Python seeds its own anew in every forked process, also if the program has seeded it with a
number of its choice; numpy never does, and would repeat its numbers after each reload.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any


class RandomState:
    """Whether the program has seeded Python's generator, which is one for the whole process."""

    def __init__(self) -> None:
        self._is_seeded = False
        #: Kept here, as the program may take it out of :data:`sys.modules`.
        self._random: Any = None

    def watch(self) -> None:
        """Note seeds from here on. The module :mod:`random` has been imported."""
        random = self._random = sys.modules["random"]
        random.seed = self._noting(random.seed)  # type: ignore[attr-defined]
        random.setstate = self._noting(random.setstate)  # type: ignore[attr-defined]

    def before_fork(self) -> Any:
        """The state to be given to :meth:`after_fork`."""
        return self._random.getstate() if self._is_seeded else None

    def after_fork(self, state: Any) -> None:
        """In the forked process: go on after a seed of the program's, or begin anew."""
        if state is not None:
            self._random.setstate.__wrapped__(state)
        numpy: Any = sys.modules.get("numpy.random")
        # A generator that was seeded with a number has no sequence of seeds.
        if numpy is not None and getattr(_bits(numpy), "seed_seq", None) is not None:
            numpy.set_state(type(_bits(numpy))().state)

    def _noting(self, function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def noting(*args: Any, **kwargs: Any) -> None:
            self._is_seeded = any(value is not None for value in (*args, *kwargs.values()))
            function(*args, **kwargs)

        return noting


def _bits(numpy: Any) -> Any:
    return getattr(getattr(numpy.mtrand, "_rand", None), "_bit_generator", None)


#: The state of this process.
random_state = RandomState()
