"""Finds out which libraries can be imported before anything of the project: by trying."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from ..protocol.command_line import package_root
from .analysis import LIBRARY, MISSING, OWN, STANDARD, Candidate, Module, Report

#: Less than that is not worth an option: seconds, and a part of all the import time.
_WORTH = 0.01
_WORTH_PART = 0.01
#: So many imports are tried, for so many seconds together, and each for so many.
_MOST_TRIALS = 30
_MOST_TIME = 30.0
_PATIENCE = 10.0
#: As the program's own import would be: not from the working directory.
_TRIAL = "import importlib, sys; del sys.path[0]; importlib.import_module(sys.argv[1])"


def candidates(
    report: Report, flags: Sequence[str], environment: Mapping[str, str], after: float
) -> list[Candidate]:
    """The libraries with what each would save, the best first.

    Only imports that began ``after`` that time count: before it, there is a copy already.
    """
    finder = _Finder(report, [sys.executable, *flags, "-c", _TRIAL], environment)
    found = [Candidate(one.name, one.time) for one in finder.find(-1, after)]
    return sorted(found, key=lambda candidate: -candidate.saves)


class _Finder:
    def __init__(self, report: Report, command: list[str], environment: Mapping[str, str]) -> None:
        modules = self._modules = report.modules
        self._worth = max(_WORTH, _WORTH_PART * report.total)
        self._command = command
        self._environment = environment
        self._trials = _MOST_TRIALS
        self._until = time.monotonic() + _MOST_TIME
        self._nested: dict[int, list[int]] = {}
        self._mixed = [one.kind == OWN for one in modules]
        for index in reversed(range(len(modules))):
            parent = modules[index].parent
            self._nested.setdefault(parent, []).insert(0, index)
            if parent >= 0 and self._mixed[index]:
                self._mixed[parent] = True

    def find(self, parent: int, after: float) -> Iterator[Module]:
        """The outermost imports that work alone, in the order in which they came."""
        for index in self._nested.get(parent, ()):
            one = self._modules[index]
            if one.time < self._worth or one.kind == MISSING:
                continue
            if one.begin >= after and self._may_be(index) and self._works(one.name):
                yield one
            else:
                yield from self.find(index, after)

    def _may_be(self, index: int) -> bool:
        one = self._modules[index]
        if one.kind not in (LIBRARY, STANDARD) or one.path.startswith(package_root()):
            return False
        # What loads code of the project is no library.
        return not self._mixed[index]

    def _works(self, name: str) -> bool:
        if not self._trials or time.monotonic() > self._until:
            return False
        self._trials -= 1
        try:
            done = subprocess.run(
                [*self._command, name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0
