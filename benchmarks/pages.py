"""The first page after a swap, beside the following ones.

    python benchmarks/pages.py --projects testproject,wagtail,oscar --repeat 7

A function body of the project is changed; once that is live, real pages of the project are asked
for, by somebody who is logged in. Of the process that answers: processor time, and the pages of
memory that the kernel had to copy or to give it. ``README.md`` beside this file has the method.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import projects
import reload
from harness import fetch, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import DevServer

#: Real pages of each project: what a developer looks at between two saves.
PAGES = {
    "testproject": ("/admin/", "/admin/auth/user/"),
    "wagtail": ("/", "/admin/", "/admin/pages/"),
    "oscar": ("/catalogue/", "/dashboard/", "/admin/"),
}
#: Prints the key of a session of a user who may see everything.
LOG_IN = """
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
users = get_user_model().objects
user = users.filter(is_superuser=True).first()
user = user or users.create_superuser("benchmark", "benchmark@example.org", "benchmark")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print("session", session.session_key)
"""
#: Printed for each edit that is live.
LIVE = "live in"
#: Requests after the first one.
STEADY = 5
#: After a swap is live: the checks in the background, and what the copies prepare, in seconds.
SETTLED = 3.0
#: Fields of a process's ``stat`` after its name, see proc_pid_stat(5).
_MINFLT = 7
#: The kind of clock that counts the processor time of a process, see clock_getcpuclockid(3).
_CLOCK = 2


@dataclass(frozen=True)
class Cost:
    """What one request has cost the process that answered."""

    #: Processor time, and time until the whole answer was there, in milliseconds.
    processor: float
    wall: float
    #: Minor page faults: a page of memory was given, or copied because it was shared.
    faults: int


@dataclass
class Page:
    """All requests for one page of a project."""

    project: str
    path: str
    first: list[Cost] = field(default_factory=list)
    steady: list[Cost] = field(default_factory=list)

    def ratio(self) -> float:
        """Return how many times the processor time of a steady request the first one takes."""
        return _median(self.first, "processor") / _median(self.steady, "processor")

    def row(self) -> str:
        """Return the line of a table."""
        cells = [self.project, self.path]
        for name, unit in (("processor", " ms"), ("wall", " ms"), ("faults", "")):
            cells += [f"{_median(each, name):,.0f}{unit}" for each in (self.first, self.steady)]
        return f"| {' | '.join([*cells, f'{self.ratio():.2f}'])} |"


HEAD = (
    "| project | page | processor, first | steady | wall, first | steady | page faults, first"
    " | steady | ratio |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"
)


def _median(costs: list[Cost], name: str) -> float:
    values: list[float] = [getattr(cost, name) for cost in costs]
    return statistics.median(values)


class Client:
    """Somebody who is logged in, and watches the process that answers."""

    def __init__(self, server: DevServer, session: str) -> None:
        self._server = server
        self._headers = {"Cookie": f"sessionid={session}"}

    def ask(self, path: str) -> Cost:
        """Ask for a page, and return what that has cost."""
        pid = self._serving()
        processor, faults = _used(pid)
        began = time.perf_counter()
        response = fetch(self._server.port, path, headers=self._headers, timeout=reload.PATIENCE)
        wall = time.perf_counter() - began
        if response.status != reload.HTTP_OK:
            raise AssertionError(f"{path} was answered by {response.status}")
        used, faulted = _used(pid)
        return Cost(used - processor, 1000 * wall, faulted - faults)

    def _serving(self) -> int:
        """Return the process that answers, as soon as there is only one that might."""
        found: list[int] = []

        def is_alone() -> bool:
            found[:] = [each.pid for each in self._server.running() if each.pid != self._server.pid]
            return len(found) == 1

        wait_until(is_alone, "an end of the process before")
        return found[0]


def _used(pid: int) -> tuple[float, int]:
    """Return the processor time of all threads, in milliseconds, and the minor faults."""
    spent = 1000 * time.clock_gettime((~pid << 3) | _CLOCK)
    words = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return spent, int(words[_MINFLT])


def log_in(project: projects.Project) -> str:
    """Return the key of a session in the project's database."""
    words = ("manage.py", "shell", f"--settings={projects.SETTINGS}", "-c", LOG_IN)
    command = [project.python, *words]
    done = subprocess.run(command, cwd=project.site, check=True, capture_output=True, text=True)
    return done.stdout.rpartition("session ")[2].strip()


def measure(project: projects.Project, repeat: int) -> Iterator[Page]:
    """Measure each page of a project after ``repeat`` swaps."""
    edit = next(edit for edit in reload.EDITS if edit.stamp == "view body")
    reloader = next(one for one in reload.RELOADERS if one.name == reload.SWAPS)
    session = log_in(project)
    with reload.served(project, reloader) as server, reload.restored(project, [edit]):
        server.wait_for(reload.PAGE, timeout=reload.PATIENCE)
        client = Client(server, session)
        for path in PAGES[project.name]:
            page = Page(project.name, path)
            # The first ones tell what the page uses, and what memory it writes to.
            for number in range(-2, repeat):
                swap(project, server, edit, f"{path} {number} {time.time_ns()}")
                time.sleep(SETTLED)
                first = client.ask(path)
                time.sleep(SETTLED / 3)
                steady = [client.ask(path) for _ in range(STEADY)]
                if number >= 0:
                    page.first.append(first)
                    page.steady += steady
            yield page


def swap(project: projects.Project, server: DevServer, edit: reload.Edit, stamp: str) -> None:
    """Make the edit, and wait until it is live; nobody asks for anything meanwhile."""
    path, lives = reload.place(project, edit), server.output.count(LIVE)
    before, after = edit.text.split("{stamp}")
    head, _, rest = path.read_text(encoding="utf-8").partition(before)
    text = f"{head}{before}{stamp}{after}{rest.partition(after)[2]}"
    path.write_text(text, encoding="utf-8")
    wait_until(lambda: server.output.count(LIVE) > lives, "a swap")


def main() -> None:
    """Measure, print a table and write it."""
    parser = reload.parser_for(__doc__.splitlines()[0], repeat=5)
    parser.add_argument("--output", type=Path, help="path without suffix for .md and .json")
    arguments = parser.parse_args()
    pages: list[Page] = []
    print(HEAD)
    for spec in arguments.projects.split(","):
        for page in measure(projects.create(spec, arguments.directory), arguments.repeat):
            pages.append(page)
            print(page.row(), flush=True)
            if arguments.output:
                write(pages, arguments.output)


def write(pages: list[Page], path: Path) -> None:
    """Write the table and every single request."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([HEAD, *(page.row() for page in pages)])
    head = f"# First pages after a swap\n\n{reload.machine()}; medians.\n\n"
    path.with_suffix(".md").write_text(f"{head}{text}\n", encoding="utf-8")
    data = json.dumps([asdict(page) for page in pages], indent=1)
    path.with_suffix(".json").write_text(f"{data}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
