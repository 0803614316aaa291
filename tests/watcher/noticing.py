"""A watcher under test, what it reports, and waits with a deadline."""

from __future__ import annotations

import os
import queue
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.options import Options
from django_autoreload_plus.watcher import Targets, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

#: Seconds; only a failing test ever waits so long.
DEADLINE = 30.0


def as_ordinary_user() -> list[str]:
    """Return what to put before a command so that permissions bind it, for root too."""
    if os.name != "posix" or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root, and no setpriv to give up root's privileges")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that has no event of its own."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {DEADLINE:g} s"
        time.sleep(0.002)


class Noticed:
    """Watches a directory and collects what is reported."""

    def __init__(self, root: Path, options: Options | None = None, *, start: bool = True) -> None:
        self.root = root
        self.warnings: list[str] = []
        self._reports: queue.SimpleQueue[frozenset[str]] = queue.SimpleQueue()
        self.watcher = Watcher(
            self._reports.put, options or Options(), warn=self.warnings.append, roots=[str(root)]
        )
        self.sentinel = root / "sentinel.py"
        self.sentinel.write_text("first\n")
        if start:
            self.watcher.start()

    def watch(
        self,
        *files: Path,
        missing: Iterable[Path] = (),
        globs: Iterable[tuple[Path, str]] = (),
        written: Iterable[Path] = (),
    ) -> None:
        """Watch these, and the sentinel."""
        self.watcher.watch(
            Targets(
                files=frozenset(map(str, (*files, self.sentinel))),
                missing=frozenset(map(str, missing)),
                globs=frozenset((str(base), pattern) for base, pattern in globs),
                written=frozenset(map(str, written)),
            )
        )

    def until(self, *paths: Path) -> set[str]:
        """Wait until every one of ``paths`` was reported; return all that was."""
        wanted = set(map(str, paths))
        seen: set[str] = set()
        end = time.monotonic() + DEADLINE
        while not wanted <= seen:
            try:
                seen |= self._reports.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                lost = ", ".join(sorted(wanted - seen))
                raise AssertionError(f"never noticed: {lost}; but {sorted(seen)}") from None
        return seen

    def everything_until_quiet(self) -> set[str]:
        """Return all that what happened so far leads to.

        The sentinel is written after it, so its report comes after those of
        finished writes; reports that are held back are then waited for.
        """
        self.sentinel.write_text(f"{time.monotonic_ns()}\n")
        seen = self.until(self.sentinel)
        wait_until(lambda: not self.watcher._debouncer.held(), "the end of every hold")
        self.sentinel.write_text(f"{time.monotonic_ns()}\n")
        seen |= self.until(self.sentinel)
        return seen - {str(self.sentinel)}

    def reports(self) -> list[frozenset[str]]:
        """Take the reports that have come so far."""
        result = []
        while not self._reports.empty():
            result.append(self._reports.get())
        return result
