"""How long until a write is noticed, and what watching costs; beside two other reloaders.

    python benchmarks/noticing.py [--venv DIR] [--files 100000] [--writes 200] [--output FILE]

Makes a project of 300 imported modules with ``--files`` further files in
``node_modules``, and lets each reloader watch it in a process of its own:

* ours: :class:`django_autoreload_plus.watcher.Watcher`, with the decision by content;
* Django's ``StatReloader``;
* django-watchfiles.

The start of the two others contains the pause of their first round. The
processes run in a virtual environment with Django, watchdog and django-watchfiles, made
in ``--venv`` unless it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

PACKAGES = ("Django>=5.2", "watchdog>=6.0", "django-watchfiles")
FOLDERS = 20
MODULES = 300
#: ``StatReloader`` sleeps a second between two looks; more writes only cost time.
SLOW_WRITES = 20

#: Shared by all: imports the project, and answers on standard output.
COMMON = """
import gc, importlib, json, os, sys, threading, time
from pathlib import Path

project = Path(sys.argv[1])
sys.path.insert(0, str(project))
names = sorted(f"{p.parent.name}.{p.stem}" for p in project.glob("app*/*.py"))
modules = [importlib.import_module(name) for name in names]
watched = frozenset(str(Path(module.__file__).resolve()) for module in modules)

def say(**message):
    print(json.dumps(message), flush=True)

def memory():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024

def kernel_watches():
    count = 0
    for entry in list(Path("/proc/self/fdinfo").iterdir()):
        if entry.exists():
            count += entry.read_text().count("inotify wd")
    return count

gc.collect()
memory_before, cpu_before, started = memory(), time.process_time(), time.perf_counter()

def ready():
    say(
        start=time.perf_counter() - started,
        cpu=time.process_time() - cpu_before,
        memory=memory() - memory_before,
        watches=kernel_watches(),
        threads=threading.active_count(),
    )

def serve():
    for line in sys.stdin:
        if line.strip() == "cpu":
            say(cpu=time.process_time())
"""

OURS = """
from django_autoreload_plus.options import Options
from django_autoreload_plus.watcher import Baseline, Targets, Watcher

loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
library = frozenset(str(Path(file).resolve()) for file in loaded if file)
baseline = Baseline()

def notify(paths):
    changes = [change for path in paths if (change := baseline.compare(path))]
    if changes:
        now = time.perf_counter_ns()
        baseline.accept(changes)
        say(noticed=now)

def warn(text):
    print(text, file=sys.stderr)

watcher = Watcher(notify, Options(), warn=warn, roots=[str(project)])
watcher.start()
watcher.watch(Targets(files=watched | library, globs=frozenset({(str(project), "config/*.toml")})))
baseline.record(watched | library, keep_text=watched.__contains__)
ready()
serve()
"""

DJANGO = """
from django.utils import autoreload
{imports}

class Reloader({base}):
    told = False
    def watched_files(self, include_globs=True):
        return super().watched_files(include_globs)
    def notify_file_changed(self, path):
        if str(path) in watched:
            say(noticed=time.perf_counter_ns())
    def run_loop(self):
        ticker = self.tick()
        while True:
            next(ticker)
            if not self.told:
                self.told = True
                ready()

