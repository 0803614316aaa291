"""Whether a failure may come from something that another process holds.

Such a start is tried once more when the other process has ended, before anybody is told.
A mistake in the code itself would only be shown later that way.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ..protocol.failure import Contention

#: Mistakes in the code: no other process can be their cause. A framework adds its own.
inherent: list[type[BaseException]] = [
    ArithmeticError,
    AssertionError,
    AttributeError,
    FileNotFoundError,
    ImportError,
    IsADirectoryError,
    LookupError,
    NameError,
    NotADirectoryError,
    NotImplementedError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
]
#: Error numbers of the kernel for a resource that is taken.
_TAKEN = {
    errno.EADDRINUSE,
    errno.EAGAIN,
    errno.EBUSY,
    errno.EDEADLK,
    errno.EEXIST,
    errno.ETXTBSY,
    errno.EWOULDBLOCK,
}
#: Of the database API (PEP 249) and of lock libraries: their modules need not be loaded.
_TAKEN_NAMES = ("OperationalError", "LockError", "AlreadyLocked", "Timeout")


def contention(errors: Sequence[BaseException]) -> Contention:
    """The value of :attr:`.Failure.contention` for a chain of exceptions."""
    if any(map(_says_taken, errors)):
        return "likely"
    if all(isinstance(error, tuple(inherent)) for error in errors):
        return "impossible"
    return "possible"


def _says_taken(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return isinstance(error, TimeoutError) or error.errno in _TAKEN
    return type(error).__name__ in _TAKEN_NAMES
