"""What the measurements of reloads have found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Sample:
    """One edit and what a client saw of it."""

    #: Seconds from the finished write to the complete answer; ``None``: never came.
    seconds: float | None
    #: Connections refused, reset or cut off meanwhile.
    failures: int
    #: Answers by the old code meanwhile.
    stale: int


@dataclass
class Page:
    """Requests for a real page of the project; seconds."""

    path: str
    #: The first one after each swap.
    first: list[float] = field(default_factory=list)
    #: Those that followed it.
    steady: list[float] = field(default_factory=list)


@dataclass
class Run:
    """All samples of one reloader on one project."""

    project: str
    reloader: str
    start: float = 0.0
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    page: Page | None = None
    #: Proportional memory (PSS) in MiB of each process at the end, by its command.
    memory: list[tuple[str, float]] = field(default_factory=list)
    error: str = ""
