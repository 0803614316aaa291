"""The report as text for a terminal, and as data for tools."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..own_code import is_of_interpreter, package_folder
from ..protocol.command_line import package_root
from ..records import asdict
from .advice import milliseconds
from .analysis import COMPLETE, LIBRARY, MISSING, OWN, STANDARD, Report

#: Raised when a key of the data changes its meaning.
VERSION = 1
_MOST = 10
_TITLES = {OWN: "the project", LIBRARY: "libraries", STANDARD: "standard library"}


def as_data(report: Report) -> dict[str, Any]:
    """Everything, for JSON; times are seconds."""
    data = asdict(report)
    for item, module in zip(data["modules"], report.modules, strict=True):
        item["time"], item["package"] = module.time, module.package
    data["packages"] = [asdict(package) for package in report.packages()]
    return {"version": VERSION, "outside": report.outside, **data}


def as_text(report: Report) -> str:
    """A summary."""
    return "\n".join(
        [
            *_head(report),
            "",
            *_slowest(report),
            "",
            *_copies(report),
            "",
            *_edits(report),
            *_advice(report),
        ]
    )


def shorten(report: Report, path: str) -> str:
    """A path as it is best known: below the project, or where its package or library lies."""
    inside = path.removeprefix(os.path.join(report.folder, ""))
    known = package_folder(path) or _known_folder(path)
    return inside if known is None else path.removeprefix(os.path.join(known, ""))


def _known_folder(path: str) -> str | None:
    if is_of_interpreter(path):
        return os.path.dirname(os.__file__)
    return os.path.dirname(package_root()) if path.startswith(package_root()) else None


def _head(report: Report) -> Iterator[str]:
    loaded = sum(one.kind != MISSING for one in report.modules)
    yield f"{loaded:,} modules imported in {milliseconds(report.total)}"
    yield f"  {milliseconds(report.boot):>9}  before that: the interpreter, and the reloader's part"
    for kind, title in _TITLES.items():
        count = sum(one.kind == kind for one in report.modules)
        yield f"  {milliseconds(report.time_of(kind)):>9}  {title}, {count:,} modules"
    missing = sum(one.kind == MISSING for one in report.modules)
    yield f"  {milliseconds(report.time_of(MISSING)):>9}  {missing:,} names that gave no module"
    yield f"  {milliseconds(report.outside):>9}  in no import"


def _slowest(report: Report) -> Iterator[str]:
    yield "slowest imports (alone, with what they import, module, imported by)"
    for one in sorted(report.modules, key=lambda module: -module.own_time)[:_MOST]:
        alone, together = milliseconds(one.own_time), milliseconds(one.time)
        importer = f"{shorten(report, one.importer)}:{one.line}"
        yield f"  {alone:>9} {together:>9}  {one.name}  ({importer})"


def _copies(report: Report) -> Iterator[str]:
    yield "copies"
    for point in report.stops:
        taken = "" if point.reason is None else f"  not taken: {point.reason}"
        yield f"  at {milliseconds(point.at):>9}  {point.label}{taken}"
    if not report.stops:
        yield "  none"


def _edits(report: Report) -> Iterator[str]:
    if report.no_swaps:
        yield f"changed function bodies are imported again: {report.no_swaps}"
    else:
        yield "changed function bodies, and names nobody looked at, are exchanged in about 10 ms"
    yield "import time after an edit of anything else (for the first time, again, file)"
    edits = sorted(report.edits, key=lambda edit: (-edit.first, edit.path))
    for edit in edits[:_MOST]:
        where = edit.copy if edit.copy == COMPLETE else f"from the copy “{edit.copy}”"
        first, again = milliseconds(edit.first), milliseconds(edit.again)
        yield f"  {first:>9} {again:>9}  {shorten(report, edit.path)}  ({where})"
    if len(edits) > _MOST:
        yield f"  … and {len(edits) - _MOST} other files of the project"


def _advice(report: Report) -> Iterator[str]:
    for one in report.advice:
        yield f"\n{one.title}"
        yield f"  {one.text}"
