"""This package beside every other reloader that a Django project can use, in one run.

    python benchmarks/compare.py --prepare
    python benchmarks/compare.py --out benchmarks/results/compare
    python benchmarks/compare.py --out benchmarks/results/compare --merge --projects oscar

The first line sets up the projects and all reloaders, in environments of their own; the second
does so, too, if need be. Then each reloader serves each project, while files are edited and
requests are counted. The result is a Markdown table, JSON, and a plot of the time over the size
of the project. The third line measures a part anew and keeps the rest. ``--quick`` is a short run.
``README.md`` beside this file describes the method.
"""

from __future__ import annotations

import argparse
import datetime as dt
import mmap
import os
import platform
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import behaviour
import comparison
import load
import peers
from comparison import Results, Run
from reload import Edit
from session import Session, measure_edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers import Environment, Peer

EDITS = (
    Edit("function body", "view body", "probe/views.py", 'return "{stamp}"'),
    Edit("late module", "late module", "probe/views.py", 'LATE = "{stamp}"'),
    Edit("model", "model field", "probe/models.py", 'help_text="{stamp}"'),
    Edit("settings", "setting read", "probe_settings.py", 'PROBE_READ = "{stamp}"'),
)
BODY, LATE = EDITS[:2]
#: So many are measured at the beginning.
FAULTS = 20_000
DJANGO = (peers.OWN, peers.BASE, "django-watchfiles")


@dataclass(frozen=True)
class Plan:
    """What is measured on one project."""

    spec: str
    edits: tuple[Edit, ...] = EDITS
    #: Names of peers.
    peers: tuple[str, ...] = DJANGO
    #: Requests under load, idle cost and memory, too.
    whole: bool = True
    #: What becomes of broken code, of a touch, of a data file.
    behaviour: bool = False

    @property
    def measured(self) -> list[Peer]:
        """The peers that are measured on this project."""
        return [one for one in peers.PEERS if one.name in self.peers]

    def edits_for(self, peer: Peer) -> tuple[Edit, ...]:
        """Return the kinds of edits to make.

        Where only the time over the size is asked for, one is enough of those that start again
        for each kind.
        """
        return self.edits if self.whole or peer.name == peers.OWN else (LATE,)


OTHERS = tuple(peer.name for peer in peers.PEERS if peer.name not in DJANGO)
SERVERS = ("uvicorn --reload", "granian --reload")
SIZES = (100, 500, 2000, 5000)
#: In the order of their weight: what comes last is left out when the time is over.
PLANS = (
    Plan("testproject", peers=DJANGO, behaviour=True),
    Plan("wagtail", peers=DJANGO),
    Plan("oscar", peers=DJANGO),
    *(Plan(f"generated:{size}", (BODY, LATE), DJANGO, whole=False) for size in SIZES),
    Plan("testproject", peers=OTHERS, behaviour=True),
    Plan("wagtail", peers=SERVERS),
    Plan("oscar", peers=SERVERS[:1]),
)
QUICK = (
    Plan("testproject", peers=(*DJANGO, "uvicorn --reload"), behaviour=True),
    *(Plan(f"generated:{size}", (BODY, LATE), DJANGO, whole=False) for size in SIZES[:2]),
)


def measure(plan: Plan, peer: Peer, environment: Environment, repeat: int) -> Run:
    """Serve the project by the peer and measure what the plan says."""
    run = Run(plan.spec, peer.name, foreign=load.foreign_load())
    if environment.misses(peer):
        run.error = "could not be installed"
        return run
    try:
        with Session(peer, environment, run) as session:
            for edit in plan.edits_for(peer):
                run.samples[edit.name] = measure_edit(session, edit, repeat)
            if plan.whole:
                load.measure_under_load(session, LATE)
                load.measure_at_rest(session)
            if plan.behaviour:
                run.behaviour = behaviour.observe(session)
    except AssertionError as error:
        print(error, file=sys.stderr)
        # The place of the project on this machine is nobody's business.
        root = str(Path(environment.project.site).parent)
        run.error = str(error).splitlines()[0].replace(root, "")
    return run


def warm(plan: Plan, environment: Environment) -> None:
    """Serve the project once, unmeasured.

    The first start of all compiles every module and reads it from the disk; the reloader that
    comes first would pay for that.
    """
    django = next(peer for peer in peers.PEERS if peer.name == peers.BASE)
    with Session(django, environment, Run(plan.spec, django.name)):
        pass


