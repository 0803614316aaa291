"""The measurements as a table to read."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from samples import Page, Run, Sample

#: Milliseconds; above, a fraction is noise.
PRECISE_BELOW = 100


def median(samples: Iterable[Sample]) -> float | None:
    """Return the median in seconds; ``None`` when an answer never came."""
    seconds = [sample.seconds for sample in samples]
    known = [one for one in seconds if one is not None]
    return statistics.median(known) if known and len(known) == len(seconds) else None


def describe(samples: list[Sample]) -> str:
    """Return the samples in one line."""
    middle = median(samples)
    parts = ["missed" if middle is None else milliseconds(middle)]
    seconds = [sample.seconds for sample in samples if sample.seconds is not None]
    if seconds:
        parts.append(f"({milliseconds(min(seconds))} to {milliseconds(max(seconds))})")
    for what, number in (
        ("failed connections", sum(sample.failures for sample in samples)),
        ("old answers", sum(sample.stale for sample in samples)),
    ):
        if number:
            parts.append(f"{number} {what}")
    return " ".join(parts)


def milliseconds(seconds: float) -> str:
    """Return a duration for the eye."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < PRECISE_BELOW else f"{value:,.0f} ms"


def markdown(runs: list[Run], machine: str, repeat: int) -> str:
    """Return all runs, a table for each project."""
    parts = [f"Medians of {repeat}, {machine}.\n"]
    for project in dict.fromkeys(run.project for run in runs):
        own = [run for run in runs if run.project == project]
        pages = [f"{describe_page(run.page)}  " for run in own if run.page is not None]
        parts += [f"## {project}\n", times(own), "", *pages, memory(own), ""]
    return "\n".join(parts)


def describe_page(page: Page) -> str:
    """Return how the first request after a swap compares with those that follow it."""
    first, steady = statistics.median(page.first), statistics.median(page.steady)
    return (
        f"First {page.path} after a swap: {milliseconds(first)}, {first / steady:.2f} times "
        f"the steady one ({milliseconds(steady)})"
    )


def times(runs: list[Run]) -> str:
    """Return a line for each kind of edit and a column for each reloader, ratios to the first."""
    lines = [
        f"| edit | {' | '.join(run.reloader for run in runs)} |",
        f"|---|{'---:|' * len(runs)}",
        f"| start | {' | '.join(milliseconds(run.start) for run in runs)} |",
    ]
    for name in dict.fromkeys(name for run in runs for name in run.samples):
        medians = [median(run.samples.get(name, [])) for run in runs]
        cells = [cell(value, medians[0]) for value in medians]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for title, attribute in (
        ("failed connections", "failures"),
        ("answers by old code after the save", "stale"),
    ):
        counts = [
            sum(getattr(one, attribute) for samples in run.samples.values() for one in samples)
            for run in runs
        ]
        lines.append(f"| {title} | {' | '.join(map(str, counts))} |")
    lines += [f"\n{run.reloader} was ended: {run.error}" for run in runs if run.error]
    return "\n".join(lines)


def cell(value: float | None, base: float | None) -> str:
    """Return a median, and how many times faster than the first column it is."""
    if value is None:
        return "missed"
    if base is None or base == value:
        return milliseconds(value)
    return f"{milliseconds(value)} ({base / value:.1f}x)"


def memory(runs: list[Run]) -> str:
    """Return the proportional memory of every process."""
    lines = []
    for run in runs:
        sizes = ", ".join(f"{size:.1f}" for _, size in run.memory)
        total = sum(size for _, size in run.memory)
        lines.append(f"Memory (PSS), {run.reloader}: {total:.1f} MiB ({sizes})  ")
    return "\n".join(lines)
