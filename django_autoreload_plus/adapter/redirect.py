"""Leads Django's reloader to ours, in one process only."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.utils import autoreload as django_autoreload

from .. import autoreload

#: From the function that is to be reloaded, the one that is run instead, if any.
Substitute = Callable[[Callable[..., object]], "Callable[..., object] | None"]


def lead_here(begin: Callable[[], None], substitute: Substitute | None = None) -> None:
    """Have ``begin`` called, and our reloader, where the framework's is asked for.

    ``substitute`` may make a command of it that is to be run instead of what the framework
    would run.
    """

    def run_with_reloader(main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        begin()
        run = substitute(main_func) if substitute is not None else None
        if run is None:
            autoreload.main(main_func, args, kwargs)
        else:
            run(**kwargs)

    django_autoreload.run_with_reloader = run_with_reloader


def play_parent() -> None:
    """Lead it here in a process that plays the parent: what fails only there is said there."""

    def begin() -> None:
        try:
            django_autoreload.raise_last_exception()
        except Exception as error:  # noqa: BLE001 - the user's code
            sys.stderr.write("Only in the parent of the process that serves:\n")
            traceback.print_exception(error.with_traceback(_without_ours(error.__traceback__)))

    lead_here(begin)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    return trace and trace.tb_next
