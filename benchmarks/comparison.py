"""The results of a comparison: their form, and what is written of them."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import peers
import plot
import report
from samples import Sample

if TYPE_CHECKING:
    from pathlib import Path

NEVER = "never"
DEMO = "testproject"
#: Shown for every reloader, on the demo.
PLOTTED = ("function body", "late module")
TITLES = {
    DEMO: "The demo project",
    "wagtail": "A Wagtail site",
    "oscar": "A django-oscar shop",
}
UNKNOWN = "-"


@dataclass
class Counts:
    """What clients met that asked all the time while a module was edited."""

    requests: int = 0
    #: Refused, reset or cut off.
    failed: int = 0
    #: Begun after a save, answered by the code before it.
    old: int = 0
    #: An error instead of the page.
    wrong: int = 0


@dataclass(frozen=True)
class Behaviour:
    """What was seen, in words for the table."""

    touch: str
    data: str
    broken: str
    mended: str
    #: Which of two saves in a second is shown.
    twice: str = UNKNOWN


@dataclass
class Run:
    """One reloader on one project."""

    project: str
    peer: str
    #: Cores that were busy with other work just before.
    foreign: float = 0.0
    #: From the command to the first complete answer, in seconds, each time it was started.
    starts: list[float] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    load: Counts | None = None
    #: Percent of a core, MiB (PSS, all processes), inotify watches.
    idle: float | None = None
    memory: float | None = None
    processes: int = 0
    watches: int | None = None
    behaviour: Behaviour | None = None
    error: str = ""

    @property
    def is_measured(self) -> bool:
        """Whether it has got as far as a first answer."""
        return bool(self.starts)

    def median(self, edit: str) -> float | None:
        """Return the median of a kind of edit in seconds; ``None``: it was never shown."""
        return report.median(self.samples.get(edit, []))


@dataclass
class Results:
    """Everything of one call of the command."""

    repeat: int
    machine: str
    begun: str
    ended: str = ""
    #: The system's load average at the beginning and at the end, of each part that was added.
    load_average: list[float] = field(default_factory=list)
    #: Microseconds of a page fault at the beginning of each part.
    page_faults: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def add(self, run: Run) -> None:
        """Add a run in its place; one of the same is replaced, but not by one without figures."""
        same = [one for one in self.runs if (one.project, one.peer) == (run.project, run.peer)]
        if any(one.is_measured for one in same) and not run.is_measured:
            return
        others = [one for one in self.runs if one not in same]
        self.runs = sorted([*others, run], key=place_of)

    def of(self, project: str) -> list[Run]:
        """Return the runs on a project."""
        return [run for run in self.runs if run.project == project]

    @property
    def projects(self) -> list[str]:
        """The projects in the order of their measurement."""
        return list(dict.fromkeys(run.project for run in self.runs))


def place_of(run: Run) -> tuple[int, int, int]:
    """Return the place of a run in the report: by project, size and reloader."""
    kind, _, size = run.project.partition(":")
    names = [peer.name for peer in peers.PEERS]
    peer = names.index(run.peer) if run.peer in names else len(names)
    return ([*TITLES, "generated"].index(kind), int(size or 0), peer)


def read(path: Path) -> Results:
    """Return the results that a comparison has written."""
    data = json.loads(path.read_text(encoding="utf-8"))
    runs = []
    for item in data.pop("runs"):
        samples = {name: [Sample(**one) for one in many] for name, many in item["samples"].items()}
        load = item["load"] and Counts(**item["load"])
        behaviour = item["behaviour"] and Behaviour(**item["behaviour"])
        runs.append(Run(**{**item, "samples": samples, "load": load, "behaviour": behaviour}))
    return Results(**{**data, "runs": runs})


def summary(run: Run) -> str:
    """Return a run in one line, for those who wait."""
    if run.error:
        return run.error
    cells = [f"{name} {times(samples)}" for name, samples in run.samples.items()]
    return " · ".join([f"start {seconds(run.starts[0])}", *cells])


def write(results: Results, path: Path) -> None:
    """Write the table, all single samples and the plot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".md").write_text(markdown(results, path.stem), encoding="utf-8")
    data = json.dumps(asdict(results), indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(f"{data}\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(plot.over_size(curves(results)), encoding="utf-8")
    rows = [
        plot.Row(run.peer, tuple(map(run.median, PLOTTED)), own=peers.OWN in run.peer)
        for run in results.of(DEMO)
        if run.is_measured
    ]
    peers_path = path.with_name(f"{path.name}-peers.svg")
    peers_path.write_text(plot.over_peers(PLOTTED, rows), encoding="utf-8")


def markdown(results: Results, name: str) -> str:
    """Return the whole report."""
    parts = [heading(results)]
    if any(project.startswith("generated:") for project in results.projects):
        parts.append(f"![Time from a save to the first new answer, over the size]({name}.svg)")
    for project in results.projects:
        parts.append(f"## {title(project)}")
        if project == DEMO:
            parts.append(f"![Time from a save to the first new answer]({name}-peers.svg)")
        parts.append(table(results.of(project)))
    observed = [run for run in results.runs if run.behaviour is not None]
    if observed:
        parts += ["## What each does", behaviours(observed)]
    parts += ["## Versions", versions(results)]
    parts += failures(results)
    return "\n\n".join(parts) + "\n"


def heading(results: Results) -> str:
    """Say when, where and how often, and what else the machine was doing."""
    foreign = [run.foreign for run in results.runs]
    middle, most = (statistics.median(foreign), max(foreign)) if foreign else (0.0, 0.0)
    pairs = zip(results.load_average[::2], results.load_average[1::2], strict=False)
    averages = ", ".join(f"{first:.1f} to {last:.1f}" for first, last in pairs)
    return f"""\
# Comparison of reloaders

{results.machine}; {results.begun} to {results.ended}. Medians of {results.repeat} (from the lowest
to the highest), and how many times faster than Django's own reloader on the same project in the
same run. `benchmarks/README.md` describes the method.

Other work on the machine, just before each measurement: {middle:.2f} cores busy in the median,
{most:.2f} at most. Load average from the beginning to the end{of_parts(results)}: {averages}.
{of_page_faults(results)}""".rstrip()


def of_page_faults(results: Results) -> str:
    """Say what a page fault cost, where that was measured."""
    times = ", ".join(f"{one:.1f}" for one in results.page_faults)
    return f"A page fault, of which a forked process has many, took {times} µs." if times else ""


def of_parts(results: Results) -> str:
    """Say that there were several parts."""
    parts = len(results.load_average) // 2
    return f" of each of {parts} parts" if parts > 1 else ""


def title(project: str) -> str:
    """Return the name of a project for a heading."""
    kind, _, size = project.partition(":")
    return f"Generated, {int(size):,} modules" if size else TITLES[kind]


def table(runs: list[Run]) -> str:
    """Return a line for each reloader."""
    edits = list(dict.fromkeys(name for run in runs for name in run.samples))
    whole = any(run.load is not None for run in runs)
    head = ["reloader", *edits, "start"]
    if whole:
        head += ["old or wrong answers", "refused or cut", "idle CPU", "memory", "watches"]
    base = next((run for run in runs if run.peer == peers.BASE), None)
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for run in runs:
        cells = [timed(run, edit, base) for edit in edits]
        cells.append(seconds(run.starts[0]) if run.starts else UNKNOWN)
        if whole:
            cells += costs(run)
        lines.append(f"| {' | '.join([run.peer, *cells])} |")
    return "\n".join(lines)


def timed(run: Run, edit: str, base: Run | None) -> str:
    """Return the cell of one kind of edit."""
    samples = run.samples.get(edit)
    if not samples:
        return UNKNOWN
    middle, other = run.median(edit), base.median(edit) if base else None
    if middle is None or other is None or run is base:
        return times(samples)
    return f"{times(samples)}, **{other / middle:,.1f}x**"


def times(samples: list[Sample]) -> str:
    """Return a median and its spread."""
    known = [one.seconds for one in samples if one.seconds is not None]
    middle = report.median(samples)
    if middle is None:
        return f"missed {len(samples) - len(known)} of {len(samples)}" if known else NEVER
    if len(known) == 1:
        return seconds(middle)
    return f"{seconds(middle)} ({seconds(min(known))} to {seconds(max(known))})"


def costs(run: Run) -> list[str]:
    """Return the cells of what a reloader costs beside the time."""
    if run.load is None or run.idle is None or run.memory is None or run.watches is None:
        return [UNKNOWN] * 5
    counts = run.load
    return [
        f"{counts.old + counts.wrong:,} of {counts.requests:,}",
        f"{counts.failed:,} of {counts.requests:,}",
        f"{run.idle:.2f} %",
        f"{run.memory:.0f} MiB",
        f"{run.watches:,}" if run.watches else "none",
    ]


def seconds(value: float) -> str:
    """Return a duration as briefly as its precision allows."""
    if value < 0.1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def behaviours(runs: list[Run]) -> str:
    """Return the table of what was seen beside the times."""
    lines = [
        (
            "| reloader | a save without a change | shown of two saves in a second"
            " | a data file that the settings read | a request while the code is broken"
            " | when it is mended |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        seen = run.behaviour
        if seen is not None:
            cells = [run.peer, seen.touch, seen.twice, seen.data, seen.broken, seen.mended]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def versions(results: Results) -> str:
    """Return what was compared."""
    remarks = {peer.name: peer.remark for peer in peers.PEERS}
    return "\n".join(
        f"- {name} {version}{f': {remarks[name]}' if remarks.get(name) else ''}"
        for name, version in results.versions.items()
    )


def failures(results: Results) -> list[str]:
    """Return what could not be measured, and why."""
    lines = [
        f"- {title(run.project)}, {run.peer}: {run.error}" for run in results.runs if run.error
    ]
    return ["## Not measured", "\n".join(lines)] if lines else []


def curves(results: Results) -> list[plot.Curve]:
    """Return the times over the size of the generated projects, a curve for each reloader."""
    found: dict[str, plot.Curve] = {}
    for run in results.runs:
        kind, _, size = run.project.partition(":")
        if kind != "generated":
            continue
        for edit in run.samples:
            middle = run.median(edit)
            # The others import everything, whatever was edited: one curve says it.
            if middle is not None and (run.peer == peers.OWN or edit == "late module"):
                name = f"{run.peer}: {edit}" if run.peer == peers.OWN else run.peer
                curve = found.setdefault(name, plot.Curve(name, own=run.peer == peers.OWN))
                curve.points.append((int(size), middle))
    return list(found.values())
