"""Lets the recorder see what runs inside audit hooks of the program's and of libraries.

The interpreter reports to no tool what a hook does, unless it has the attribute
``__cantrace__``. So while a program starts, each hook is added within an object that has it.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


class AuditHooks:
    """The hooks that were added since :meth:`install`."""

    def __init__(self) -> None:
        self._add = sys.addaudithook
        self._hooks: list[functools.partial[Any]] = []
        self._recording = False

    def install(self) -> None:
        """Stand in for :func:`sys.addaudithook`."""
        self._recording = True

        @functools.wraps(self._add)
        def addaudithook(hook: Any) -> None:
            if self._recording and callable(hook) and not getattr(hook, "__cantrace__", False):
                # In C: it adds no frame, so the one that has caused an event is found where it was.
                reported = functools.partial(hook)
                reported.__cantrace__ = True  # type: ignore[attr-defined] # see sys.addaudithook
                self._hooks.append(reported)
                self._add(reported)
            else:
                self._add(hook)

        sys.addaudithook = addaudithook

    def stop(self) -> None:
        """Report nothing more: not to other tools either, as it would be without this class."""
        self._recording = False
        for hook in self._hooks:
            hook.__cantrace__ = False  # type: ignore[attr-defined]
        self._hooks.clear()
        if getattr(sys.addaudithook, "__wrapped__", None) is self._add:
            sys.addaudithook = self._add
