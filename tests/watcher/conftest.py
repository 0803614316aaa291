"""Watchers for tests, and proof that none of them leaves anything behind."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.options import Options
from django_autoreload_plus.watcher import watcher as watcher_module
from django_autoreload_plus.watcher.backends.polling import PollingBackend
from django_autoreload_plus.watcher.backends.watchdog import WatchdogBackend
from watcher.noticing import Noticed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_autoreload_plus.watcher.backends.interface import Backend


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project directory, its path free of links."""
    directory = tmp_path.resolve() / "project"
    directory.mkdir()
    return directory


@pytest.fixture
def make_noticed(root: Path) -> Iterator[Callable[..., Noticed]]:
    """Return a factory of watchers that are stopped, and checked for leaks, at the end."""
    made: list[Noticed] = []
    threads = set(threading.enumerate())
    descriptors = _descriptors()

    def make(
        options: Options | None = None, directory: Path | None = None, *, start: bool = True
    ) -> Noticed:
        made.append(Noticed(directory or root, options, start=start))
        return made[-1]

    yield make
    for noticed in made:
        noticed.watcher.stop()
    assert set(threading.enumerate()) <= threads
    # watchdog's own observer shares one descriptor for the life of the process.
    if not any(isinstance(n.watcher._backend, WatchdogBackend) for n in made):
        assert _descriptors() <= descriptors


@pytest.fixture
def noticed(make_noticed: Callable[..., Noticed]) -> Noticed:
    """Return a watcher with the events of this platform and no safety net to help."""
    return make_noticed(Options(safety_interval=3600.0))


@pytest.fixture(params=["native", "polling"])
def noticed_either_way(
    request: pytest.FixtureRequest, make_noticed: Callable[..., Noticed]
) -> Noticed:
    """Return a watcher with events and no safety net, and one that only scans."""
    if request.param == "polling":
        return make_noticed(Options(polling=True, poll_interval=0.03))
    return make_noticed(Options(safety_interval=3600.0))


@pytest.fixture(params=["native", "observed", "deaf", "polling"])
def on_every_backend(
    request: pytest.FixtureRequest,
    make_noticed: Callable[..., Noticed],
    monkeypatch: pytest.MonkeyPatch,
) -> Noticed:
    """Return a watcher on each backend there is.

    One is "deaf": the platform's own, but without events. Not for directories that come and
    go: on Linux, where watchdog's observer stands in for the one of other systems, its own
    recursion loses such events.
    """
    if request.param == "polling":
        return make_noticed(Options(polling=True, poll_interval=0.03))
    if request.param != "native":

        def stand_in(*, polling: bool, roots: tuple[str, ...]) -> Backend:
            assert not polling
            return WatchdogBackend(roots) if request.param == "observed" else PollingBackend()

        monkeypatch.setattr(watcher_module, "make_backend", stand_in)
    return make_noticed(Options(safety_interval=3600.0, poll_interval=0.03))


def _descriptors() -> set[str]:
    if not sys.platform.startswith("linux"):
        return set()
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "inotify" in str(entry.readlink()):
                found.add(entry.name)
    return found
