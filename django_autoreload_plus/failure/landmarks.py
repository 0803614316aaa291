"""Names of a framework that lead to the place of a mistake; an adapter gives them."""

from __future__ import annotations

from ..records import dataclass


@dataclass(frozen=True)
class Landmarks:
    """Without a framework there are none."""

    #: Calls that start everything else: the mistake is never in such a line.
    entries: tuple[str, ...] = ()
    #: The environment variable that names the module of the settings.
    settings_variable: str = ""
    #: A name that every module of settings binds.
    settings_name: str = ""


#: Those of a program without a framework.
NO_LANDMARKS = Landmarks()
