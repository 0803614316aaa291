"""Memory without a name that processes share by inheriting its descriptor."""

from __future__ import annotations

import contextlib
import os


def create(name: str) -> int:
    """A descriptor of new, empty memory (of a deleted file where there is no other).

    ``name`` is what tools that list descriptors show. Raises :class:`OSError` if the
    system has no memory, or no descriptor, to give.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    import tempfile

    descriptor, path = tempfile.mkstemp(prefix=f"{name}-")
    with contextlib.suppress(OSError):  # Windows
        os.unlink(path)
    return descriptor
