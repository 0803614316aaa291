"""What clients meet that ask all the time, and what a reloader costs while nothing happens."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import reload
import session as sessions
from comparison import Counts
from django_autoreload_plus.protocol.memory import proportional_memory
from idle import used

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from reload import Edit
    from session import Session

CLIENTS = 2
#: Seconds between two requests of a client.
BETWEEN_REQUESTS = 0.005
EDITS_UNDER_LOAD = 2
#: What an edit leaves to be done in the background is done by then, in seconds.
SETTLED = 3.0
#: How long processor time is measured, in seconds: some periods of what polls.
IDLE = 3.0
#: How long the load of others is looked at, in seconds.
LOOK = 0.5


class Load:
    """Requests from two threads while edits are made, and what they were answered.

    An answer is old if it shows a lower stamp than was saved when the request began.
    """

    def __init__(self, session: Session, edit: Edit) -> None:
        self.counts = Counts()
        self.saved = 0
        self.seen = 0
        self._session = session
        self._edit = edit
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._workers = [threading.Thread(target=self._work) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join()

    def save(self) -> bool:
        """Make the next edit, wait until it is seen or patience is over, and tell which."""
        self.saved = int(sessions.write(self._session, self._edit))
        deadline = time.monotonic() + self._session.patience
        while self.seen < self.saved and time.monotonic() < deadline:
            time.sleep(reload.PAUSE)
        return self.seen >= self.saved

    def _work(self) -> None:
        while not self._stop.wait(BETWEEN_REQUESTS):
            saved = self.saved
            text = self._session.asks()
            shown = sessions.shown(text, self._edit)
            with self._lock:
                self.counts.requests += 1
                self.counts.failed += text is None
                self.counts.wrong += text is not None and shown is None
                self.counts.old += shown is not None and shown < saved
                self.seen = max(self.seen, shown or 0)


def measure_under_load(session: Session, edit: Edit) -> None:
    """Count what clients meet that ask all the time while a module is edited."""
    with Load(session, edit) as load:
        for _ in range(EDITS_UNDER_LOAD):
            if not load.save():
                break
            session.rest()
    session.run.load = load.counts


def measure_at_rest(session: Session) -> None:
    """Measure processor time, memory and watches while nothing happens."""
    run, server = session.run, session.server
    server.wait_for(reload.PAGE, timeout=sessions.STARTS_WITHIN)
    time.sleep(SETTLED)
    before, began = used(server), time.monotonic()
    time.sleep(IDLE)
    after, elapsed = used(server), time.monotonic() - began
    spent = sum(use.seconds - before[key].seconds for key, use in after.items() if key in before)
    processes = server.processes()
    run.idle = 100 * spent / elapsed
    run.memory = sum(proportional_memory(process.pid) for process in processes) / 2**20
    run.processes = len(processes)
    run.watches = watches(process.pid for process in processes)


def watches(pids: Iterable[int]) -> int:
    """Return the number of inotify watches; an instance that processes share counts once."""
    instances = set()
    for pid in pids:
        for path in Path(f"/proc/{pid}/fdinfo").glob("*"):
            with contextlib.suppress(OSError):
                lines = path.read_text(encoding="utf-8").splitlines()
                instances.add(frozenset(line for line in lines if line.startswith("inotify")))
    return sum(map(len, instances))


def foreign_load() -> float:
    """Return how many cores are busy with other work, now that nothing of this one runs."""
    before, began = busy(), time.monotonic()
    time.sleep(LOOK)
    return (busy() - before) / (time.monotonic() - began)


def busy() -> float:
    """Return the processor time that all programs have used, in seconds."""
    words = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()
    user, nice, system, _, _, irq, softirq = map(int, words[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
