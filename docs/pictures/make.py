"""Make the pictures of the README from a real run of the demo.

    python docs/pictures/make.py

Needs the extra ``test``, and for the error page the programs chromium and chromedriver.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))

from browser import open_browser
from harness import DevServer, copy_project

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLE = "manage.py runserver"
#: Pixels of a cell of the terminal, and around all of them.
CELL, LINE, PAD, BAR = 8.4, 20, 18, 34
COLUMNS = 88
#: The eight colours of a terminal, as dark ones have them, and "bright" as bold.
COLOURS = dict(
    zip(
        map(str, range(30, 38)),
        ("#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#e6edf3"),
        strict=True,
    )
)
STYLE = """
rect.window { fill: #0d1117; stroke: #30363d; }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  fill: #e6edf3; white-space: pre; }
"""
ESCAPE = re.compile(r"\x1b\[([0-9;]*)m")
#: What a screen never shows: moves of the cursor, titles.
UNSEEN = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\x1b\][^\x07]*\x07|\r")
#: The picture of the error page, in CSS pixels.
PAGE = (1000, 640)
#: A developer's pause between two saves, in seconds.
PAUSE = 1.5
#: What is saved, one after the other: a file, and what is replaced in it.
SAVES = (
    ("teas/views.py", 'f"version {VERSION}"', 'f"this is version {VERSION}"'),
    ("teas/views.py", "LONGEST_BREW = 600.0", "LONGEST_BREW = 60.0 * 5"),
    ("teas/models.py", "max_length=120", "max_length=140"),
    ("teas/views.py", "def version(request: HttpRequest) -> HttpResponse:", "def version(request)"),
    ("teas/views.py", "def version(request)", "def version(request: HttpRequest) -> HttpResponse:"),
    ("tearoom.env", "", "# A new line.\n"),
)
#: What the picture of the error page shows.
BROKEN = ("teas/models.py", "max_length=140", "max_length=NOTE_LENGTH")
TERMINAL = {"TERM": "xterm-256color", "DJANGO_RUNSERVER_HIDE_WARNING": "true"}
DECIDED = "live in|waiting for a fix|live again"


@dataclass(frozen=True)
class Piece:
    """Text in one style."""

    text: str
    colour: str = ""
    bold: bool = False
    dim: bool = False


def pieces(line: str) -> Iterator[Piece]:
    """Split a line at its changes of style."""
    colour, bold, dim, place = "", False, False, 0
    for found in ESCAPE.finditer(line):
        yield Piece(line[place : found.start()], colour, bold, dim)
        place = found.end()
        for code in found[1].split(";"):
            if code in ("", "0"):
                colour, bold, dim = "", False, False
            elif code == "1":
                bold = True
            elif code == "2":
                dim = True
            else:
                colour = COLOURS.get(code, colour)
    yield Piece(line[place:], colour, bold, dim)


def drawn(lines: list[str], title: str) -> str:
    """Return a terminal's window as SVG."""
    width, height = PAD * 2 + COLUMNS * CELL, BAR + PAD + len(lines) * LINE + 6
    parts = [
        f'<rect class="window" x="0.5" y="0.5" width="{width:.0f}" height="{height}" rx="8"/>',
        *(
            f'<circle cx="{PAD + 4 + 20 * number}" cy="18" r="6" fill="{colour}"/>'
            for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
    ]
    place = f'x="{width / 2:.0f}" y="23" text-anchor="middle" fill-opacity="0.6"'
    parts.append(f"<text {place}>{escape(title)}</text>")
    for number, line in enumerate(lines):
        spans = "".join(span(piece) for piece in pieces(line) if piece.text)
        parts.append(f'<text x="{PAD}" y="{BAR + PAD + number * LINE}">{spans}</text>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 1:.0f} {height + 1}"'
        f' role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )


def span(piece: Piece) -> str:
    """Return one piece of a line."""
    style = f' fill="{piece.colour}"' if piece.colour else ""
    style += ' font-weight="bold"' if piece.bold else ""
    style += ' fill-opacity="0.6"' if piece.dim else ""
    return f"<tspan{style}>{escape(piece.text)}</tspan>"


def session(server: DevServer) -> str:
    """Save as a developer does, and return what stands on the terminal."""
    server.wait_for_output("Quit the server")
    server.wait_for("/version/")
    for path, old, new in SAVES:
        time.sleep(PAUSE)
        mark = server.mark()
        text = server.path(path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        server.write(path, text.replace(old, new, 1) if old else text + new)
        server.wait_for_output(DECIDED, since=mark)
    return server.output.replace(f":{server.port}", ":8000")


def screen(output: str, project: Path) -> list[str]:
    """Return the lines to show: those of a reader's own project."""
    text = UNSEEN.sub("", output).replace(str(project), "/home/me/tearoom")
    return ["$ python manage.py runserver", *text.rstrip().splitlines()]


def photograph(server: DevServer) -> None:
    """Break the code and take the page, in both colour schemes."""
    path, old, new = BROKEN
    mark = server.mark()
    server.edit(path, old, new)
    server.wait_for_output("waiting for a fix", since=mark)
    with open_browser() as browser:
        browser.resize(*PAGE)
        for scheme in ("light", "dark"):
            browser.prefer(scheme)
            browser.goto(server.url)
            browser.wait_text("NameError")
            browser.screenshot(HERE / f"error-page-{scheme}.png")


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "tearoom")
        with DevServer(project, terminal=True, env=TERMINAL) as server:
            server.prints_at_end = False
            lines = screen(session(server), project)
            (HERE / "terminal.svg").write_text(drawn(lines, TITLE), encoding="utf-8")
            photograph(server)


if __name__ == "__main__":
    main()
