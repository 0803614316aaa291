"""One reloader that serves one project, and single edits of it."""

from __future__ import annotations

import contextlib
import http.client
import random
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import peers
import projects
import reload
from harness import DevServer, fetch
from reload import PAGE, shows
from samples import Sample

if TYPE_CHECKING:
    from typing_extensions import Self

    from comparison import Run
    from peers import Environment, Peer
    from reload import Edit

#: A peer has so many times the time of its start for an edit, and at least so many seconds;
#: then the edit counts as one that it never shows.
PATIENCE = (3.0, 5.0)
#: So many edits of one kind that are never shown are enough to know.
MISSES = 2
STARTS_WITHIN = 90.0
#: Between two edits, in seconds, as a developer saves.
REST = (0.4, 0.6)
#: And this part of the time that the start or reload before it took, at most so many seconds: who
#: waited longer reads longer, and what a reloader does after a start is done by then.
LONGER, LONGEST = 0.2, 2.0
#: A peer that polls gets up to a period more, so that edits come at any phase of it.
PERIOD = 1.0
#: Between two looks at the clock, in seconds.
TICK = 0.005


class Session:
    """One peer that serves one project, started again where an edit has left it useless."""

    def __init__(self, peer: Peer, environment: Environment, run: Run) -> None:
        self.peer = peer
        self.project = environment.project
        self.run = run
        self._stack = contextlib.ExitStack()
        self.server: DevServer

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        projects.write_probe(self.project)

    def start(self) -> None:
        """Start, and await the first answer."""
        self._stack.close()
        self.server = DevServer(
            Path(self.project.site),
            command=peers.command_of(self.peer, self.project),
            env=peers.variables(self.peer, self.project),
        )
        self.server.prints_at_end = False
        began = time.perf_counter()
        self._stack.enter_context(self.server)
        self.server.wait_for(PAGE, timeout=STARTS_WITHIN)
        self.run.starts.append(time.perf_counter() - began)
        self.rest(after=self.run.starts[-1])

    @property
    def patience(self) -> float:
        """How long an edit may take, in seconds."""
        times, least = PATIENCE
        return max(least, times * self.run.starts[0])

    def rest(self, after: float = 0.0) -> None:
        """Let the server come to rest as between two saves; ``after`` seconds until it answered."""
        seconds = random.uniform(*REST) + self.peer.settles + min(after * LONGER, LONGEST)
        if self.peer.polls:
            seconds += random.uniform(0, PERIOD)
        time.sleep(seconds)

    def page(self) -> str:
        """Return the page, as soon as there is one."""
        return self.server.wait_for(PAGE, timeout=self.patience).text

    def asks(self) -> str | None:
        """Return one answer; ``None`` if there is none."""
        try:
            return fetch(self.server.port, PAGE, timeout=self.patience).text
        except (OSError, http.client.HTTPException):
            return None


def measure_edit(session: Session, edit: Edit, repeat: int) -> list[Sample]:
    """Measure one kind of edit; after a miss the server starts again, after two that is all."""
    samples: list[Sample] = []
    missed = 0
    while len(samples) - missed < repeat and missed < MISSES:
        sample = measure_once(session, edit)
        samples.append(sample)
        if sample.seconds is None:
            missed += 1
            session.start()
        else:
            session.rest(after=sample.seconds)
    return samples


def measure_once(session: Session, edit: Edit) -> Sample:
    """Write the edit and ask until the page shows it, or patience is over."""
    stamp = write(session, edit)
    written = time.perf_counter()
    sample = Sample(None, 0, 0)
    while time.perf_counter() - written < session.patience:
        text = session.asks()
        if text is None:
            sample.failures += 1
        elif shows(text, edit.stamp, stamp):
            sample.seconds = time.perf_counter() - written
            break
        else:
            sample.stale += 1
        time.sleep(reload.PAUSE)
    return sample


def write(session: Session, edit: Edit, *, hurried: bool = False) -> str:
    """Write the edit over the one before, and return its stamp, a number that grows."""
    path = reload.place(session.project, edit)
    if not hurried:
        await_second_after(path)
    stamp = str(time.time_ns())
    before, after = edit.text.split("{stamp}")
    head, found, rest = path.read_text(encoding="utf-8").partition(before)
    assert found, f"{before!r} is not in {path}"
    text = f"{head}{before}{stamp}{after}{rest.partition(after)[2]}"
    path.write_text(text, encoding="utf-8")
    return stamp


def await_second_after(path: Path) -> None:
    """Return in a later second than that in which the file was written.

    Python trusts the bytecode of a source of the same size and second. What a reloader makes of two
    such saves is looked at for itself, see ``behaviour.py``.
    """
    while int(time.time()) <= int(path.stat().st_mtime):
        time.sleep(TICK)


def shown(page: str | None, edit: Edit) -> int | None:
    """Return the stamp that the page shows; ``None``: it is not that page."""
    found = re.search(rf"^{edit.stamp}=(\d+);", page or "", re.MULTILINE)
    return int(found[1]) if found else None
