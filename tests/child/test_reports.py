"""An answer waits until the code is watched that was loaded for it, by whichever thread."""

from __future__ import annotations

import json
import os
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus.child.reports import Reports
from django_autoreload_plus.protocol.messages import Loaded, LoadedFile
from harness import DEADLINE, output_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Supervisor:
    """What is reported, and who waits."""

    def __init__(self) -> None:
        self.told: list[Loaded] = []
        self.questions: list[int] = []
        self._looked_for: list[str] = []
        tracker: Any = SimpleNamespace(collect=self._collect, lookups=lambda: self._looked_for)
        self.reports = Reports(
            tracker, self.told.append, lambda number: self.questions.append(os.dup(number))
        )

    def load(self, *names: str) -> None:
        """Let a request load these modules."""
        self._looked_for += names

    def has_watched(self) -> None:
        """Answer all that were asked."""
        while self.questions:
            os.close(self.questions.pop())

    def _collect(self, *, scan: bool) -> Loaded:  # noqa: ARG002 - as the tracker's
        names, self._looked_for[:] = [*self._looked_for], []
        return Loaded(tuple(LoadedFile(f"/{name}.py", 1, name) for name in names))


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """Return one that has heard of nothing yet."""
    # A module of nobody's is own code if it lies in no folder of installed packages.
    spec = SimpleNamespace(submodule_search_locations=None, origin="/own.py", has_location=True)
    monkeypatch.setitem(sys.modules, "own", SimpleNamespace(__spec__=spec))
    made = Supervisor()
    yield made
    made.has_watched()


def answer(supervisor: Supervisor) -> threading.Thread:
    """Begin to answer, in a thread."""
    thread = threading.Thread(target=supervisor.reports.before_answer)
    thread.start()
    return thread


def test_libraries_are_not_waited_for(supervisor: Supervisor) -> None:
    """The first page after each save would come later, for files that nobody edits."""
    supervisor.load(json.__name__)
    supervisor.reports.before_answer()
    assert (supervisor.told, supervisor.questions) == ([], [])


def test_all_threads_wait(supervisor: Supervisor) -> None:
    """An answer of another thread would be sent too early that has used the same new code."""
    supervisor.load("own")
    threads = [answer(supervisor) for _ in range(3)]
    wait_until(lambda: bool(supervisor.questions), "a question")
    assert all(thread.is_alive() for thread in threads)
    supervisor.has_watched()
    for thread in threads:
        thread.join(DEADLINE)
    assert len(supervisor.told) == 1
    supervisor.reports.before_answer()
    assert supervisor.questions == []


def test_what_was_reported_meanwhile(supervisor: Supervisor) -> None:
    """A slow request's code would not be watched when it is answered, only reported."""
    supervisor.load("own")
    supervisor.reports.report(scan=False)
    thread = answer(supervisor)
    wait_until(lambda: bool(supervisor.questions), "a question")
    assert thread.is_alive()
    supervisor.has_watched()
    thread.join(DEADLINE)
    supervisor.load("own")
    supervisor.reports.report(scan=False)
    supervisor.reports.begin_to_serve()
    supervisor.reports.before_answer()
    assert supervisor.questions == []


GREENLETS = """
import _thread, os, sys, time
from types import SimpleNamespace
from django_autoreload_plus.child.reports import Reports
from django_autoreload_plus.protocol.messages import Loaded, LoadedFile

start, sleep = _thread.start_new_thread, time.sleep
spec = SimpleNamespace(submodule_search_locations=None, origin="/own.py", has_location=True)
sys.modules["own"] = SimpleNamespace(__spec__=spec)

def answer(number):
    sleep(0.1)
    os.close(number)

def collect(scan):
    return Loaded((LoadedFile("/own.py", 1, "own"),))

tracker = SimpleNamespace(lookups=lambda: ["own"], collect=collect)
told = []
reports = Reports(tracker, told.append, lambda number: start(answer, (os.dup(number),)))
from gevent import monkey
monkey.patch_all()
import gevent
gevent.joinall([gevent.spawn(reports.before_answer) for _ in range(3)], raise_error=True)
print(len(told))
"""


def test_green_threads(tmp_path: Path) -> None:
    """One would wait for ever for another one that waits for its turn to run."""
    pytest.importorskip("gevent")
    assert output_of(GREENLETS, cwd=tmp_path) == "3\n"
