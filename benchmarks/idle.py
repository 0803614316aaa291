"""What a served project costs while nobody edits and nobody asks.

    python benchmarks/idle.py --seconds 60

The test project, served by this package, after a few pages and one edit: the processor time and
the wake-ups of every thread of the whole process tree, the frozen copies included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import DevServer, copy_project

#: What an edit leaves to be done in the background is done by then, in seconds.
SETTLED = 5.0


@dataclass(frozen=True)
class Use:
    """What one thread has used since it began."""

    seconds: float
    wakeups: int


def used(server: DevServer) -> dict[tuple[int, str], Use]:
    """Return the use of each thread of the server, by process and thread."""
    found = {}
    for process in server.processes():
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            lines = (task / "status").read_text().splitlines()
            [switches] = [line for line in lines if line.startswith("voluntary_ctxt_switches")]
            found[process.pid, task.name] = Use(nanoseconds / 1e9, int(switches.split()[1]))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "project")
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=project, check=True)
        with DevServer(project) as server:
            server.wait_for("/")
            server.edit("teas/views.py", 'VERSION = "1"', 'VERSION = "2"')
            server.wait_for("/version/", lambda answer: "version 2" in answer.text)
            time.sleep(SETTLED)
            before, begin = used(server), time.monotonic()
            time.sleep(seconds)
            after, elapsed = used(server), time.monotonic() - begin
    total = sum(use.seconds - before[key].seconds for key, use in after.items() if key in before)
    print(f"{100 * total / elapsed:.3f} % of a core, {len(after)} threads")
    for key, use in after.items():
        wakeups = use.wakeups - before.get(key, use).wakeups
        if wakeups:
            spent = 1000 * (use.seconds - before[key].seconds)
            print(f"process {key[0]}, thread {key[1]}: {wakeups} wake-ups, {spent:.1f} ms")


if __name__ == "__main__":
    main()
