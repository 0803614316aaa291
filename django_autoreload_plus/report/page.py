"""The report as one HTML page that needs nothing else: style, script and data are inside."""

from __future__ import annotations

import html
import json
import pkgutil
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from .advice import milliseconds
from .analysis import COMPLETE, LIBRARY, MISSING, OWN, STANDARD, EditCost, Report
from .text import shorten

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath fill='%23c2620a' d='M1 2h14v3H1z'/%3E%3Cpath fill='%233d7fc4' d='M1 6h9v3H1z'/%3E"
    "%3Cpath fill='%23508a7c' d='M1 10h5v3H1z'/%3E%3C/svg%3E"
)
#: The parts of the whole time, in the order of the bar.
_OUTSIDE = "outside"
_PARTS = (
    (OWN, "Your project"),
    (LIBRARY, "Libraries"),
    (STANDARD, "Standard library"),
    (MISSING, "Looked for, not found"),
    (_OUTSIDE, "In no import"),
)


def page(report: Report) -> str:
    """The whole page, UTF-8 text."""
    loaded = sum(one.kind != MISSING for one in report.modules)
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    command = html.escape(" ".join(report.command))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Where start-up time goes: {html.escape(report.folder)}</title>
<link rel="icon" href="{_ICON}">
<style>
{_asset("page.css")}</style>
</head>
<body>
<main>
<header>
<p class="label">Where start-up time goes</p>
<h1>{loaded:,} modules in <strong>{_time(report.total)}</strong></h1>
<p class="facts"><code>{command}</code> in <code>{html.escape(report.folder)}</code>
· {html.escape(report.python)} · {when}
· {milliseconds(report.boot)} before that for the interpreter and the reloader</p>
</header>
{_bar(report)}
{_advice(report)}
{_chart()}
{_slowest()}
{_edits(report)}
{_candidates(report)}
{_packages(report)}
{_copies(report)}
</main>
<script type="application/json" id="data">{_data(report)}</script>
<script>
{_asset("page.js")}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return (pkgutil.get_data(__package__ or "", name) or b"").decode()


def _data(report: Report) -> str:
    modules = [
        [
            one.name,
            one.kind,
            round(one.begin, 6),
            round(one.time, 6),
            round(one.own_time, 6),
            one.parent,
            one.depth,
            shorten(report, one.path),
            f"{shorten(report, one.importer)}:{one.line}" if one.importer else "",
        ]
        for one in report.modules
    ]
    points = [
        [point.label, round(point.at, 6), "" if point.reason is None else str(point.reason)]
        for point in report.stops
    ]
    data = {
        "total": round(report.total, 6),
        "command": " ".join(report.command),
        "modules": modules,
        "points": points,
    }
    # Nothing in a name may end the script.
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else milliseconds(seconds)


def _bar(report: Report) -> str:
    times = {kind: report.time_of(kind) for kind, _ in _PARTS} | {_OUTSIDE: report.outside}
    whole = sum(times.values()) or 1.0
    parts = "".join(
        f'<span class="{kind}" style="flex-grow:{times[kind] / whole:.5f}"></span>'
        for kind, _ in _PARTS
    )
    legend = "".join(
        f'<li><i class="swatch {kind}"></i>{title} <b>{milliseconds(times[kind])}</b>'
        f" <small>{times[kind] / whole:.0%}</small></li>"
        for kind, title in _PARTS
    )
    return f'<div class="whole" aria-hidden="true">{parts}</div>\n<ul class="legend">{legend}</ul>'


def _advice(report: Report) -> str:
    items = "\n".join(
        f"<li><h3>{html.escape(one.title)}</h3><p>{html.escape(one.text)}</p></li>"
        for one in report.advice
    )
    if not items:
        items = "<li><h3>Nothing stands out</h3><p>No import is heavy where it hurts.</p></li>"
    return f'<section><h2>Advice</h2>\n<ul class="advice">\n{items}\n</ul></section>'


def _chart() -> str:
    return """<section id="chart">
<h2>The start, import by import</h2>
<p class="hint">From left to right as time went on; below each import what was imported in the
middle of it. Flags stand where frozen copies are taken. Click to zoom, or use the keys:
<kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> to move, <kbd>Enter</kbd> to zoom in,
<kbd>Esc</kbd> to zoom out.</p>
<div class="tools">
<label>Find a module <input type="search" id="find" placeholder="forms.models" autocomplete="off"
spellcheck="false"></label>
<span id="found" role="status"></span>
<button type="button" id="out" disabled>Show everything</button>
</div>
<div class="frame">
<div id="flags"></div>
<div id="axis" aria-hidden="true"></div>
<div id="icicle" role="tree" aria-label="Imports"></div>
</div>
<div id="detail" role="status"></div>
</section>"""


