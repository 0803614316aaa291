"""Turns what went wrong in this process into a :class:`Failure`.

Nothing here raises, whatever the exception looks like: it is the last thing
a process does that could not start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..paths import working_directory
from ..protocol.failure import ChainLink, Failure, Frame
from .chain import members, message_of, type_name
from .contention import contention
from .excerpt import SourceReader
from .frames import MAX_FRAMES, frames_of
from .from_process import OWN_CONTEXT, one_line
from .landmarks import NO_LANDMARKS, Landmarks
from .locate import find_place
from .objects import find_object
from .origin import find_origin
from .tracebacks import Territory, entries, explain, prune

if TYPE_CHECKING:
    import traceback
    from collections.abc import Sequence

    from ..protocol.failure import FailureKind
    from .source import Origin

MAX_TEXT = 200_000
MAX_MESSAGE = 20_000

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CHECK = re.compile(
    r"^(?P<label>\?|<class '[\w.]+'>|[\w.]+): (?:\((?P<id>[\w.]+)\) )?(?P<message>.+)$"
)
_CHECK_HEADINGS = {"CRITICALS:", "ERRORS:"}


def from_exception(
    exc: BaseException,
    *,
    roots: Sequence[str],
    skip: Sequence[str] = (),
    landmarks: Landmarks = NO_LANDMARKS,
) -> Failure:
    """Describe ``exc``, which kept the code from starting.

    ``roots`` are the directories of the project, ``skip`` those of the
    reloader, whose frames are taken out of the tracebacks (of the exception
    itself, too: whatever prints it later shows the same).
    """
    if isinstance(exc, SystemExit):
        return from_exit(exc.code, exc, roots=roots, skip=skip, landmarks=landmarks)
    kind: FailureKind = "syntax" if isinstance(exc, SyntaxError) else "exception"
    return _describe(exc, kind, roots, skip, landmarks)


def from_exit(
    code: int | str | None,
    exc: SystemExit | None = None,
    *,
    roots: Sequence[str] = (),
    skip: Sequence[str] = (),
    landmarks: Landmarks = NO_LANDMARKS,
) -> Failure:
    """Describe a ``sys.exit(code)`` in code that was only being loaded."""
    shown = "" if code is None else repr(code)
    summary = f"sys.exit({shown}) was called while the code was starting"
    if exc is None:
        return Failure(kind="exit", summary=summary, text=f"{summary}.\n")
    description = _describe(exc, "exit", roots, skip, landmarks)
    return Failure(
        kind="exit",
        summary=one_line("", summary),
        text=description.text,
        chain=description.chain,
        path=description.path,
        line=description.line,
        spot=description.spot,
    )


def from_check(
    text: str,
    *,
    roots: Sequence[str] = (),
    skip: Sequence[str] = (),
    landmarks: Landmarks = NO_LANDMARKS,
) -> Failure:
    """Describe failed system checks; ``text`` is the framework's own message.

    The first error is the summary; its model field, class or setting is looked
    for in the code below ``roots`` (default: the working directory).
    """
    text = _COLOURS.sub("", text).rstrip() + "\n"
    lines = text.splitlines()
    headings = [index for index, line in enumerate(lines) if line in _CHECK_HEADINGS]
    listed = lines[min(headings) :] if headings else lines
    errors = [found for line in listed if (found := _CHECK.match(line))]
    if not errors:
        return Failure(kind="check", summary=one_line("", text), text=text)
    first = errors[0]
    territory, reader = Territory(roots or (working_directory(),), skip, landmarks), SourceReader()
    origin = find_object(first["label"], first["message"], territory, reader)
    if origin is None:
        origin = find_origin(Exception(), first["message"], (), territory, reader)
    label = "" if first["label"] == "?" else first["label"]
    number = f" ({first['id']})" if first["id"] else ""
    summary = one_line(label, first["message"]) + number
    return Failure(
        kind="check",
        summary=summary,
        text=text,
        path=origin.path if origin else "",
        line=origin.line if origin else 0,
        spot=_spot(origin, (), reader),
    )


def _describe(
    exc: BaseException,
    kind: FailureKind,
    roots: Sequence[str],
    skip: Sequence[str],
    landmarks: Landmarks,
) -> Failure:
    territory, reader = Territory(roots, skip, landmarks), SourceReader()
    prune(exc, territory)
    try:
        described: traceback.TracebackException | None = explain(exc)
        text = "".join(described.format()) if described else ""
    except Exception as unprintable:  # noqa: BLE001 - the exception's class is the user's, and so are its methods
        described, text = (
            None,
            f"{type_name(exc)}: cannot be shown ({type(unprintable).__name__})\n",
        )
    chained = list(members(exc, described))
    links = [
        ChainLink(
            type=type_name(error),
            message=message_of(error, description)[:MAX_MESSAGE],
            frames=frames_of(error, territory, reader),
            relation=relation,
            omitted=max(0, len(entries(error)) - MAX_FRAMES),
        )
        for error, description, relation in chained
    ]
    newest = next(index for index, member in enumerate(chained) if member[0] is exc)
    origin, hint = find_place(exc, links, newest, territory, reader)
    summary = one_line(type(exc).__name__, links[newest].message)
    return Failure(
        kind=kind,
        contention=contention([error for error, _, _ in chained]),
        summary=f"{summary} ({hint})" if hint else summary,
        text=_cut(text),
        chain=tuple(links),
        path=origin.path if origin else "",
        line=origin.line if origin else 0,
        spot=_spot(origin, links, reader),
    )


def _spot(origin: Origin | None, links: Sequence[ChainLink], reader: SourceReader) -> Frame | None:
    """The frame at the place to open, or one made up for it."""
    if origin is None:
        return None
    frames = [frame for link in links for frame in link.frames]
    for frame in reversed(frames):
        if (frame.path, frame.line) == (origin.path, origin.line):
            return frame
    source = reader.around(origin.path, origin.line, OWN_CONTEXT)
    return Frame(origin.path, origin.line, "", source, own=True)


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n[… the middle of this message is left out …]\n{text[-half:]}"
