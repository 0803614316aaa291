"""Keeps the reloader's own descriptors open in a process that closes all it has.

Code for daemons closes every number from 3 on, to be rid of what it may have inherited:
``os.closerange(3, limit)``, or ``os.close()`` in a loop. Under any other reloader those
numbers are free. Here they are the channel to the supervisor and what else a child is
given, and the next file that the program opens would get their numbers.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable


class OwnDescriptors:
    """Takes the place of :func:`os.close` and :func:`os.closerange` in this process.

    What the program cannot close is treated as closed already: ``os.close()`` raises
    :class:`OSError` with ``EBADF``. In processes that the program forks, all of it is closed.
    """

    def __init__(self, held: Callable[[], Iterable[int]], is_owner: Callable[[], bool]) -> None:
        self._held = held
        self._is_owner = is_owner
        self._close, self._closerange = os.close, os.closerange

    def install(self) -> None:
        """Replace the functions, for the life of the process."""

        def close(fd: int) -> None:
            if fd in self._protected():
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._close(fd)

        def closerange(fd_low: int, fd_high: int, /) -> None:
            for held in self._protected():
                if fd_low <= held < fd_high:
                    self._closerange(fd_low, held)
                    fd_low = held + 1
            self._closerange(fd_low, fd_high)

        close.__doc__, closerange.__doc__ = self._close.__doc__, self._closerange.__doc__
        # Static, as built-in functions are: a class may have them as attributes.
        vars(os).update(close=staticmethod(close), closerange=staticmethod(closerange))

    def _protected(self) -> list[int]:
        return sorted(self._held()) if self._is_owner() else []
