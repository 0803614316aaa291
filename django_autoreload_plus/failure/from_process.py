"""Failures that can be told without the process they happened in.

The supervisor builds these: a file that does not compile, a child that died
or hangs. What a child reports about itself is made in ``from_exception.py``.
"""

from __future__ import annotations

import os
import re
import signal
import traceback
from typing import TYPE_CHECKING

from ..own_code import looks_own
from ..paths import absolute, shown
from ..protocol.command_line import package_root
from ..protocol.failure import ChainLink, Failure, Frame
from .excerpt import SourceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..protocol.failure import FailureKind

OWN_CONTEXT = 5
LIBRARY_CONTEXT = 2
MAX_SUMMARY_CHARACTERS = 300
#: Above it are the exception codes of Windows, which are known in hexadecimal.
MAX_EXIT_CODE = 0xFFFF
_RELOADER = os.path.join(package_root(), "")
#: Python 3.14 adds one when it crashes.
_C_STACK = "C stack trace"

_FRAME_LINE = re.compile(r'^\s*File "(?P<path>.+)", line (?P<line>\d+),? in (?P<function>.+)$')

_SIGNAL_HINTS = {
    "SIGKILL": "Often the system had run out of memory.",
    "SIGSEGV": "A compiled extension crashed; python -X faulthandler shows where.",
    "SIGBUS": "A compiled extension crashed; python -X faulthandler shows where.",
    "SIGILL": "A compiled extension was built for another processor.",
    "SIGFPE": "A compiled extension crashed; python -X faulthandler shows where.",
    "SIGABRT": "A compiled extension gave up; its last words are in the terminal.",
}


def headline(failure: Failure) -> str:
    """The first line to read: file, line and mistake."""
    if not failure.path:
        return failure.summary
    place = shown(failure.path)
    return (
        f"{place}:{failure.line}: {failure.summary}"
        if failure.line
        else f"{place}: {failure.summary}"
    )


def from_syntax_error(path: str, error: Exception) -> Failure:
    """Describe why ``compile()`` refused the file ``path``.

    Besides :class:`SyntaxError`, ``compile()`` raises :class:`ValueError` for
    null bytes on Python 3.10 and 3.11, and :class:`RecursionError` or
    :class:`MemoryError` for code nested too deeply.
    """
    reader = SourceReader()
    if isinstance(error, SyntaxError):
        frame = syntax_frame(error, reader, own=True, path=path)
        message = error.msg or ""
    else:
        frame = Frame(path, 1, "", reader.around(path, 1, OWN_CONTEXT), own=True)
        message = str(error)
    name = type(error).__name__
    lines = traceback.format_exception_only(type(error), error)
    if not any('  File "' in line for line in lines):
        lines.insert(0, f'  File "{path}"\n')
    return Failure(
        kind="syntax",
        summary=one_line(name, message),
        text="".join(lines),
        chain=(ChainLink(name, message, (frame,)),),
        path=frame.path,
        line=frame.line,
        spot=frame,
    )


def syntax_frame(
    error: SyntaxError,
    reader: SourceReader,
    *,
    own: bool,
    path: str | None = None,
) -> Frame:
    """The place a :class:`SyntaxError` names; ``path`` overrides its file."""
    path = path or absolute(error.filename or "<unknown>")
    line = error.lineno or 1
    source = reader.around(path, line, OWN_CONTEXT)
    text = dict(source).get(line, "")
    columns: tuple[int, int] | None = None
    if isinstance(error, TabError) and text[:1].isspace():
        columns = (0, len(text) - len(text.lstrip()))
    elif error.offset and error.offset > 0 and text:
        start = min(error.offset - 1, len(text))
        end = start + 1
        if error.end_lineno == line and (error.end_offset or 0) > error.offset:
            end = (error.end_offset or 0) - 1
        elif error.end_lineno is not None and error.end_lineno > line:
            end = len(text)
        columns = (start, max(start + 1, end))
    return Frame(path, line, "", source, own, columns)


