"""Changes that a running program takes without being started anew."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..protocol.messages import Handled

#: The receivers registered by :func:`django_autoreload_plus.autoreload.on_change`.
change_receivers: list[Callable[[str], object]] = []


def take_changes(paths: tuple[str, ...]) -> Handled:
    """Ask the receivers of a program without a framework."""
    taken = tuple(path for path in paths if _is_taken(path))
    catalogues = tuple(path for path in paths if path.endswith(".mo"))
    translations = bool(catalogues) and reset_gettext()
    if translations:
        taken = tuple(dict.fromkeys((*taken, *catalogues)))
    return Handled(0, taken, translations)


def reset_gettext() -> bool:
    """Forget the catalogues the standard library has read."""
    gettext = sys.modules.get("gettext")
    if gettext is None:
        return False
    gettext._translations.clear()
    return True


def _is_taken(path: str) -> bool:
    # A list, not any(): every receiver is told of every change.
    return any([bool(receiver(path)) for receiver in change_receivers])  # noqa: C419 - see above
