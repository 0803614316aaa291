"""Makes the report of a program."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocol.launch import Launch
from ..protocol.messages import SETTINGS
from ..records import replace
from .advice import advice
from .analysis import Report, analyse
from .preload import candidates
from .start import measure


def make(launch: Launch, environment: Mapping[str, str]) -> Report:
    """Start the program once, and try its libraries. Raises :class:`.start.ReportError`."""
    report = analyse(measure(launch, environment), launch.entry.words())
    begin = next((point.at for point in report.stops if point.label == SETTINGS), 0.0)
    tried = candidates(report, launch.entry.flags, environment, begin)
    report = replace(report, candidates=tuple(tried))
    return replace(report, advice=tuple(advice(report)))
