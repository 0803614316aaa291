"""Advice in words: what costs time at many edits, and what could be done about it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..protocol.messages import APPS, SETTINGS, SETUP
from .analysis import LIBRARY, OWN, Advice, Module, Report

#: Time that is worth a word: seconds, and a part of all the import time.
_HEAVY = 0.03
_HEAVY_PART = 0.05
#: A module of the project comes early if this part of the import time follows it in libraries.
_MUCH_AFTER = 0.2
_MOST = 3


def advice(report: Report) -> list[Advice]:
    """What this report gives occasion to say, the most important first."""
    return [
        *_refusals(report),
        *_heavy_in_settings(report),
        *_early(report),
        *_slow_alone(report),
        *_candidates(report),
    ]


def milliseconds(seconds: float) -> str:
    """A time for readers."""
    return f"{seconds * 1000:,.0f} ms" if seconds >= 0.0095 else f"{seconds * 1000:.1f} ms"


def _heavy(report: Report) -> float:
    return max(_HEAVY, _HEAVY_PART * report.total)


def _refusals(report: Report) -> Iterator[Advice]:
    refused = [point for point in report.stops if point.reason is not None]
    if refused:
        first = refused[0]
        yield Advice(
            "No copies from some point on",
            f"At {milliseconds(first.at)} ({first.label}) no copy could be taken: {first.reason}. "
            "Edits of what comes later import everything since the copy before it.",
        )


def _heavy_in_settings(report: Report) -> Iterator[Advice]:
    times = {point.label: point.at for point in report.stops}
    begin = times.get(SETTINGS)
    # Where a copy was due for the time that had passed, the settings need not be complete.
    steps = [point.at for point in report.stops if not point.label.startswith("at ")]
    after = [at for at in steps if begin is not None and at > begin]
    if begin is None or not after:
        return
    for one in _outermost(report, begin, min(after))[:_MOST]:
        where = f"{_short(report, one.importer)}:{one.line}"
        yield Advice(
            f"The settings import {one.name}",
            f"It takes {milliseconds(one.time)} ({where}), before anything else of the project can "
            "begin: at each start, and at each edit of the settings. Import it where it is used.",
        )


def _outermost(report: Report, begin: float, end: float) -> list[Module]:
    """The heavy libraries that code of the project imports in this time, the heaviest first."""
    found = [
        one
        for one in report.modules
        if one.kind == LIBRARY
        and begin <= one.begin < end
        and one.time >= _heavy(report)
        and one.importer in {module.path for module in report.modules if module.kind == OWN}
    ]
    return sorted(found, key=lambda one: -one.time)


def _early(report: Report) -> Iterator[Advice]:
    times = {point.label: point.at for point in report.stops}
    begin, end = times.get(APPS), times.get(SETUP)
    if begin is None or end is None:
        return
    early = [one for one in report.modules if one.kind == OWN and begin <= one.begin < end]
    if not early:
        return
    first = early[0]
    after = sum(
        one.own_time
        for one in report.modules
        if one.kind == LIBRARY and first.end < one.begin < end
    )
    if after < _MUCH_AFTER * report.total or after < _heavy(report):
        return
    yield Advice(
        f"{first.package} comes before the libraries",
        f"After {first.name} ({_short(report, first.path)}), {milliseconds(after)} of libraries "
        "are imported while the apps are set up, and again at edits of that module. Where the "
        "order does not matter to you, list your own apps after those of others.",
    )


def _slow_alone(report: Report) -> Iterator[Advice]:
    slow = [one for one in report.modules if one.kind == OWN and one.own_time >= 2 * _heavy(report)]
    for one in sorted(slow, key=lambda module: -module.own_time)[:_MOST]:
        yield Advice(
            f"{one.name} takes long by itself",
            f"{milliseconds(one.own_time)} without what it imports ({_short(report, one.path)}). "
            "Work done while importing is repeated at many edits; do it when it is needed.",
        )


def _candidates(report: Report) -> Iterator[Advice]:
    worth = [one for one in report.candidates if one.saves >= _heavy(report)][:_MOST]
    if worth:
        yield Advice(
            "Libraries that could be imported first",
            f'"PRELOAD": {_list([one.name for one in worth])} would save '
            f"{milliseconds(sum(one.saves for one in worth))} at each edit of the settings and of "
            "what is imported early. Its price: the order of imports changes.",
        )


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _short(report: Report, path: str) -> str:
    return path.removeprefix(os.path.join(report.folder, ""))
