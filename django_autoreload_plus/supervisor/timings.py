"""The stages of one save, from the file event to new code that answers."""

from __future__ import annotations

import time

from ..records import dataclass, field

#: The stage of a program that is no server, which is noted a little later.
STARTED = "started"


@dataclass
class ReloadTimings:
    """When each stage was reached, in seconds of the monotonic clock."""

    began: float = field(default_factory=time.monotonic)
    marks: list[tuple[str, float]] = field(default_factory=list)

    def mark(self, stage: str) -> None:
        """The save has come to this stage; only the first time counts."""
        if stage not in (name for name, _ in self.marks):
            self.marks.append((stage, time.monotonic()))

    def keep(self, count: int) -> None:
        """Forget the stages after the first ``count``: the start is repeated."""
        del self.marks[count:]

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or until the program began its work."""
        return dict(self.marks).get(STARTED, time.monotonic()) - self.began

    def __str__(self) -> str:
        return " · ".join(f"{name} {(at - self.began) * 1000:.1f}" for name, at in self.marks)
