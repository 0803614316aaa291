"""The last reloads, each with its outcome and the reasons for how it was made."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from typing import Literal

from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from ..records import dataclass, replace
from .child import START, Child

#: So many reloads are kept.
_MOST = 50

Outcome = Literal["live", "broken", "unchanged"]
#: Function bodies exchanged; resumed from a checkpoint; started afresh; taken by the running
#: program; ``""``: nothing was started.
Way = Literal["swap", "copy", "start", "taken", ""]


@dataclass(frozen=True)
class Reload:
    """One decision about files that may have changed."""

    #: Absolute paths; none where the program itself asked.
    files: tuple[str, ...]
    outcome: Outcome
    way: Way = ""
    #: The label of the checkpoint; ``""``: none was used.
    origin: str = ""
    #: From the first file event to the outcome.
    seconds: float = 0.0
    reasons: tuple[Reason, ...] = ()
    #: What a swap has exchanged, in words.
    exchanged: tuple[str, ...] = ()
    #: Of the outcome, in seconds of the system's clock.
    time: float = 0.0


class History:
    """The last reloads, and the failure that lasts. Seconds are those since the first event."""

    def __init__(self) -> None:
        self.reloads: deque[Reload] = deque(maxlen=_MOST)
        self.failure: Failure | None = None
        #: The child of the start under way.
        self._attempt: Child | None = None
        #: For the decision under way; in order.
        self._reasons: dict[Reason, None] = {}

    def explain(self, reason: Reason) -> None:
        """Note a reason for what is being decided."""
        self._reasons[reason] = None

    def start(self) -> None:
        """A start begins: the reasons of the one before it do not matter any more."""
        self._reasons = {reason: None for reason in self._reasons if not _is_about_way(reason)}

    def started(self, child: Child) -> None:
        """This is the child that has been started."""
        self._attempt = child

    def abandoned(self, child: Child | None) -> None:
        """A start is given up; one that has failed remains the one that failed."""
        if child is not None and child is self._attempt and not child.explained:
            self._attempt = None

    def live(self, files: Collection[str], seconds: float, *, first: bool) -> None:
        """New code serves; ``first``: for the first time, which is no reload."""
        self.failure = None
        if first:
            self._reasons.clear()
        else:
            self._add(self._outcome("live", files, seconds))
        self._attempt = None

    def broken(self, failure: Failure, files: Collection[str], seconds: float) -> None:
        """The code on the disk cannot start, or what was live has failed after all."""
        self.failure = failure
        reload = self._outcome("broken", files, seconds)
        if not reload.files and not reload.way and self.reloads:
            # Its checks, which came after it was live.
            last = self.reloads[-1]
            reload = replace(reload, files=last.files, way=last.way, origin=last.origin)
        self._add(reload)

    def taken(self, files: Collection[str], seconds: float) -> None:
        """The running program has taken these changes."""
        self.explain(Reason("AP312", "the running program took the change"))
        self._add(Reload(tuple(sorted(files)), "live", "taken", "", seconds))

    def undone(self, files: Collection[str], seconds: float) -> None:
        """The live child goes on: the disk is again what it was made from."""
        self.failure = None
        self.explain(Reason("AP311", "the disk is what the last good process was made from"))
        self._add(Reload(tuple(sorted(files)), "live", "", "", seconds))
        self._attempt = None

    def unchanged(self, files: Collection[str], seconds: float) -> None:
        """Nothing had changed; another decision may still be under way."""
        reason = Reason("AP310", "what is on the disk is what was loaded")
        self._keep(Reload(tuple(sorted(files)), "unchanged", "", "", seconds, (reason,)))

    def _outcome(self, outcome: Outcome, files: Collection[str], seconds: float) -> Reload:
        way: Way = ""
        origin, child = "", self._attempt
        if child is not None:
            # Where the copy has not loaded what changed, or has it so, nothing is exchanged.
            way = "start" if child.origin == START else "swap" if child.exchanged else "copy"
            origin = "" if way == "start" else child.origin
        exchanged = child.exchanged if child is not None else ()
        return Reload(tuple(sorted(files)), outcome, way, origin, seconds, exchanged=exchanged)

    def _add(self, reload: Reload) -> None:
        """The decision under way has come to its end."""
        is_fast = reload.way in ("swap", "taken", "")
        reasons = tuple(r for r in self._reasons if not (is_fast and _is_about_way(r)))
        self._reasons.clear()
        self._keep(replace(reload, reasons=reasons))

    def _keep(self, reload: Reload) -> None:
        self.reloads.append(replace(reload, time=time.time()))


def _is_about_way(reason: Reason) -> bool:
    """Whether it says why a faster way could not be taken."""
    return reason.code.startswith(("AP1", "AP2"))
