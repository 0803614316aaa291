"""Draw the diagrams of the documents, to be read on light and on dark pages, without a network.

python docs/pictures/diagrams.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #3d444d; }
.name { font-size: 15px; font-weight: 600; fill: #1f2328; }
.label { font-size: 12px; }
.page { fill: #ffffff; }
.box { fill: #f6f8fa; stroke: #818b98; }
.own { fill: #dafbe1; stroke: #1a7f37; }
.line { fill: none; stroke: #59636e; stroke-width: 1.5; }
.strong { stroke: #1a7f37; stroke-width: 3; }
.dashed { stroke-dasharray: 5 4; }
.life { stroke: #d1d9e0; }
.head { fill: #59636e; }
.strong-head { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
  text { fill: #b7bdc8; }
  .name { fill: #f0f6fc; }
  .page { fill: #0d1117; }
  .box { fill: #151b23; stroke: #656c76; }
  .own { fill: #12261e; stroke: #3fb950; }
  .line { stroke: #9198a1; }
  .strong { stroke: #3fb950; }
  .life { stroke: #3d444d; }
  .head { fill: #9198a1; }
  .strong-head { fill: #3fb950; }
}
"""
#: From one line of text to the next, in pixels.
LINE = 18
#: The parts of the sequence, from left to right, and what passes between them: from, to, text.
PARTS = (
    "editor",
    "watcher thread",
    "Supervisor.handle",
    "policy.step",
    "inspector",
    "launcher",
    "child",
)
STEPS = (
    (0, 1, "close() after writing (inotify)"),
    (1, 1, "the gate is closed"),
    (1, 2, "FilesChanged"),
    (2, 3, "what now?"),
    (3, 2, "Pause, Inspect"),
    (2, 4, "compare with what is loaded"),
    (4, 2, "Inspected(new)"),
    (2, 3, "what now?"),
    (3, 2, "Pause, Start"),
    (2, 5, "swap, resume or spawn"),
    (5, 6, "Go, or a new process"),
    (6, 2, "Serving"),
    (2, 3, "what now?"),
    (3, 2, "Admit, RetireChild, Announce"),
    (2, 6, "the gate is open: connections from the backlog"),
)
APART, STEP, TOP = 170, 34, 60


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "middle") -> str:
    """Return a line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}">{escape(content)}</text>'


def box(x: float, y: float, width: float, name: str, *lines: str, kind: str = "box") -> str:
    """Return a box with a name and lines below it."""
    height = 34 + LINE * len(lines)
    middle = x + width / 2
    return "\n".join(
        [
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>',
            text(middle, y + 22, name, "name"),
            *(text(middle, y + 22 + LINE * row, line) for row, line in enumerate(lines, start=1)),
        ]
    )


def arrow(path: str, kind: str = "") -> str:
    """Return a line with a head at its end."""
    head = "strong-head" if "strong" in kind else "head"
    return f'<path class="line {kind}" d="{path}" marker-end="url(#{head})"/>'


def document(width: int, height: int, label: str, parts: list[str]) -> str:
    """Return the picture around its parts."""
    heads = "".join(
        f'<marker id="{name}" markerUnits="userSpaceOnUse" viewBox="0 0 10 10" refX="9" refY="5"'
        f' markerWidth="{size}" markerHeight="{size}" orient="auto">'
        f'<path class="{name}" d="M0 0L10 5L0 10z"/></marker>'
        for name, size in (("head", 10), ("strong-head", 14))
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="{escape(label)}">\n<style>{STYLE}</style>\n<defs>{heads}</defs>\n'
        f'<rect class="page" width="{width}" height="{height}" rx="8"/>\n{body}\n</svg>\n'
    )


def processes() -> str:
    """Draw the supervisor, the child, the frozen copies and the next child."""
    parts = [
        box(90, 20, 180, "you save a file"),
        box(590, 20, 180, "browser"),
        arrow("M180 54V112", "dashed"),
        text(190, 86, "file event", "label", "start"),
        arrow("M680 54V112"),
        text(670, 86, "connections", "label", "end"),
        box(
            60,
            114,
            740,
            "supervisor",
            "imports nothing of your project;",
            "owns the port, the file watcher, the terminal and the error page",
        ),
        arrow("M125 184V272"),
        text(135, 232, "the port", "label", "start"),
        arrow("M435 184V272"),
        text(445, 232, "“go on with the new source”", "label", "start"),
        box(20, 274, 210, "child", "runs your command", "and answers"),
        box(
            330,
            274,
            250,
            "frozen copies",
            "forks of the child, each taken just",
            "before a module was first imported",
        ),
        arrow("M230 309H328", "dashed"),
        text(279, 290, "left behind", "label"),
        text(279, 328, "while starting", "label"),
        arrow("M580 309H676", "strong"),
        text(626, 298, "fork", "label"),
        box(680, 274, 160, "next child", "answers by the", "new code", kind="own"),
    ]
    label = "The supervisor has the port; a frozen copy of the starting child becomes the next one"
    return document(860, 364, label, parts)


def sequence() -> str:
    """Draw what happens from a save to the first answer by the new code."""
    places = [90 + APART * number for number in range(len(PARTS))]
    height = TOP + STEP * len(STEPS) + 30
    parts = [f'<path class="life" d="M{x} 44V{height - 16}"/>' for x in places]
    parts += [box(x - 78, 12, 156, name) for x, name in zip(places, PARTS, strict=True)]
    for number, (begin, end, content) in enumerate(STEPS):
        y = TOP + STEP * number + 28
        x, to = places[begin], places[end]
        if begin == end:
            parts.append(arrow(f"M{x} {y - 8}h26v12h-24"))
            parts.append(text(x + 34, y + 2, content, "label", "start"))
            continue
        parts.append(arrow(f"M{x} {y}H{to - 2 if to > x else to + 2}"))
        parts.append(text((x + to) / 2, y - 6, content, "label"))
    return document(
        places[-1] + 90, height, "From a save to the first answer by the new code", parts
    )


def main() -> None:
    """Write both."""
    for name, picture in (("processes", processes()), ("sequence", sequence())):
        (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
