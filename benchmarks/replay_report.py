"""Tables of what became of replayed hunks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hunks import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Ways to new code that serves; what has another outcome is counted, but has no share.
WAYS = ("swap", "copy", "start", "taken")
PERCENTILES = (50, 90, 99)

Result = Mapping[str, Any]
Hunk = Mapping[str, Any]


def table(results: Sequence[Result]) -> str:
    """Everything as Markdown."""
    parts = [
        "## Share of hunks exchanged, by kind of edit",
        *_shares(results),
        "## What became of the hunks",
        *_outcomes(results),
        "## Milliseconds from the event to the new code",
        *_latencies(results),
        "## Why hunks were imported again",
        *_reasons(results),
    ]
    return "\n".join(parts) + "\n"


def taken(result: Result) -> list[Hunk]:
    """The hunks that led to new code that serves."""
    return [hunk for hunk in result["hunks"] if hunk["way"] in WAYS]


def _shares(results: Sequence[Result]) -> Iterator[str]:
    yield from _head("kind of edit", results)
    for kind in KINDS:
        cells = []
        for result in results:
            hunks = [hunk for hunk in taken(result) if hunk["kind"] == kind]
            cells.append(_part(sum(hunk["way"] == "swap" for hunk in hunks), len(hunks)))
        yield _row(kind, cells)
    yield _row("**all**", [_exchanged(taken(result)) for result in results])
    yield ""


def _exchanged(hunks: Sequence[Hunk]) -> str:
    swapped = sum(hunk["way"] == "swap" for hunk in hunks)
    share = 100 * swapped / max(1, len(hunks))
    return f"**{share:.0f} %** ({_part(swapped, len(hunks))})"


def _outcomes(results: Sequence[Result]) -> Iterator[str]:
    yield from _head("", results)
    counts = [Counter(hunk["way"] for hunk in result["hunks"]) for result in results]
    names = [*WAYS, *sorted({name for count in counts for name in count} - {*WAYS})]
    for name in names:
        yield _row(name, [count[name] for count in counts])
    every = [result["hunks"] for result in results]
    rows = {
        "answered with an error": lambda hunk: hunk["answer"] >= 500,
        "other code than on the disk": lambda hunk: hunk["stale"],
        "compared with a fresh start": lambda hunk: hunk["differences"] is not None,
        "of those, swapped": lambda hunk: hunk["differences"] is not None and hunk["way"] == "swap",
        "different from it": lambda hunk: hunk["differences"],
    }
    for name, condition in rows.items():
        yield _row(name, [sum(map(bool, map(condition, hunks))) for hunks in every])
    yield ""


def _latencies(results: Sequence[Result]) -> Iterator[str]:
    yield f"{' · '.join(f'{one} %' for one in PERCENTILES)} of the hunks took at most"
    yield ""
    yield from _head("way", results)
    for way in WAYS:
        cells = []
        for result in results:
            times = sorted(hunk["milliseconds"] for hunk in taken(result) if hunk["way"] == way)
            cells.append(" · ".join(_percentiles(times)))
        if any(cells):
            yield _row(way, cells)
    yield ""


def _percentiles(times: Sequence[float]) -> Iterator[str]:
    for percentile in PERCENTILES if times else ():
        yield f"{times[min(len(times) - 1, len(times) * percentile // 100)]:.0f}"


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    yield "Every hunk counts once for each of its codes."
    yield ""
    yield from _head("code", results)
    counts = [Counter(codes(taken(result))) for result in results]
    total = sum(counts, Counter())
    for code, _ in total.most_common():
        yield _row(code, [count[code] for count in counts])
    yield ""


def codes(hunks: Iterable[Hunk]) -> Iterator[str]:
    """The codes of the reasons of each hunk that was imported again."""
    for hunk in hunks:
        if hunk["way"] != "swap":
            yield from {reason["code"] for reason in hunk["reasons"]} or {"none"}


def _head(first: str, results: Sequence[Result]) -> Iterator[str]:
    yield _row(first, [f"{result['project']}, {result['version']}" for result in results])
    yield _row("---", ["---:"] * len(results))


def _row(first: str, cells: Iterable[object]) -> str:
    return f"| {first} | {' | '.join(map(str, cells))} |"


def _part(number: int, whole: int) -> str:
    return f"{number} of {whole}" if whole else "none"
