"""The HTML of the error page: everything that is not ours is escaped here."""

from __future__ import annotations

import html
import itertools
import pkgutil
from typing import TYPE_CHECKING

from ... import editors
from ...exhaustive import assert_never
from ...failure.from_process import headline
from ...own_code import PACKAGE_FOLDERS
from ...paths import shown
from ...protocol.failure import Frame
from ...records import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...protocol.failure import ChainLink, Failure, FailureKind, Relation

#: A page longer than this helps nobody, and a phone cannot scroll it.
MAX_TEXT = 100_000
MAX_MESSAGE = 8_000
#: Characters from which on a heading is set smaller.
LONG_HEADING = 140


def _asset(name: str) -> str:
    data = pkgutil.get_data(__package__ or "", name)
    return (data or b"").decode()


# Read once: an upgrade of the package must not mix two versions of the page.
_STYLE = _asset("error_page.css")
_SCRIPT = _asset("error_page.js")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='6' fill='%23d64545'/%3E%3C/svg%3E"
)


@dataclass(frozen=True)
class Page:
    """What is shown."""

    failure: Failure
    #: The template of the links that open a file, see :mod:`django_autoreload_plus.editors`.
    editor: str = ""

    def link(self, frame: Frame) -> str:
        """The URL that opens the file in the editor; ``""``: none does."""
        column = frame.columns[0] + 1 if frame.columns else 1
        return editors.link(self.editor, frame.path, frame.line, column)


def html_page(page: Page, *, nonce: str, wait: str, again_by_get: bool) -> str:
    """The page.

    ``nonce`` is the one of the content security policy, ``wait`` the path the
    script asks; ``again_by_get`` for an answer to a form that was sent: the
    page must not send it once more.
    """
    failure = page.failure
    title = html.escape(headline(failure))
    attributes = f'data-wait="{html.escape(wait)}"' + (" data-by-get" if again_by_get else "")
    return f"""<!doctype html>
<html lang="en" {attributes}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="{_ICON}">
<style nonce="{nonce}">
{_STYLE}</style>
</head>
<body>
<main>
{_header(page)}
{_status(again_by_get=again_by_get)}
{_spot(failure)}
{_body(page)}
</main>
<script nonce="{nonce}">
{_SCRIPT}</script>
</body>
</html>
"""


def _header(page: Page) -> str:
    failure = page.failure
    name, colon, message = failure.summary.partition(": ")
    if not colon or " " in name:
        heading = f'<span class="message">{html.escape(failure.summary)}</span>'
    else:
        heading = (
            f'<span class="type">{html.escape(name)}</span><span class="colon">: </span>'
            f'<span class="message">{html.escape(message)}</span>'
        )
    size = ' class="long"' if len(failure.summary) > LONG_HEADING else ""
    spot = failure.spot
    is_spot = spot is not None and (spot.path, spot.line) == (failure.path, failure.line)
    frame = spot if spot is not None and is_spot else Frame(failure.path, failure.line, "")
    place = _place(frame, page.link(frame)) if failure.path else ""
    kind = f'<p class="kind">{_kind(failure.kind)}</p>'
    return f"<header>\n{kind}\n{place}\n<h1{size}>{heading}</h1>\n</header>"


def _kind(  # noqa: PLR0911, RET503 - one case for each kind; the last does not return
    kind: FailureKind,
) -> str:
    match kind:
        case "syntax":
            return "This file cannot be compiled"
        case "exception":
            return "The code cannot start"
        case "check":
            return "A system check failed"
        case "exit":
            return "The code ended the process"
        case "signal":
            return "The process crashed"
        case "timeout":
            return "The code hangs while starting"
        case "command":
            return "The command cannot run"
        case _:
            assert_never(kind)


def _place(frame: Frame, link: str) -> str:
    number = f":{frame.line}" if frame.line else ""
    where = html.escape(frame.path + number)
    directory, slash, name = (shown(frame.path) + number).rpartition("/")
    code = (
        f'<code title="{where}">'
        f'<span class="directory">{html.escape(directory + slash)}</span>{html.escape(name)}</code>'
    )
    if link:
        code = f'<a class="editor" href="{html.escape(link)}">{code}</a>'
    return (
        f'<p class="place">{code}'
        f'<button type="button" class="copy" data-copy="{where}">Copy</button></p>'
    )


def _status(*, again_by_get: bool) -> str:
    note = (
        '<span class="note">This was the answer to a form. Once the code works, the same address '
        "is opened again; the form is not sent a second time.</span>"
        if again_by_get
        else ""
    )
    return (
        '<p class="status" role="status"><span class="dot"></span>'
        '<span><span id="state">Waiting for a fix. This page then reloads by itself.</span>'
        f"{note}</span></p>"
    )


def _spot(failure: Failure) -> str:
    if failure.spot is None or not failure.spot.source:
        return ""
    return f'<div class="spot">{_source(failure.spot)}</div>'


