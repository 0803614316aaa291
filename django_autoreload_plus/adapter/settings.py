"""What Django's settings object holds of the settings module."""

from __future__ import annotations

from types import FunctionType

from django.conf import Settings, settings
from django.utils.functional import empty

from ..child.framework import Checkpoints
from ..swap.mirrors import Mirror


def note_settings(checkpoints: Checkpoints) -> None:
    """Let settings that nobody has read be exchanged; nothing where they are loaded by now."""
    is_usual = type(Settings.__init__) is FunctionType and not Settings.__subclasses__()
    if is_usual and vars(settings).get("_wrapped") is empty:
        checkpoints.mirror(Mirror(Settings, "settings", str.isupper, _holder))


def _holder(name: str) -> object:
    """What holds this setting; None where it has been read, which leaves a copy."""
    cached = vars(settings)
    return None if name in cached else cached.get("_wrapped")
