"""What a measured start says: imports by their kind, the cost of edits, and advice.

All times are seconds.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence

from ..own_code import OwnCode, is_of_interpreter, looks_own
from ..paths import working_directory
from ..protocol import messages as m
from ..protocol.command_line import package_root
from ..protocol.measured import Import, Point
from ..records import dataclass
from ..swap import support
from .start import MeasuredStart

#: The kinds of modules: the project's own, installed ones, those of Python itself, and names
#: that were looked for and gave no module.
OWN, LIBRARY, STANDARD, MISSING = "own", "library", "standard", "missing"
#: The way of an edit for which there is no copy.
COMPLETE = "a complete start"


@dataclass(frozen=True)
class Module:
    """An import, with what belongs to it alone."""

    name: str
    kind: str
    begin: float
    end: float
    #: Without the imports in the middle of it.
    own_time: float
    #: The index of the import around it in the sequence; -1: none.
    parent: int
    depth: int
    path: str
    importer: str
    line: int
    failed: bool

    @property
    def time(self) -> float:
        """With the imports in the middle of it."""
        return self.end - self.begin

    @property
    def package(self) -> str:
        """The name of its outermost package."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class EditCost:
    """What an edit of a file costs, if not all of it can be exchanged in the loaded program."""

    path: str
    #: The name of the module; ``""``: it is read as data.
    module: str
    #: The label of the copy from which the first edit goes on, or :data:`COMPLETE`.
    copy: str
    #: The import time from there on, for the first edit and for those that follow it.
    first: float
    again: float


@dataclass(frozen=True)
class Package:
    """The modules of one outermost package together."""

    name: str
    kind: str
    count: int
    #: The sum of what belongs to each of its modules alone.
    time: float


@dataclass(frozen=True)
class Candidate:
    """A library that can be imported before anything of the project."""

    name: str
    #: Import time that a reload from before the settings would no longer take.
    saves: float


@dataclass(frozen=True)
class Advice:
    """What to look at, in words."""

    title: str
    text: str


@dataclass(frozen=True)
class Report:
    """Everything that is told about one start."""

    command: tuple[str, ...]
    folder: str
    python: str
    #: Until the program began: the interpreter, and the reloader's own part.
    boot: float
    #: From there until everything was loaded.
    total: float
    modules: tuple[Module, ...]
    #: Where copies were taken, or could not be; by this name they are in the JSON.
    stops: tuple[Point, ...]
    edits: tuple[EditCost, ...]
    #: Why changed function bodies are not exchanged; ``""``: they are.
    no_swaps: str
    candidates: tuple[Candidate, ...] = ()
    advice: tuple[Advice, ...] = ()

    @property
    def outside(self) -> float:
        """The time that was spent in no import."""
        return self.total - sum(one.time for one in self.modules if one.parent < 0)

    def packages(self) -> list[Package]:
        """The packages, the slowest first."""
        found: dict[tuple[str, str], list[float]] = {}
        for one in self.modules:
            if one.kind != MISSING:
                found.setdefault((one.package, one.kind), []).append(one.own_time)
        packages = [Package(*key, len(times), sum(times)) for key, times in found.items()]
        return sorted(packages, key=lambda package: -package.time)

    def time_of(self, kind: str) -> float:
        """The time that belongs to the modules of a kind alone."""
        return sum(one.own_time for one in self.modules if one.kind == kind)


def analyse(start: MeasuredStart, command: Sequence[str]) -> Report:
    """The report of a start, without candidates and advice."""
    measured = start.measured
    assert measured is not None
    modules = tuple(_modules(measured.imports))
    return Report(
        command=tuple(command),
        folder=working_directory(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        boot=start.boot,
        total=measured.end,
        modules=modules,
        stops=measured.points,
        edits=tuple(_edits(start, measured, modules)),
        no_swaps=_no_swaps(start, measured),
    )


def _modules(imports: Sequence[Import]) -> Iterator[Module]:
    inside = [0.0] * len(imports)
    depths: list[int] = []
    for one in imports:
        nested = one.parent >= 0
        depths.append(depths[one.parent] + 1 if nested else 0)
        if nested:
            inside[one.parent] += one.end - one.begin
    for one, within, depth in zip(imports, inside, depths, strict=True):
        yield Module(
            name=one.name,
            kind=_kind(one),
            begin=one.begin,
            end=one.end,
            own_time=max(0.0, one.end - one.begin - within),
            parent=one.parent,
            depth=depth,
            path=one.path,
            importer=one.importer,
            line=one.line,
            failed=one.failed,
        )


def _kind(one: Import) -> str:
    if not one.path:
        return MISSING if one.failed else STANDARD
    if is_of_interpreter(one.path):
        return STANDARD
    return OWN if is_own(one.path) else LIBRARY


def is_own(path: str) -> bool:
    """Whether a file is the project's own, wherever it lies."""
    return looks_own(path) and not path.startswith(package_root())


def _edits(
    start: MeasuredStart, measured: m.Measured, modules: Sequence[Module]
) -> Iterator[EditCost]:
    begins = {one.path: one for one in reversed(modules) if one.path}
    times = {point.label: point.at for point in measured.points if point.reason is None}
    # After a refusal the copy before a module that is edited again will be refused, too.
    until = min((s.at for s in measured.points if s.reason is not None), default=None)
    own = OwnCode(start.project.roots)
    for path, label in start.files.items():
        if not own.owns(path):
            continue
        first = measured.end - times[label] if label in times else start.boot + measured.end
        again, module = first, begins.get(path)
        if times and module is not None and (until is None or module.begin <= until):
            again = min(first, measured.end - module.begin)
        name = module.name if module is not None else ""
        yield EditCost(path, name, label if label in times else COMPLETE, first, again)


def _no_swaps(start: MeasuredStart, measured: m.Measured) -> str:
    if not start.options.swap:
        return 'they are switched off ("SWAP")'
    unavailable = support.unavailable()
    if unavailable is not None:
        return str(unavailable)
    ready = [point for point in measured.points if point.label == m.READY]
    if not ready:
        return "there is no copy of the loaded program"
    return "" if ready[0].reason is None else f"no copy of the loaded program: {ready[0].reason}"