def _slowest() -> str:
    return """<section><h2>The slowest imports</h2>
<p class="hint">Alone: without what they import. A name leads to its place in the chart.</p>
<div class="scroll"><table id="slowest">
<thead><tr>
<th aria-sort="none"><button type="button" data-key="name">Module</button></th>
<th class="number" aria-sort="descending"><button type="button" data-key="own">Alone</button></th>
<th class="number" aria-sort="none"><button type="button" data-key="time">Together</button></th>
<th aria-sort="none"><button type="button" data-key="importer">Imported by</button></th>
</tr></thead><tbody></tbody></table></div>
<button type="button" class="more" id="more">Show more</button>
</section>"""


def _edits(report: Report) -> str:
    how = (
        f"Changed function bodies are imported again: {html.escape(report.no_swaps)}."
        if report.no_swaps
        else "Changed function bodies, and names that nobody has looked at, are exchanged in "
        "about 10 ms, wherever the file stands. For all other edits this is the import time that "
        "follows: when a file is edited for the first time, and again, when a copy stands just "
        "before it."
    )
    edits = sorted(report.edits, key=lambda edit: (-edit.first, -edit.again, edit.path))
    most = max((edit.first for edit in edits), default=1.0) or 1.0
    rows = "\n".join(
        f"<tr><td><code>{html.escape(shorten(report, edit.path))}</code></td>"
        f"{_meter(edit.first, most)}{_meter(edit.again, most)}"
        f"<td>{_origin(edit)}</td></tr>"
        for edit in edits
    )
    return _table(
        "What an edit costs",
        how,
        ("File", "First edit", "Again", "Goes on from"),
        rows,
        classes="tall",
    )


def _origin(edit: EditCost) -> str:
    return html.escape(edit.copy if edit.copy == COMPLETE else f"the copy “{edit.copy}”")


def _candidates(report: Report) -> str:
    if not report.candidates:
        return ""
    most = report.candidates[0].saves or 1.0
    rows = "\n".join(
        f"<tr><td><code>{html.escape(one.name)}</code></td>{_meter(one.saves, most)}</tr>"
        for one in report.candidates
    )
    hint = (
        "These can be imported before anything of the project (each was tried). Named in "
        "<code>PRELOAD</code>, they are imported once, and an edit of the settings, or of what is "
        "imported early, no longer imports them again. The price: the order of imports changes."
    )
    return _table("Candidates for PRELOAD", hint, ("Library", "Saves"), rows)


def _packages(report: Report) -> str:
    found = [package for package in report.packages() if package.time >= 0.0005]
    most = found[0].time if found else 1.0
    rows = "\n".join(
        f'<tr><td><i class="swatch {package.kind}"></i>{html.escape(package.name)}</td>'
        f'<td class="number">{package.count:,}</td>{_meter(package.time, most)}</tr>'
        for package in found
    )
    hint = "The time of all modules of a package, each without what it imports."
    return _table("Packages", hint, ("Package", "Modules", "Time"), rows, classes="tall")


def _copies(report: Report) -> str:
    rows = "\n".join(
        f"<tr><td><code>{html.escape(point.label)}</code></td>"
        f'<td class="number">{milliseconds(point.at)}</td>'
        f"<td>{_taken(point.reason)}</td></tr>"
        for point in report.stops
    )
    hint = "Frozen copies of the starting process: an edit goes on from the last one before it."
    return _table("Copies", hint, ("Label", "At", "Taken"), rows)


def _taken(reason: Any) -> str:
    return "yes" if reason is None else f"no: {html.escape(str(reason))}"


def _meter(seconds: float, most: float) -> str:
    """A cell with a time, and a bar for it."""
    return (
        f'<td class="number meter"><i style="width:{100 * seconds / most:.1f}%"></i>'
        f"<span>{milliseconds(seconds)}</span></td>"
    )


def _table(title: str, hint: str, heads: tuple[str, ...], rows: str, classes: str = "") -> str:
    head = "".join(_heads(heads))
    return (
        f'<section><h2>{title}</h2>\n<p class="hint">{hint}</p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="{classes}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div></section>"
    )


def _heads(heads: tuple[str, ...]) -> Iterator[str]:
    numbers = {"First edit", "Again", "Saves", "Modules", "Time", "At"}
    for head in heads:
        yield f'<th class="number">{head}</th>' if head in numbers else f"<th>{head}</th>"