def from_death(
    status: int,
    output: str = "",
    *,
    stack: str = "",
    is_own: Callable[[str], bool] | None = None,
    last: Sequence[str] = (),
) -> Failure:
    """Describe a child that ended before it was ready.

    ``status`` is as :mod:`subprocess` gives it: an exit code, or the negative
    number of a signal. ``output`` is what the process last wrote, if known;
    ``stack`` and ``is_own`` are as for :func:`from_timeout`; ``last`` names the
    file that it began to run last.
    """
    kind: FailureKind
    if status < 0:
        name = _signal_name(-status)
        kind, summary = "signal", f"The process was ended by {name} while it was starting"
        hint = _SIGNAL_HINTS.get(name, "")
    else:
        code = f"0x{status:08X}" if status > MAX_EXIT_CODE else str(status)
        kind, summary = "exit", f"The process ended itself with code {code} while it was starting"
        hint = "Something called os._exit(), or a compiled extension ended the process."
    text = f"{summary}.\n" + (f"{hint}\n" if hint else "")
    text += "".join(f"The last file it began to run was {shown(path)}.\n" for path in last)
    if output.strip():
        text += f"\n{output.strip()}\n"
    return _at_its_place(kind, summary, text, _parse_stack(stack, is_own or looks_own))


def from_refusal(refused: str) -> Failure:
    """Describe a child that did not get its address; ``refused`` is it, and why not."""
    summary = f"Cannot listen on {refused}"
    hint = "End what listens there, or choose another port; the next change tries again."
    return Failure(kind="command", summary=summary, text=f"{summary}.\n{hint}\n")


def from_upgrade() -> Failure:
    """A child runs another version of this package than the supervisor."""
    summary = "django-autoreload-plus was upgraded: end this command and start it again"
    text = f"{summary}.\nThe new version does not understand the one that runs this command.\n"
    return Failure("command", summary, text, contention="impossible")


def from_unstarted(problem: str, executable: str, *, gone: bool) -> Failure:
    """Describe a child that could not be started; ``problem`` is the system's word for it.

    ``gone``: there is no such program any more.
    """
    summary = f"Cannot start {executable}: {problem}"
    if gone:
        hint = (
            "The Python interpreter of this command is gone; its virtual environment may have"
            " been removed, moved or be in the making. The program goes on when it is back."
        )
    else:
        hint = "The system has no room for another process; the next change tries again."
    return Failure(kind="command", summary=summary, text=f"{summary}.\n{hint}\n")


def from_timeout(
    seconds: float,
    stack: str = "",
    is_own: Callable[[str], bool] | None = None,
) -> Failure:
    """Describe a child that was not ready after ``seconds``.

    ``stack`` is where it was, as :mod:`faulthandler` or :mod:`traceback` write
    it; ``is_own`` tells the user's files from those of libraries.
    """
    summary = f"Not ready after {seconds:g} s: the code hangs while it is starting"
    frames = _parse_stack(stack, is_own or looks_own)
    return _at_its_place("timeout", summary, f"{summary}.\n", frames)


def _at_its_place(kind: FailureKind, summary: str, text: str, frames: tuple[Frame, ...]) -> Failure:
    own = [frame for frame in frames if frame.own]
    place = own[-1] if own else None
    return Failure(
        kind=kind,
        summary=summary,
        text=text + _as_traceback(frames),
        chain=(ChainLink("", summary, frames),) if frames else (),
        path=place.path if place else "",
        line=place.line if place else 0,
        spot=place,
    )


def one_line(name: str, message: str) -> str:
    """``"name: message"``, only the first line, cut to a readable length."""
    first = next((line.strip() for line in message.splitlines() if line.strip()), "")
    text = f"{name}: {first}" if name and first else name or first
    return text if len(text) <= MAX_SUMMARY_CHARACTERS else text[: MAX_SUMMARY_CHARACTERS - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _as_traceback(frames: Sequence[Frame]) -> str:
    lines = []
    for frame in frames:
        lines.append(f'  File "{frame.path}", line {frame.line}, in {frame.function}')
        source = dict(frame.source).get(frame.line, "").strip()
        lines.extend([f"    {source}"] if source else [])
    return "\n".join(["\nIt was here (most recent call last):", *lines, ""]) if lines else ""


def _parse_stack(stack: str, is_own: Callable[[str], bool]) -> tuple[Frame, ...]:
    """Read the frames of the last thread in ``stack``, the oldest call first."""
    reader = SourceReader()
    frames: list[Frame] = []
    newest_first = False
    for text in stack.splitlines():
        if _C_STACK in text:
            break
        if "(most recent call" in text:
            frames = []
            newest_first = "first" in text
        elif found := _FRAME_LINE.match(text):
            path, line = found["path"], int(found["line"])
            if path.startswith((_RELOADER, "<frozen ")):
                continue
            own = is_own(path)
            context = OWN_CONTEXT if own else LIBRARY_CONTEXT
            source = reader.around(path, line, context)
            frames.append(Frame(path, line, found["function"], source, own))
    return tuple(reversed(frames) if newest_first else frames)
