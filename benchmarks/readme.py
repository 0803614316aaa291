"""Put the figures of a comparison into the README.

python benchmarks/readme.py benchmarks/results/compare.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import comparison
import peers

if TYPE_CHECKING:
    from comparison import Results, Run

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
#: Project, edit, and the head of the column.
COLUMNS = (
    ("testproject", "function body", "demo: function body"),
    ("testproject", "late module", "view module"),
    ("wagtail", "function body", "Wagtail: function body"),
    ("wagtail", "late module", "view module"),
    ("wagtail", "settings", "settings"),
    ("oscar", "late module", "oscar: view module"),
    ("generated:5000", "late module", "5,000 modules: view module"),
)


def table(results: Results) -> str:
    """Return a line for each reloader, with its times and what clients met."""
    columns = [column for column in COLUMNS if column[0] in results.projects]
    heads = [
        "reloader",
        *(head for _, _, head in columns),
        "old or wrong answers",
        "refused or cut",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    for peer in peers.PEERS:
        runs = {run.project: run for run in results.runs if run.peer == peer.name}
        if any(run.starts for run in runs.values()):
            cells = [cell(runs.get(project), edit) for project, edit, _ in columns]
            lines.append(f"| {' | '.join([peer.name, *cells, *met(list(runs.values()))])} |")
    return "\n".join(lines)


def cell(run: Run | None, edit: str) -> str:
    """Return the median of one kind of edit."""
    samples = run.samples.get(edit) if run else None
    if run is None or not samples:
        return ""
    median = run.median(edit)
    return comparison.times(samples) if median is None else comparison.seconds(median)


def met(runs: list[Run]) -> tuple[str, str]:
    """Return which part of the requests under load met no new answer, and which none."""
    loads = [run.load for run in runs if run.load is not None]
    requests = sum(load.requests for load in loads)
    if not requests:
        return "", ""
    old = sum(load.old + load.wrong for load in loads)
    failed = sum(load.failed for load in loads)
    return part(old, requests), part(failed, requests)


def part(count: int, of: int) -> str:
    """Return a share for the eye; none is none."""
    return f"{100 * count / of:.0f} %" if count * 100 >= of else f"{count:,}"


def cost(results: Results) -> str:
    """Say what it takes beside Django's own, in a paragraph; nothing if it was not measured."""
    memory, idle = [], []
    for project in results.projects:
        runs = {run.peer: run for run in results.of(project)}
        own, base = runs.get(peers.OWN), runs.get(peers.BASE)
        title = comparison.title(project)
        name = f"for {title[0].lower()}{title[1:]}"
        if own and base and own.memory is not None and base.memory is not None:
            memory.append(f"{own.memory:.0f} instead of {base.memory:.0f} MiB {name}")
        if own and base and own.idle is not None and base.idle is not None:
            idle.append(f"{own.idle:.1f} instead of {base.idle:.1f} % of a core {name}")
    if not (memory and idle):
        return ""
    return (
        f"\n**What it costs** is memory: {', '.join(memory)}. While nobody edits it takes"
        f" {', '.join(idle)}.\n"
    )


def main() -> None:
    """Exchange what stands between the marks."""
    parser = argparse.ArgumentParser(description="Put the figures of a comparison into the README.")
    parser.add_argument("results", type=Path, help="the JSON of a comparison")
    parser.add_argument("--check", action="store_true", help="only tell whether they are there")
    arguments = parser.parse_args()
    results = comparison.read(arguments.results)
    before = README.read_text(encoding="utf-8")
    head, _, rest = before.partition(BEGIN)
    _, found, tail = rest.partition(END)
    assert found, f"the README has no {BEGIN!r} and {END!r}"
    note = (
        f"Medians of {results.repeat}; {results.machine}; {results.begun[:10]}. Empty: not measured"
        " on that project.\n"
    )
    text = f"{head}{BEGIN}{table(results)}\n\n{note}{cost(results)}{END}{tail}"
    if arguments.check:
        sys.exit(0 if text == before else "the README has other figures")
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