reloader = Reloader()
reloader.watch_dir(project, "config/*.toml")
threading.Thread(target=reloader.run_loop, daemon=True).start()
serve()
"""

RELOADERS = {
    "django-autoreload-plus": OURS,
    "Django StatReloader": DJANGO.format(imports="", base="autoreload.StatReloader"),
    "django-watchfiles": DJANGO.format(
        imports="import django_watchfiles", base="django_watchfiles.WatchfilesReloader"
    ),
}


def make_project(directory: Path, files: int) -> list[Path]:
    """Write the project; return its modules."""
    modules = []
    for number in range(MODULES):
        module = directory / f"app{number % FOLDERS}" / f"m{number}.py"
        module.parent.mkdir(exist_ok=True, parents=True)
        module.write_text(f"x = {number}\n" * 100)
        modules.append(module)
    for number in range(files):
        folder = directory / "node_modules" / f"d{number // 100}"
        folder.mkdir(exist_ok=True, parents=True)
        os.close(os.open(folder / f"f{number}.js", os.O_CREAT | os.O_WRONLY, 0o644))
    return modules


class Subject:
    """One reloader at work in its own process."""

    def __init__(self, python: Path, program: str, project: Path) -> None:
        package = Path(__file__).resolve().parent.parent
        self._process = subprocess.Popen(
            [python, "-c", COMMON + program, str(project)],
            env={**os.environ, "PYTHONPATH": str(package)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self) -> dict[str, float]:
        """Return the next message."""
        assert self._process.stdout is not None
        message: dict[str, float] = json.loads(self._process.stdout.readline())
        return message

    def cpu(self) -> float:
        """Return the processor time used so far, in seconds."""
        assert self._process.stdin is not None
        print("cpu", file=self._process.stdin, flush=True)
        while "cpu" not in (message := self.hear()):
            pass
        return message["cpu"]

    def latency(self, module: Path, number: int) -> float:
        """Return the milliseconds from the end of a write to its being noticed."""
        module.write_text(f"x = {number}\n" * 100)
        written = time.perf_counter_ns()
        while (noticed := self.hear()["noticed"]) < written - 50_000_000:
            pass
        return max(0.0, (noticed - written) / 1e6)

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


def measure(
    subject: Subject, modules: list[Path], writes: int, idle: float, pause: float
) -> dict[str, float]:
    """Return all figures of one reloader; the last two arguments are seconds."""
    figures = subject.hear()
    time.sleep(2.0)
    before, began = subject.cpu(), time.perf_counter()
    time.sleep(idle)
    figures["idle"] = (subject.cpu() - before) / (time.perf_counter() - began) * 100
    chosen = random.Random(1)
    latencies = []
    for number in range(writes):
        # At any moment of the rhythm the reloader has, if it has one.
        time.sleep(chosen.uniform(0.06, pause))
        latencies.append(subject.latency(chosen.choice(modules), 1000 + number))
    figures["median"] = statistics.median(latencies)
    figures["p99"] = statistics.quantiles(latencies, n=100)[98] if writes > 1 else latencies[0]
    figures["writes"] = writes
    return figures


def table(results: dict[str, dict[str, float]], files: int) -> str:
    """Write the figures as Markdown."""
    head = (
        f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, {MODULES} modules imported, "
        f"{files:,} files in `node_modules`."
    )
    titles = (
        "| reloader | noticed, median (ms) | p99 (ms) | writes | start (ms) | memory (MiB) "
        "| watches | threads | idle (% of a core) |"
    )
    lines = [head, "", titles, "|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {f['median']:.2f} | {f['p99']:.2f} | {f['writes']:.0f} | "
        f"{f['start'] * 1000:.0f} | {f['memory']:.1f} | {f['watches']:.0f} | "
        f"{f['threads']:.0f} | {f['idle']:.3f} |"
        for name, f in results.items()
    ]
    return "\n".join(lines) + "\n"


def python_in(directory: Path) -> Path:
    """Return the interpreter of a virtual environment that has what is compared."""
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venv", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--writes", type=int, default=200)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        python = python_in(arguments.venv or Path(name) / "venv")
        project = Path(name).resolve() / "project"
        modules = make_project(project, arguments.files)
        results = {}
        for reloader, program in RELOADERS.items():
            subject = Subject(python, program, project)
            slow = "Stat" in reloader
            writes = min(SLOW_WRITES, arguments.writes) if slow else arguments.writes
            try:
                results[reloader] = measure(
                    subject, modules, writes, arguments.idle, 1.06 if slow else 0.2
                )
            finally:
                subject.end()
        text = table(results, arguments.files)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
