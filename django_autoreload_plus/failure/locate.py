"""The one place to open in an editor, and what is wrong there if it can be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .objects import find_function
from .origin import clues, find_file, find_named_by, find_origin
from .source import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..protocol.failure import ChainLink, Frame
    from .excerpt import SourceReader
    from .tracebacks import Territory

_IMPORTS = ("import ", "from ")


def find_place(
    exc: BaseException,
    links: Sequence[ChainLink],
    newest: int,
    territory: Territory,
    reader: SourceReader,
) -> tuple[Origin | None, str]:
    """The place and, if known, what is wrong; ``links[newest]`` is ``exc``."""
    parts = [link for link in links[newest + 1 :] if link.relation == "part"]
    ordered = [*parts, *reversed(links[: newest + 1])]
    for link in ordered:
        if link.frames and link.frames[-1].own:
            return Origin(link.frames[-1].path, link.frames[-1].line), ""
    message = links[newest].message
    own = [frame for link in ordered for frame in reversed(link.frames) if frame.own]
    paths = [frame.path for frame in own]
    origin = find_file(message, territory) or find_function(message, paths, territory, reader)
    if origin is None and _may_come_from_elsewhere(exc, message, own, territory):
        origin = find_origin(exc, message, paths, territory, reader)
        if origin is None:
            origin = find_named_by(_failing_line(links[newest]), territory, reader)
    if origin is not None:
        return origin, origin.hint
    every = own or [frame for link in ordered for frame in reversed(link.frames)]
    return (Origin(every[0].path, every[0].line), "") if every else (None, "")


def _may_come_from_elsewhere(
    exc: BaseException, message: str, own: list[Frame], territory: Territory
) -> bool:
    """Whether the last line of the user's is probably right, and a name it leads to wrong."""
    if len({frame.path for frame in own}) <= 1:
        return True  # Nothing but the program's own script has run.
    line = _line(own[0])
    if any(entry in line for entry in territory.landmarks.entries):
        return True
    if line.startswith(_IMPORTS) or any(clue in line for clue in clues(exc, message)):
        return False
    named = {kind.__name__ for kind in type(exc).__mro__}
    return bool(named & {"ImportError", "ImproperlyConfigured"})


def _failing_line(link: ChainLink) -> str:
    return _line(link.frames[-1]) if link.frames else ""


def _line(frame: Frame) -> str:
    return dict(frame.source).get(frame.line, "").strip()
