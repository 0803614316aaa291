"""The way of one save, from the file event to new code that answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Journey:
    """When each station was reached, in seconds of the monotonic clock."""

    began: float = field(default_factory=time.monotonic)
    marks: list[tuple[str, float]] = field(default_factory=list)

    def mark(self, station: str) -> None:
        """The save has come to this station; passing it again counts no more."""
        if station not in (name for name, _ in self.marks):
            self.marks.append((station, time.monotonic()))

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self.began

    def __str__(self) -> str:
        return " · ".join(f"{name} {(at - self.began) * 1000:.1f}" for name, at in self.marks)
