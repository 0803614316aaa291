"""A long day: many reloads in a row, and what is left of them.

    python benchmarks/soak.py [--reloads 1000] [--output FILE]

Serves a copy of the test project and edits it in turn: a function body, the module level of
a view, a comment, a model, the settings, a file that the settings read, translations. After
each edit every answer is the new one from the first on, no connection is refused, and at the
end there are no more processes, descriptors or memory than after the first tenth.

Run it with an interpreter that has Django and this package; it asks ``/proc``, so Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from catalog import write_catalog
from django_autoreload_plus.protocol.memory import private_memory
from harness import DEADLINE, DevServer, copy_project, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The state shown is that of the very process that answers.
VIEW = """
from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext, override

from teas.models import CUP

LEVEL = 0


def soak(request):
    # comment 0
    with override("de"):
        message = gettext("Good afternoon!")
    parts = [settings.SOAK, settings.SITE_NAME, CUP, LEVEL, "body 0", message]
    return HttpResponse(" | ".join(map(str, parts)))
"""
CATALOGUE = "teas/locale/de/LC_MESSAGES/django.mo"
#: A sample is taken when this part of the reloads is done, and at the end.
WARM_UP = 0.1
#: Processes come and go for a moment after each reload, in seconds.
SETTLED = 3.0


@dataclass
class Content:
    """What the files say by now, and so what every answer has to be."""

    settings: int = 0
    name: int = 0
    model: int = 0
    level: int = 0
    body: int = 0
    comment: int = 0
    message: int = 0

    def __str__(self) -> str:
        return (
            f"{self.settings} | Room {self.name} | {self.model} | {self.level} | "
            f"body {self.body} | Guten Tag {self.message}"
        )


@dataclass(frozen=True)
class Sample:
    """What a server holds at one moment; memory is in MiB, private to its processes."""

    processes: int
    descriptors: int
    supervisor: float
    together: float


@dataclass
class Report:
    """What came of it."""

    times: dict[str, list[float]] = field(default_factory=dict)
    stale: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether no answer was old and no connection failed."""
        return not self.stale and not self.failures


class Soak:
    """One server and the edits of its project."""

    def __init__(self, server: DevServer, chance: random.Random) -> None:
        self.server = server
        self.content = Content()
        self.report = Report()
        self._chance = chance
        self._edits: dict[str, Callable[[], None]] = {
            "function body": lambda: self._count("body", "soak.py", '"body {}"'),
            "module level": lambda: self._count("level", "soak.py", "LEVEL = {}\n"),
            "comment": lambda: self._count("comment", "soak.py", "# comment {}\n"),
            "model": lambda: self._count("model", "teas/models.py", "CUP = {}\n"),
            "settings": lambda: self._count("settings", "config/settings.py", "SOAK = {}\n"),
            "data file": lambda: self._count("name", "tearoom.env", "SITE_NAME=Room {}\n"),
            "translations": self._translate,
        }
        self._weights = (4, 4, 2, 1, 1, 1, 1)

    def run(self, reloads: int) -> Report:
        """Make the edits, each answered before the next."""
        self.server.wait_for("/soak/", lambda response: response.text == str(self.content))
        for number in range(reloads):
            if number == int(reloads * WARM_UP):
                self.report.samples.append(self.sample())
            (kind,) = self._chance.choices([*self._edits], self._weights)
            self._edits[kind]()
            self._ask(kind)
        self.report.samples.append(self.sample())
        return self.report

    def sample(self) -> Sample:
        """Measure when the last reload has come to rest."""
        time.sleep(SETTLED)
        processes = self.server.processes(zombies=True)
        held = [private_memory(process.pid) / 2**20 for process in processes]
        supervisor = private_memory(self.server.pid) / 2**20
        count = sum(len(os.listdir(f"/proc/{one.pid}/fd")) for one in processes)  # noqa: PTH208 - a count is enough
        return Sample(len(processes), count, supervisor, sum(held))

    def _ask(self, kind: str) -> None:
        written = time.perf_counter()
        expected = str(self.content)
        while True:
            try:
                text = self.server.get("/soak/").text
            except OSError as error:
                self.report.failures.append(f"{kind}: {error!r}")
                text = ""
            if text == expected:
                break
            self.report.stale[kind] += 1
            if time.perf_counter() - written > DEADLINE:
                raise AssertionError(f"{kind} was missed: {text[:300]} instead of {expected}")
        self.report.times.setdefault(kind, []).append(time.perf_counter() - written)

    def _count(self, name: str, path: str, pattern: str) -> None:
        number: int = getattr(self.content, name)
        setattr(self.content, name, number + 1)
        self.server.edit(path, pattern.format(number), pattern.format(number + 1))

    def _translate(self) -> None:
        self.content.message += 1
        message = f"Guten Tag {self.content.message}"
        write_catalog(self.server.path(CATALOGUE), {"Good afternoon!": message})


def prepare(project: Path) -> Path:
    """Add what is edited to a copy of the test project."""
    (project / "soak.py").write_text(VIEW, encoding="utf-8")
    with (project / "config/urls.py").open("a", encoding="utf-8") as urls:
        urls.write("\nimport soak\n\nurlpatterns.insert(0, path('soak/', soak.soak))\n")
    with (project / "config/settings.py").open("a", encoding="utf-8") as settings:
        settings.write("\nSOAK = 0\n")
    with (project / "teas/models.py").open("a", encoding="utf-8") as models:
        models.write("\nCUP = 0\n")
    env = project / "tearoom.env"
    lines = env.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("SITE_NAME=")]
    env.write_text("\n".join([*kept, "SITE_NAME=Room 0", ""]), encoding="utf-8")
    write_catalog(project / CATALOGUE, {"Good afternoon!": "Guten Tag 0"})
    return project


def soak(directory: Path, reloads: int, seed: int = 0) -> Report:
    """Serve a copy of the test project in ``directory`` and reload it so often."""
    project = prepare(copy_project(directory / "project"))
    # What is measured is the reloader, not the log of the requests.
    server = DevServer(project, env={"PYTHONWARNINGS": "ignore"})
    server.prints_at_end = False
    with server:
        report = Soak(server, random.Random(seed)).run(reloads)
        server.interrupt()
        server.wait()
        wait_until(lambda: not server.processes(), "an end of every process")
    return report


def table(report: Report) -> str:
    """Write the figures as Markdown."""
    titles = "| edit | reloads | median (ms) | p99 (ms) | old answers |"
    lines = [titles, "|---|---:|---:|---:|---:|"]
    for kind, times in sorted(report.times.items()):
        late = sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
        middle = statistics.median(times) * 1000
        lines.append(
            f"| {kind} | {len(times)} | {middle:.1f} | {late * 1000:.1f} | {report.stale[kind]} |"
        )
    lines += ["", f"Failed connections: {len(report.failures)}.", ""]
    lines += ["| | processes | descriptors | supervisor (MiB) | all together (MiB) |"]
    lines += ["|---|---:|---:|---:|---:|"]
    for when, one in zip(("after a tenth", "at the end"), report.samples, strict=True):
        lines.append(
            f"| {when} | {one.processes} | {one.descriptors} | {one.supervisor:.1f} "
            f"| {one.together:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        report = soak(Path(name).resolve(), options.reloads)
    text = f"Python {sys.version.split()[0]}, {os.cpu_count()} cores.\n\n{table(report)}"
    print(text)
    print(*report.failures[:10], sep="\n")
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
