"""From the command to its first answer: wall time, and processor time of all its processes.

    python benchmarks/start.py --projects testproject,wagtail,generated:1000 --repeat 10

The reloaders take turns, so that what else the machine does meets all of them alike; the
processor time is the better figure on a busy one. ``--reloaders`` may name ``noreload``, too.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import projects
from reload import PAGE, PATIENCE, RELOADERS, Reloader, chosen, machine, parser_for, served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness import DevServer

TICK = os.sysconf("SC_CLK_TCK")
#: Fields of proc_pid_stat(5), counted after the name: the waited-for children's time.
CHILDREN = slice(13, 15)
#: One process, without any reloader.
NONE = Reloader("noreload", {"PROBE_RELOADER": "django"}, ("--noreload",))


@dataclass
class Start:
    """One start, in seconds."""

    wall: float
    cpu: float


def measure(project: projects.Project, reloader: Reloader) -> Start:
    """Start the project once."""
    began = time.perf_counter()
    with served(project, reloader) as server:
        server.wait_for(PAGE, timeout=PATIENCE)
        wall = time.perf_counter() - began
        return Start(wall, processor_time(server))


def processor_time(server: DevServer) -> float:
    """Return the time of all processes of the server, also of those that were waited for."""
    return sum(_time_of(process.pid) for process in server.processes(zombies=True))


def _time_of(pid: int) -> float:
    own = 0.0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            own += int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        own += sum(map(int, fields[CHILDREN])) / TICK
    return own


def table(name: str, starts: dict[str, list[Start]]) -> str:
    """Return the medians, and the medians of the ratios to the first reloader, round by round."""
    lines = [f"## {name}\n", "| | wall | ratio | processor | ratio |", "|---|---:|---:|---:|---:|"]
    first = next(iter(starts.values()))
    for reloader, own in starts.items():
        wall, cpu = ([getattr(start, figure) for start in own] for figure in ("wall", "cpu"))
        ratios = [
            statistics.median(
                getattr(a, figure) / getattr(b, figure) for a, b in zip(own, first, strict=True)
            )
            for figure in ("wall", "cpu")
        ]
        lines.append(
            f"| {reloader} | {statistics.median(wall) * 1000:,.0f} ms | {ratios[0]:.2f}"
            f" | {statistics.median(cpu) * 1000:,.0f} ms | {ratios[1]:.2f} |"
        )
    return "\n".join([*lines, ""])


def rounds(
    project: projects.Project, reloaders: Sequence[Reloader], repeat: int
) -> dict[str, list[Start]]:
    """Start with each reloader in turn, after a round that is not counted."""
    starts: dict[str, list[Start]] = {reloader.name: [] for reloader in reloaders}
    for number in range(repeat + 1):
        for reloader in random.sample(reloaders, len(reloaders)):
            start = measure(project, reloader)
            if number:
                starts[reloader.name].append(start)
    return starts


def main() -> None:
    """Measure what the command line asks for and print Markdown."""
    parser = parser_for("Measure starts.", repeat=10)
    parser.add_argument("--reloaders", default="", help="only these, with semicolons between")
    arguments = parser.parse_args()
    reloaders = chosen((*RELOADERS, NONE), arguments.reloaders)
    print(f"Medians of {arguments.repeat}, {machine()}.\n")
    for spec in arguments.projects.split(","):
        project = projects.create(spec, arguments.directory)
        print(table(spec, rounds(project, reloaders, arguments.repeat)), flush=True)


if __name__ == "__main__":
    main()
