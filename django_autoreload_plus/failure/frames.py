"""The frames of a traceback as data, with the source lines around each."""

from __future__ import annotations

from ..paths import absolute
from ..protocol.failure import Frame
from .excerpt import SourceReader
from .from_process import LIBRARY_CONTEXT, OWN_CONTEXT, syntax_frame
from .tracebacks import Territory, entries

#: Frames of one exception that are described; more are cut in the middle.
MAX_FRAMES = 80


def frames_of(
    error: BaseException, territory: Territory, reader: SourceReader
) -> tuple[Frame, ...]:
    """The frames of ``error``; for a syntax error its own place is the last one."""
    found = entries(error)
    if len(found) > MAX_FRAMES:
        found = found[: MAX_FRAMES // 2] + found[-MAX_FRAMES // 2 :]
    frames = []
    for entry in found:
        code = entry.tb_frame.f_code
        path, line = _absolute(code.co_filename), entry.tb_lineno or 0
        own = territory.owns(path)
        context = OWN_CONTEXT if own else LIBRARY_CONTEXT
        source = reader.around(path, line, context, entry.tb_frame.f_globals)
        columns = _columns(code, entry.tb_lasti, line, dict(source).get(line, ""))
        name = getattr(code, "co_qualname", code.co_name)
        frames.append(Frame(path, line, name, source, own, columns))
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        path = _absolute(error.filename)
        frames.append(syntax_frame(error, reader, own=territory.owns(path), path=path))
    return tuple(frames)


def _columns(code: object, instruction: int, line: int, text: str) -> tuple[int, int] | None:
    """The part of ``text`` that failed, unless it is all of it."""
    positions = getattr(code, "co_positions", None)  # since Python 3.11
    if positions is None or instruction < 0 or not text:
        return None
    position = next(iter(list(positions())[instruction // 2 : instruction // 2 + 1]), None)
    if position is None or None in position or position[0] != line:
        return None
    _, last, start, end = position
    encoded = text.encode("utf-8", "replace")
    first = len(encoded[:start].decode("utf-8", "replace"))
    final = len(encoded[:end].decode("utf-8", "replace")) if last == line else len(text)
    whole = text[first:final].strip() == text.strip()
    return None if whole or final <= first else (first, final)


def _absolute(path: str) -> str:
    if path.startswith("<"):
        return path
    try:
        return absolute(path)
    except ValueError:
        return path