def _body(page: Page) -> str:
    failure = page.failure
    frames = [frame for link in failure.chain for frame in link.frames]
    if not frames:
        return f'<pre class="text">{html.escape(_cut(failure.text, MAX_TEXT))}</pre>'
    links = "\n".join(_link(link, page) for link in failure.chain)
    # The heading and the place on top have said it all already.
    if frames == [failure.spot] and not any("\n" in link.message for link in failure.chain):
        links = ""
    else:
        links = f'<p class="label">Traceback, latest call last</p>\n{links}'
    return links + _whole_text(failure)


def _whole_text(failure: Failure) -> str:
    text = html.escape(_cut(failure.text, MAX_TEXT))
    return (
        '<details class="terminal"><summary>As in the terminal</summary>'
        '<button type="button" class="copy" data-copy-from="terminal">Copy</button>'
        f'<pre class="text" id="terminal">{text}</pre></details>'
    )


def _link(link: ChainLink, page: Page) -> str:
    relation = _relation(link.relation)
    joint = f'<p class="relation">{relation}</p>\n' if relation else ""
    title = ""
    if len(page.failure.chain) > 1 and link.type:
        title = (
            f'<h2><span class="type">{html.escape(link.type)}</span>'
            f'<span class="message">{html.escape(_cut(link.message, MAX_MESSAGE))}</span></h2>\n'
        )
    elif "\n" in link.message.strip():
        title = f'<pre class="text">{html.escape(_cut(link.message, MAX_MESSAGE))}</pre>\n'
    return f'{joint}<section class="link">\n{title}{_frames(link, page)}\n</section>'


def _relation(relation: Relation) -> str:  # noqa: RET503 - the last case does not return
    match relation:
        case "cause":
            return "It directly caused:"
        case "context":
            return "While it was being handled, this happened:"
        case "part":
            return "One of the exceptions in the group:"
        case "":
            return ""
        case _:
            assert_never(relation)


def _frames(link: ChainLink, page: Page) -> str:
    if not link.frames:
        return ""
    frames = list(_sources_once(link.frames))
    half = len(frames) // 2 if link.omitted else len(frames)
    blocks = list(_runs(frames[:half], page))
    if link.omitted:
        blocks.append(f'<li class="omitted">{link.omitted} calls in between are left out</li>')
        blocks += _runs(frames[half:], page)
    return '<ol class="frames">\n' + "\n".join(blocks) + "\n</ol>"


def _sources_once(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Yield the frames; in a recursion only the first and the last one keep their lines."""
    seen = set()
    for index, frame in enumerate(frames):
        place = (frame.path, frame.line)
        repeated = place in seen and index < len(frames) - 1
        yield replace(frame, source=()) if repeated else frame
        seen.add(place)


def _runs(frames: Sequence[Frame], page: Page) -> Iterator[str]:
    """Yield own frames one by one, neighbouring library frames folded into one."""
    any_own = any(frame.own for frame in frames)
    for own, run in itertools.groupby(frames, lambda frame: frame.own):
        found = list(run)
        if own or not any_own:
            yield from (_frame(frame, page) for frame in found)
        else:
            yield _folded(found, page)


def _folded(frames: list[Frame], page: Page) -> str:
    count = f"{len(frames)} calls" if len(frames) > 1 else "1 call"
    names = ", ".join(dict.fromkeys(_library(frame.path) for frame in frames))
    inner = "\n".join(_frame(frame, page) for frame in frames)
    return (
        f'<li class="library"><details><summary>{count} in {html.escape(names)}</summary>\n'
        f"<ol>\n{inner}\n</ol></details></li>"
    )


def _library(path: str) -> str:
    """The name a reader knows a library by: ``asyncio``, ``sqlparse``."""
    parts = path.replace("\\", "/").split("/")
    for home, name in reversed(list(itertools.pairwise(parts))):
        is_home = home in PACKAGE_FOLDERS or home.startswith("python3")
        if is_home and name not in PACKAGE_FOLDERS:
            return name.removesuffix(".py")
    return parts[-1].removesuffix(".py")


def _frame(frame: Frame, page: Page) -> str:
    here = frame == page.failure.spot
    names = " ".join(["frame", *(["own"] if frame.own else []), *(["here"] if here else [])])
    is_opened = frame.own or here
    place = _place(frame, page.link(frame) if is_opened else "")
    if frame.function:
        place += f'<span class="function">{html.escape(frame.function)}</span>'
    source = _source(frame) if frame.source else ""
    return f'<li class="{names}"><div class="where">{place}</div>{source}</li>'


def _source(frame: Frame) -> str:
    lines = "".join(_lines(frame)).replace("\t", '<b class="tab">\t</b>')
    return f'<div class="source" tabindex="0"><pre>{lines}</pre></div>'


def _lines(frame: Frame) -> Iterable[str]:
    for number, text in frame.source:
        shown = html.escape(text)
        if number == frame.line and frame.columns:
            start, end = frame.columns
            # A caret may point behind the end of the line: something is missing there.
            marked = text[start:end] or " "
            before, after = html.escape(text[:start]), html.escape(text[end:])
            shown = f"{before}<mark>{html.escape(marked)}</mark>{after}"
        current = ' class="current"' if number == frame.line else ""
        yield f'<span{current}><i data-line="{number}"></i>{shown}\n</span>'


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n… (cut here)"
