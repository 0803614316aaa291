"""Objects that hold what a module does, as a framework may have them; for random programs."""

from __future__ import annotations

import importlib
import sys
from typing import Any

#: The module that keeps the box in use.
KEEPER = "mod1"


class Box:
    """All names in capitals of a module, but for one that has to be a number."""

    def __init__(self, name: str) -> None:
        """Copy the module."""
        module = importlib.import_module(name)
        for each in dir(module):
            if each.isupper():
                value = getattr(module, each)
                if each == "N1" and not isinstance(value, int):
                    value = 0
                setattr(self, each, value)


def note(checkpoints: Any) -> None:
    """Let what boxes hold be exchanged."""
    from django_autoreload_plus.swap.mirrors import Mirror

    checkpoints.mirror(Mirror(Box, "box", str.isupper, _in_use))


def _in_use(_name: str) -> object:
    return getattr(sys.modules.get(KEEPER), "BOX", None)
