"""A filter for warnings that leaves no trace: what was told once is not told again after it.

`warnings.catch_warnings()` invalidates what every module has noted of the warnings it has
already shown.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def filtered(action: str, category: type[Warning]) -> Iterator[None]:
    """Treat warnings of this category so in the meantime."""
    # The list is the program's, and stays the same object.
    filters: Any = warnings.filters
    ours = (action, None, category, None, 0)
    filters.insert(0, ours)
    try:
        yield
    finally:
        # The first one of those that are equal; none if the program has exchanged the list.
        with contextlib.suppress(ValueError):
            filters.remove(ours)
