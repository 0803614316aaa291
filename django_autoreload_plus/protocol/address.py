"""Where a server listens."""

from __future__ import annotations

from ..records import dataclass


@dataclass(frozen=True)
class Address:
    """A TCP address as the program has asked for it: the host may be a name, or empty."""

    host: str
    port: int
    ipv6: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