def measured(
    plans: list[Plan], environments: dict[str, Environment], results: Results, minutes: float
) -> Iterator[Run]:
    """Yield each peer's run on each project; what comes after ``minutes`` is left out."""
    deadline = time.monotonic() + 60 * minutes
    for plan in plans:
        environment = environments[plan.spec]
        warm(plan, environment)
        for peer in plan.measured:
            results.versions[peer.name] = environment.version(peer)
            if time.monotonic() < deadline:
                yield measure(plan, peer, environment, results.repeat)
            else:
                yield Run(plan.spec, peer.name, error="not measured: the time was over")


def main() -> None:
    """Prepare, measure and write."""
    arguments = parse()
    plans = list(chosen(arguments))
    environments = {}
    for plan in plans:
        print(f"preparing {plan.spec}", flush=True)
        environments[plan.spec] = peers.prepare(plan.spec, arguments.directory, plan.measured)
    if arguments.prepare:
        return
    results = begun(arguments, environments[plans[0].spec])
    averages = results.load_average
    for run in measured(plans, environments, results, arguments.minutes):
        results.add(run)
        print(f"{run.project}: {run.peer}: {comparison.summary(run)}", flush=True)
        # After each: a run that is cut short is not lost.
        results.ended = now()
        results.load_average = [*averages, os.getloadavg()[0]]
        comparison.write(results, arguments.out)


def begun(arguments: argparse.Namespace, environment: Environment) -> Results:
    """Return the results to add to: new ones, or those of an earlier part."""
    average = os.getloadavg()[0]
    written = arguments.out.with_suffix(".json")
    if arguments.merge and written.exists():
        results = comparison.read(written)
        if (results.machine, results.repeat) != (machine(environment), arguments.repeat):
            sys.exit(f"{written} is of another machine, or has another number of samples")
        results.load_average.append(average)
        results.page_faults.append(page_fault())
        return results
    repeat = 1 if arguments.quick else arguments.repeat
    faults = [page_fault()]
    return Results(repeat, machine(environment), now(), load_average=[average], page_faults=faults)


def chosen(arguments: argparse.Namespace) -> Iterator[Plan]:
    """Yield the plans that the command line leaves."""
    for plan in QUICK if arguments.quick else PLANS:
        if not arguments.projects or plan.spec in arguments.projects.split(","):
            named = arguments.peers.split(";") if arguments.peers else plan.peers
            yield replace(plan, peers=tuple(name for name in plan.peers if name in named))


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="Compare reloaders for Django.")
    parser.add_argument("--out", type=Path, help="path without suffix for .md, .json and .svg")
    parser.add_argument("--prepare", action="store_true", help="set up everything, measure nothing")
    parser.add_argument("--merge", action="store_true", help="add to what is there already")
    parser.add_argument("--quick", action="store_true", help="few projects, peers and samples")
    parser.add_argument("--repeat", type=int, default=3, help="samples of each kind of edit")
    parser.add_argument("--minutes", type=float, default=27.0, help="what comes later is left out")
    parser.add_argument("--projects", default="", help="only these, with commas between")
    parser.add_argument("--peers", default="", help="only these, with semicolons between")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument(
        "--directory",
        type=Path,
        default=cache / "django-autoreload-plus-benchmarks",
        help="where the projects and their environments are, or will be made",
    )
    arguments = parser.parse_args()
    if not arguments.prepare and not arguments.out:
        parser.error("say where the results go: --out benchmarks/results/compare")
    return arguments


def machine(environment: Environment) -> str:
    """Describe where this runs."""
    python = f"{platform.python_implementation()} {environment.versions['python']}"
    return f"{python}, {platform.system()}, {os.cpu_count()} cores{processor()}"


def processor() -> str:
    """Return the processor's name after a comma; nothing where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f" ({found[1]})" if found else ""


def page_fault() -> float:
    """Return the microseconds of the first write to a page of memory, in the mean."""
    with mmap.mmap(-1, FAULTS * mmap.PAGESIZE) as memory:
        began = time.perf_counter()
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
        return (time.perf_counter() - began) / FAULTS * 1e6


def now() -> str:
    """Return the time for the report."""
    return dt.datetime.now(dt.timezone.utc).isoformat(" ", "minutes")


if __name__ == "__main__":
    main()
