"""Turns what went wrong in this process into a :class:`Failure`.

Nothing here raises, whatever the exception looks like: it is the last thing
a process does that could not start.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from django_autoreload_plus.child.failure_frames import MAX_FRAMES, frames_of
from django_autoreload_plus.child.failure_origin import (
    Origin,
    clues,
    find_file,
    find_object,
    find_origin,
)
from django_autoreload_plus.child.failure_trace import (
    MAX_CHAIN,
    Territory,
    described_parts,
    entries,
    explain,
    parts,
    prune,
)
from django_autoreload_plus.protocol.excerpt import SourceReader
from django_autoreload_plus.protocol.failure import Failure, Frame, Link
from django_autoreload_plus.protocol.failures import (
    OWN_CONTEXT,
    one_line,
)

if TYPE_CHECKING:
    import traceback
    from collections.abc import Iterator, Sequence

MAX_TEXT = 200_000
MAX_MESSAGE = 20_000

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CHECK = re.compile(
    r"^(?P<label>\?|<class '[\w.]+'>|[\w.]+): (?:\((?P<id>[\w.]+)\) )?(?P<message>.+)$"
)
_CHECK_HEADINGS = {"CRITICALS:", "ERRORS:"}
_IMPORTS = ("import ", "from ")


def from_exception(
    exc: BaseException,
    *,
    roots: Sequence[str],
    skip: Sequence[str] = (),
) -> Failure:
    """Describe ``exc``, which kept the code from starting.

    ``roots`` are the directories of the project, ``skip`` those of the
    reloader, whose frames are taken out of the tracebacks (of the exception
    itself, too: whatever prints it later shows the same).
    """
    if isinstance(exc, SystemExit):
        return from_exit(exc.code, exc, roots=roots, skip=skip)
    return _describe(exc, "syntax" if isinstance(exc, SyntaxError) else "exception", roots, skip)


def from_exit(
    code: int | str | None,
    exc: SystemExit | None = None,
    *,
    roots: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> Failure:
    """Describe a ``sys.exit(code)`` in code that was only being loaded."""
    shown = "" if code is None else repr(code)
    summary = f"sys.exit({shown}) was called while the code was starting"
    if exc is None:
        return Failure(kind="exit", summary=summary, text=f"{summary}.\n")
    told = _describe(exc, "exit", roots, skip)
    return Failure(
        kind="exit",
        summary=one_line("", summary),
        text=told.text,
        chain=told.chain,
        path=told.path,
        line=told.line,
        spot=told.spot,
    )


def from_check(text: str, *, roots: Sequence[str] = (), skip: Sequence[str] = ()) -> Failure:
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
    territory, reader = Territory(roots or (os.getcwd(),), skip), SourceReader()
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


def from_command(message: str) -> Failure:
    """Describe a command that refused to run, in its own words."""
    text = _COLOURS.sub("", message).rstrip() + "\n"
    return Failure(kind="command", summary=one_line("", text), text=text)


def _describe(exc: BaseException, kind: str, roots: Sequence[str], skip: Sequence[str]) -> Failure:
    territory, reader = Territory(roots, skip), SourceReader()
    prune(exc, territory)
    try:
        described: traceback.TracebackException | None = explain(exc)
        text = "".join(described.format()) if described else ""
    except Exception as unprintable:  # noqa: BLE001 - the exception's class is the user's, and so are its methods
        described, text = (
            None,
            f"{_type_name(exc)}: cannot be shown ({type(unprintable).__name__})\n",
        )
    members = list(_members(exc, described))
    links = [
        Link(
            type=_type_name(error),
            message=_message(error, told)[:MAX_MESSAGE],
            frames=frames_of(error, territory, reader),
            relation=relation,
            omitted=max(0, len(entries(error)) - MAX_FRAMES),
        )
        for error, told, relation in members
    ]
    newest = next(index for index, member in enumerate(members) if member[0] is exc)
    origin, hint = _place(members[newest][0], links, newest, territory, reader)
    summary = one_line(type(exc).__name__, links[newest].message)
    return Failure(
        kind=kind,
        summary=f"{summary} ({hint})" if hint else summary,
        text=_cut(text),
        chain=tuple(links),
        path=origin.path if origin else "",
        line=origin.line if origin else 0,
        spot=_spot(origin, links, reader),
    )


def _spot(origin: Origin | None, links: Sequence[Link], reader: SourceReader) -> Frame | None:
    """Return the frame at the place to open, or one made up for it."""
    if origin is None:
        return None
    frames = [frame for link in links for frame in link.frames]
    for frame in reversed(frames):
        if (frame.path, frame.line) == (origin.path, origin.line):
            return frame
    source = reader.around(origin.path, origin.line, OWN_CONTEXT)
    return Frame(origin.path, origin.line, "", source, own=True)


_Member = tuple[BaseException, "traceback.TracebackException | None", str]


def _members(
    exc: BaseException,
    described: traceback.TracebackException | None,
) -> Iterator[_Member]:
    """Yield the chain as Python prints it, each group followed by its parts."""
    budget = MAX_CHAIN
    waiting: list[tuple[BaseException, traceback.TracebackException | None, str]] = [
        (exc, described, "")
    ]
    while waiting and budget > 0:
        error, told, relation = waiting.pop(0)
        chain = _straight_chain(error, told)
        if len(chain) > budget:
            chain = chain[: budget // 2] + chain[len(chain) - budget // 2 - 1 :]
        budget -= len(chain)
        yield chain[0][0], chain[0][1], relation
        yield from chain[1:]
        for member, member_told, _ in chain:
            inner = parts(member)
            told_parts = described_parts(member_told) if member_told else []
            padded = [*told_parts, *[None] * (len(inner) - len(told_parts))]
            waiting.extend(
                (part, part_told, "part") for part, part_told in zip(inner, padded, strict=False)
            )


def _straight_chain(
    exc: BaseException,
    described: traceback.TracebackException | None,
) -> list[_Member]:
    """Return ``exc`` and what led to it, the oldest first."""
    newest_first: list[_Member] = []
    seen: set[int] = set()
    error: BaseException | None = exc
    told = described
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if error.__cause__ is not None:
            following, told_following, relation = error.__cause__, told and told.__cause__, "cause"
        elif error.__context__ is not None and not error.__suppress_context__:
            following, told_following, relation = (
                error.__context__,
                told and told.__context__,
                "context",
            )
        else:
            following, told_following, relation = None, None, ""
        newest_first.append((error, told, relation if id(following) not in seen else ""))
        error, told = following, told_following
    return newest_first[::-1]


def _place(
    exc: BaseException,
    links: list[Link],
    newest: int,
    territory: Territory,
    reader: SourceReader,
) -> tuple[Origin | None, str]:
    """Return the place to open in an editor, and what is wrong there if it is known."""
    parts_of = [link for link in links[newest + 1 :] if link.relation == "part"]
    ordered = [*parts_of, *reversed(links[: newest + 1])]
    for link in ordered:
        if link.frames and link.frames[-1].own:
            return Origin(link.frames[-1].path, link.frames[-1].line), ""
    named = find_file(links[newest].message, territory)
    if named is not None:
        return named, ""
    own = [frame for link in ordered for frame in reversed(link.frames) if frame.own]
    if _may_come_from_elsewhere(exc, links[newest].message, own):
        paths = [frame.path for frame in own]
        origin = find_origin(exc, links[newest].message, paths, territory, reader)
        if origin is not None:
            return origin, origin.hint
    every = own or [frame for link in ordered for frame in reversed(link.frames)]
    return (Origin(every[0].path, every[0].line), "") if every else (None, "")


def _may_come_from_elsewhere(exc: BaseException, message: str, own: list[Frame]) -> bool:
    """Whether the last line of the user's is probably right, and a name it leads to wrong."""
    if not own or len({frame.path for frame in own}) == 1:
        return True  # Nothing but manage.py has run.
    line = dict(own[0].source).get(own[0].line, "").strip()
    if line.startswith(_IMPORTS) or any(clue in line for clue in clues(exc, message)):
        return False
    named = {kind.__name__ for kind in type(exc).__mro__}
    return bool(named & {"ImportError", "ImproperlyConfigured"})


def _message(error: BaseException, told: traceback.TracebackException | None) -> str:
    """Return the message as Python prints it, with its suggestions."""
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg or "")
        first = next(iter(told.format_exception_only())) if told else str(error)
    except Exception as unprintable:  # noqa: BLE001 - __str__ is the user's code
        return f"<the message cannot be shown: {type(unprintable).__name__}>"
    name = _type_name(error)
    first = first.rstrip("\n")
    return "" if first == name else first.removeprefix(f"{name}: ")


def _type_name(error: BaseException) -> str:
    kind = type(error)
    module, name = str(kind.__module__), str(kind.__qualname__)
    return name if module in {"builtins", "__main__"} else f"{module}.{name}"


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n[… the middle of this message is left out …]\n{text[-half:]}"
