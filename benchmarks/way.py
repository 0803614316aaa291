"""The way of one save: when it has come to which stage.

    python benchmarks/way.py --projects testproject,wagtail,generated:5000

Takes the stages from the lines that ``DJANGO_AUTORELOAD_PLUS_DEBUG=1`` prints.
"""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING

import projects
import reload

if TYPE_CHECKING:
    from collections.abc import Iterator

EDITS = ("function body in a view", "function body in an early model", "view, edited again")
TALKATIVE = {"PROBE_RELOADER": "plus", "DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
LINE = re.compile(r"; (event .+) ms$", re.MULTILINE)


def ways(project: projects.Project, repeat: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield each kind of edit with the median milliseconds at each stage."""
    with reload.served(project, reload.Reloader("plus", TALKATIVE)) as server:
        server.wait_for(reload.PAGE, timeout=reload.PATIENCE)
        reload.rest()
        for edit in reload.EDITS:
            if edit.name in EDITS:
                mark = server.mark()
                reload.measure_edit(project, server, edit, repeat)
                found = [stages(match[1]) for match in LINE.finditer(server.output, mark)]
                # The first one prepares, the last one puts the file back.
                yield edit.name, medians(found[1:-1])


def stages(line: str) -> dict[str, float]:
    """Return the milliseconds at each stage of a line."""
    words = (item.split() for item in line.split(" · "))
    return {name: float(value) for name, value in words}


def medians(ways: list[dict[str, float]]) -> dict[str, float]:
    """Return the middle value at each stage that the last way has."""
    return {name: statistics.median(way[name] for way in ways if name in way) for name in ways[-1]}


def main() -> None:
    """Print a table for each project."""
    arguments = reload.parser_for("Follow a save.", repeat=9).parse_args()
    print(f"Medians of {arguments.repeat}, in milliseconds from the event; {reload.machine()}.\n")
    for spec in arguments.projects.split(","):
        project = projects.create(spec, arguments.directory)
        print(f"## {spec}\n")
        for name, way in ways(project, arguments.repeat):
            shown = " · ".join(f"{stage} {value:.1f}" for stage, value in way.items())
            print(f"- {name}: {shown}", flush=True)
        print()


if __name__ == "__main__":
    main()
