"""Charts as SVG, to be read on a light and on a dark page.

Each stands in an ``<img>``, so it brings its own style; the colours follow the reader's system. So
does the ground behind them: a page may have another colour than the system.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 900, 470
LEFT, RIGHT, TOP, BOTTOM = 74, 286, 56, 54
#: The least distance of two labels beside the curves, in pixels.
LINE = 19
#: Of the chart with a row for each reloader: the room for its name and for what it misses, and the
#: height of a row.
NAMES, MISSED, ROW = 250, 260, 30

STYLE = """
.page { fill: #ffffff; }
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #3d444d; }
.title { font-size: 15px; font-weight: 600; fill: #1f2328; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.curve { fill: none; stroke-width: 2; }
.own .curve { stroke-width: 3.5; }
.own text { font-weight: 600; }
.c0 .curve { stroke: #0b7a4b; } .c0 circle, .c0 text { fill: #0b7a4b; }
.c1 .curve { stroke: #0969da; } .c1 circle, .c1 text { fill: #0969da; }
.c2 .curve { stroke: #9a6700; } .c2 circle, .c2 text { fill: #9a6700; }
.c3 .curve { stroke: #8250df; } .c3 circle, .c3 text { fill: #8250df; }
.c4 .curve { stroke: #bc4c00; } .c4 circle, .c4 text { fill: #bc4c00; }
.c5 .curve { stroke: #57606a; } .c5 circle, .c5 text { fill: #57606a; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; }
  text { fill: #b7bdc8; }
  .title { fill: #f0f6fc; }
  .grid { stroke: #3d444d; }
  .c0 .curve { stroke: #3fb950; } .c0 circle, .c0 text { fill: #3fb950; }
  .c1 .curve { stroke: #58a6ff; } .c1 circle, .c1 text { fill: #58a6ff; }
  .c2 .curve { stroke: #d29922; } .c2 circle, .c2 text { fill: #d29922; }
  .c3 .curve { stroke: #bc8cff; } .c3 circle, .c3 text { fill: #bc8cff; }
  .c4 .curve { stroke: #f0883e; } .c4 circle, .c4 text { fill: #f0883e; }
  .c5 .curve { stroke: #9198a1; } .c5 circle, .c5 text { fill: #9198a1; }
}
"""
COLOURS = 6
TITLE = "From a save to the first answer by the new code"


@dataclass
class Curve:
    """Seconds over the number of modules."""

    name: str
    points: list[tuple[int, float]] = field(default_factory=list)
    #: It is drawn stronger.
    own: bool = False


@dataclass(frozen=True)
class Scale:
    """A logarithmic scale from values to pixels."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Return the pixel of a value."""
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + part * (self.end - self.begin)


def over_size(curves: list[Curve]) -> str:
    """Draw the time over the size of the project, both on logarithmic scales."""
    curves = [curve for curve in curves if curve.points]
    if not curves:
        return document([text(LEFT, TOP, "No generated project was measured in this run.")])
    sizes = sorted({size for curve in curves for size, _ in curve.points})
    times = [seconds for curve in curves for _, seconds in curve.points]
    low, high = decade(min(times), math.floor), decade(max(times), math.ceil)
    across = Scale(sizes[0], max(sizes[-1], sizes[0] + 1), LEFT, WIDTH - RIGHT)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [*axes(sizes, low, high, across, up)]
    heights = spread([up.at(curve.points[-1][1]) for curve in curves])
    for number, (curve, height) in enumerate(zip(curves, heights, strict=True)):
        parts += drawn(curve, number % COLOURS, height, across, up)
    return document(parts)


@dataclass(frozen=True)
class Row:
    """Seconds of each kind of edit that one reloader needs; ``None``: it has missed some."""

    name: str
    values: tuple[float | None, ...]
    own: bool = False


def over_peers(kinds: tuple[str, ...], rows: list[Row]) -> str:
    """Draw a row for each reloader, with a mark for each kind of edit on a logarithmic scale."""
    known = [value for row in rows for value in row.values if value is not None]
    if not known:
        return document([text(LEFT, TOP, "Nothing was measured in this run.")])
    low, high = decade(min(known), math.floor), decade(max(known), math.ceil)
    across = Scale(low, max(high, low * 10), NAMES, WIDTH - MISSED)
    bottom = TOP + 26 + ROW * len(rows)
    parts = [text(20, 24, TITLE, "title"), text(20, 42, "less is better; the axis is logarithmic")]
    value = low
    while value <= high * 1.01:
        parts.append(f'<path class="grid" d="M{across.at(value):.1f} {TOP + 8}V{bottom}"/>')
        parts.append(text(across.at(value), bottom + 20, duration(value), anchor="middle"))
        value *= 10
    for number, row in enumerate(rows):
        parts += marks(row, kinds, TOP + 26 + ROW * number, across)
    for number, kind in enumerate(kinds):
        x = NAMES + 190 * number
        parts.append(f'<g class="c{number}"><circle cx="{x}" cy="{bottom + 44}" r="5"/>')
        parts.append(f"{text(x + 12, bottom + 48, kind)}</g>")
    return document(parts, bottom + 62)


def marks(row: Row, kinds: tuple[str, ...], height: float, across: Scale) -> list[str]:
    """Draw one reloader's row."""
    name = text(20, height + 4, short(row.name))
    parts = [f'<g class="own">{name}</g>' if row.own else name]
    for number, value in enumerate(row.values):
        if value is not None:
            x = across.at(value)
            parts.append(f'<g class="c{number}"><circle cx="{x:.1f}" cy="{height:.1f}" r="5"/></g>')
    missed = [kind for kind, value in zip(kinds, row.values, strict=True) if value is None]
    if missed:
        parts.append(text(WIDTH - MISSED + 10, height + 4, f"misses {' and '.join(missed)}"))
    return parts


def decade(value: float, rounded: type[int] | object) -> float:
    """Return the power of ten beside a value."""
    assert callable(rounded)
    return float(10 ** rounded(math.log10(value)))


def axes(sizes: list[int], low: float, high: float, across: Scale, up: Scale) -> list[str]:
    """Draw the grid with its values."""
    parts = [
        text(LEFT, 24, TITLE, "title"),
        text(LEFT, 42, "less is better; both axes are logarithmic"),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "modules of the project", anchor="middle"),
    ]
    value = low
    while value <= high * 1.01:
        height = up.at(value)
        parts.append(f'<path class="grid" d="M{LEFT} {height:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text(LEFT - 10, height + 4, duration(value), anchor="end"))
        value *= 10
    parts += [
        text(across.at(size), HEIGHT - BOTTOM + 20, f"{size:,}", anchor="middle") for size in sizes
    ]
    return parts


def drawn(curve: Curve, colour: int, height: float, across: Scale, up: Scale) -> list[str]:
    """Draw one curve with its name beside its end."""
    points = [(across.at(size), up.at(seconds)) for size, seconds in curve.points]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    last = duration(curve.points[-1][1])
    return [
        f'<g class="c{colour}{" own" if curve.own else ""}">',
        f'<path class="curve" d="M{line}"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points),
        text(WIDTH - RIGHT + 14, height + 4, f"{short(curve.name)}, {last}"),
        "</g>",
    ]


def short(name: str) -> str:
    """Return a name for the margin."""
    return name.replace("django-autoreload-plus", "this package").replace("Django ", "Django's ")


def spread(heights: list[float]) -> list[float]:
    """Move labels apart that would cover each other, as little as possible from above."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = dict(zip(order, (heights[index] for index in order), strict=True))
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + LINE)
    return [placed[index] for index in range(len(heights))]


def duration(value: float) -> str:
    """Return a duration for an axis."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.3g} s"


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    """Return a line of text."""
    attributes = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes}>{escape(content)}</text>'
    )


def document(parts: list[str], height: float = HEIGHT) -> str:
    """Return the picture around its parts."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}"'
        f' role="img" aria-label="{TITLE}">\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{WIDTH}" height="{height:.0f}" rx="8"/>\n{body}\n</svg>\n'
    )
