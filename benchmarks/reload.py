"""From the finished write to the complete first answer by the new code.

    python benchmarks/reload.py --projects testproject,wagtail,generated:1000 --repeat 7

Django's own reloader and this package, with and without its checkpoints, one
after the other in one run on the same projects. See ``README.md`` beside this
file for what is measured and how.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import projects
import report
from django_autoreload_plus.protocol.memory import proportional_memory
from harness import DevServer, fetch
from samples import Page, Run, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = "/probe/"
#: A real page of each project, which nobody has to log in for.
PAGES = {
    "testproject": "/admin/login/",
    "wagtail": "/admin/login/",
    "oscar": "/accounts/login/",
}
HTTP_OK = 200
#: What is written is live by then, in seconds: of a swap only the page is measured here.
LIVE = 0.5
#: So many times the page is asked for after the first one.
STEADY = 5
#: The reloader that swaps.
SWAPS = "plus"
#: Longest wait for an answer by the new code, in seconds; then the edit counts as missed.
PATIENCE = 60.0
#: Pause after an answer by the old code: Django's reloader looks at the files once a second, and
#: asking without a pause would take the processor from it.
PAUSE = 0.002
#: Between two edits, in seconds: a developer's pause, and a random part of Django's one second.
REST = (0.6, 1.6)
#: And this part of the time that the reload took.
LONGER = 0.3


@dataclass(frozen=True)
class Reloader:
    """One way to serve a project."""

    name: str
    env: dict[str, str]
    #: Further options of ``runserver``.
    options: tuple[str, ...] = ()


RELOADERS = (
    Reloader("django", {"PROBE_RELOADER": "django"}),
    Reloader("plus", {"PROBE_RELOADER": "plus"}),
    Reloader(
        "plus, no checkpoints",
        {"PROBE_RELOADER": "plus", "PROBE_AUTORELOAD_PLUS": '{"CHECKPOINTS": false}'},
    ),
)


@dataclass(frozen=True)
class Edit:
    """A kind of edit: what is replaced where, and the stamp on the page that shows it."""

    name: str
    stamp: str
    path: str
    text: str

    def at(self, number: int) -> Edit:
        """Return the edit for the repetition ``number``."""
        values = {"number": f"{number:02}"}
        return Edit(self.name, self.stamp.format(**values), self.path.format(**values), self.text)


Named = TypeVar("Named", Reloader, Edit)

BODY = 'return "{stamp}"'
#: ``path`` is relative to the site; ``URLCONF`` stands for the project's own.
EDITS = (
    Edit("view, first edit", "fresh {number}", "probe/fresh/view_{number}.py", 'FRESH = "{stamp}"'),
    Edit("view, edited again", "view module", "probe/views.py", 'VIEW_MODULE = "{stamp}"'),
    Edit("function body in a view", "view body", "probe/views.py", BODY),
    Edit("function body in an early model", "model body", "probe/models.py", BODY),
    Edit("function body in a helper", "helper body", "probe/helper.py", BODY),
    Edit(
        "module level of a helper", "helper module", "probe/helper.py", 'HELPER_MODULE = "{stamp}"'
    ),
    Edit("model", "model module", "probe/models.py", 'MODEL_MODULE = "{stamp}"'),
    Edit("URLconf", "urlconf", "URLCONF", 'URLCONF = "{stamp}"'),
    Edit("settings", "settings", "probe_settings.py", 'PROBE_STAMP = "{stamp}"'),
)


def served(project: projects.Project, reloader: Reloader) -> DevServer:
    """Return a server of the project, to be entered."""
    words = ("manage.py", "runserver", "{address}", f"--settings={projects.SETTINGS}")
    command = (project.python, *words, *reloader.options)
    server = DevServer(Path(project.site), command=command, env=reloader.env)
    server.prints_at_end = False
    return server


def measure(project: projects.Project, reloader: Reloader, edits: list[Edit], repeat: int) -> Run:
    """Serve the project and measure each kind of edit ``repeat`` times."""
    run = Run(project.name, reloader.name)
    began = time.perf_counter()
    with served(project, reloader) as server:
        try:
            server.wait_for(PAGE, timeout=PATIENCE)
            run.start = time.perf_counter() - began
            rest()
            for edit in edits:
                run.samples[edit.name] = measure_edit(project, server, edit, repeat)
                print(f"  {reloader.name}: {edit.name}: {report.describe(run.samples[edit.name])}")
            if reloader.name == SWAPS and project.name in PAGES:
                run.page = measure_page(project, server, repeat)
                print(f"  {reloader.name}: {report.describe_page(run.page)}")
            run.memory = [
                (process.command, proportional_memory(process.pid) / 2**20)
                for process in server.processes()
            ]
        except AssertionError as error:
            run.error = str(error)
            print(f"  {reloader.name}: {error}")
    return run


def measure_edit(
    project: projects.Project, server: DevServer, edit: Edit, repeat: int
) -> list[Sample]:
    """Measure one kind of edit; an edit that is a file's first needs no warming up."""
    samples = []
    is_first = "{number}" in edit.path
    with restored(project, [edit.at(number) for number in range(repeat + 1)]):
        for number in range(repeat if is_first else repeat + 1):
            sample = measure_once(project, server, edit.at(number), f"{number}-{time.time_ns()}")
            if is_first or number > 0:
                samples.append(sample)
            # Also before the files are given back: a change made just after a start is one
            # that Django's reloader never notices, and the larger the project, the longer.
            rest(after=sample.seconds or 0.0)
    # The files are as they were: that is one more reload, which must not reach into the next edit.
    server.wait_for(PAGE, lambda response: shows(response.text, edit.at(0).stamp, "0"), PATIENCE)
    rest()
    return samples


def measure_page(project: projects.Project, server: DevServer, repeat: int) -> Page:
    """Ask for a real page after each of ``repeat`` swaps, once that is live, and again."""
    page = Page(PAGES[project.name])
    edit = next(edit for edit in EDITS if edit.stamp == "view body")
    with restored(project, [edit]):
        # The first one tells what the page uses, and the second one what memory it writes to.
        for number in range(-2, repeat):
            path = place(project, edit)
            old = edit.text.format(stamp=current(server, edit.stamp))
            text = path.read_text(encoding="utf-8")
            asked(server, page.path)
            rest()
            path.write_text(text.replace(old, edit.text.format(stamp=f"page {number}")))
            time.sleep(LIVE)
            first = asked(server, page.path)
            rest()
            following = [asked(server, page.path) for _ in range(STEADY)]
            if number >= 0:
                page.first.append(first)
                page.steady += following
    rest()
    return page


def asked(server: DevServer, path: str) -> float:
    """Return after how many seconds the page was there."""
    began = time.perf_counter()
    response = fetch(server.port, path, timeout=PATIENCE)
    if response.status != HTTP_OK:
        raise AssertionError(f"{path} was answered by {response.status}")
    return time.perf_counter() - began


def measure_once(project: projects.Project, server: DevServer, edit: Edit, stamp: str) -> Sample:
    """Write the edit and ask until the page shows it."""
    path = place(project, edit)
    text = path.read_text(encoding="utf-8")
    old = edit.text.format(stamp=current(server, edit.stamp))
    if text.count(old) != 1:
        raise AssertionError(f"{old!r} is not once in {path}")
    new = text.replace(old, edit.text.format(stamp=stamp)).encode()
    sample = Sample(None, 0, 0)
    path.write_bytes(new)
    written = time.perf_counter()
    while time.perf_counter() - written < PATIENCE:
        try:
            response = fetch(server.port, PAGE, timeout=PATIENCE)
        except (OSError, http.client.HTTPException):
            sample.failures += 1
        else:
            if shows(response.text, edit.stamp, stamp):
                sample.seconds = time.perf_counter() - written
                return sample
            sample.stale += 1
        time.sleep(PAUSE)
    return sample


def place(project: projects.Project, edit: Edit) -> Path:
    """Return the file the edit is made in."""
    return project.urlconf_path if edit.path == "URLCONF" else project.path(edit.path)


def shows(page: str, stamp: str, value: str) -> bool:
    """Tell whether the page shows the stamp with that value."""
    return f"{stamp}={value};" in page


def current(server: DevServer, stamp: str) -> str:
    """Return the value of the stamp that the server shows now."""
    page = server.wait_for(PAGE, lambda response: f"{stamp}=" in response.text, PATIENCE).text
    return page.partition(f"{stamp}=")[2].partition(";")[0]


@contextmanager
def restored(project: projects.Project, edits: list[Edit]) -> Iterator[None]:
    """Give the edited files back as they were."""
    texts = {place(project, edit): place(project, edit).read_bytes() for edit in edits}
    try:
        yield
    finally:
        for path, text in texts.items():
            if path.read_bytes() != text:
                path.write_bytes(text)


def rest(after: float = 0.0) -> None:
    """Let the server come to rest as between two saves; longer ``after`` a long reload."""
    time.sleep(random.uniform(*REST) + after * LONGER)


def main() -> None:
    """Measure what the command line asks for and write Markdown and JSON."""
    parser = parser_for("Measure reloads.", repeat=7)
    parser.add_argument("--reloaders", default="", help="only these, with semicolons between")
    parser.add_argument("--edits", default="", help="only these kinds, with semicolons between")
    parser.add_argument("--output", type=Path, help="path without suffix for .md and .json")
    arguments = parser.parse_args()
    if not 0 < arguments.repeat < projects.FRESH_VIEWS:
        parser.error(f"--repeat must be from 1 to {projects.FRESH_VIEWS - 1}")
    reloaders = chosen(RELOADERS, arguments.reloaders)
    edits = chosen(EDITS, arguments.edits)
    runs: list[Run] = []
    for spec in arguments.projects.split(","):
        project = projects.create(spec, arguments.directory)
        print(spec)
        runs += [measure(project, reloader, edits, arguments.repeat) for reloader in reloaders]
        if arguments.output:
            # After each project: a run of an hour that is cut short is not lost.
            write(runs, arguments.repeat, arguments.output)
    print(report.markdown(runs, machine(), arguments.repeat))


def parser_for(description: str, repeat: int) -> argparse.ArgumentParser:
    """Return a parser with what every measurement of saves asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--projects", default="testproject", help="with commas between")
    parser.add_argument("--repeat", type=int, default=repeat, help="samples of each kind of edit")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(tempfile.gettempdir()) / "autoreload-benchmarks",
        help="where the projects are, or will be created",
    )
    return parser


def chosen(every: Sequence[Named], names: str) -> list[Named]:
    """Return those with one of the names; without a name, all of them."""
    wanted = names.split(";") if names else [one.name for one in every]
    return [one for one in every if one.name in wanted]


def write(runs: list[Run], repeat: int, path: Path) -> None:
    """Write the table and every single sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = report.markdown(runs, machine(), repeat)
    path.with_suffix(".md").write_text(text, encoding="utf-8")
    data = {"machine": machine(), "runs": [asdict(run) for run in runs]}
    path.with_suffix(".json").write_text(json.dumps(data, indent=1), encoding="utf-8")


def machine() -> str:
    """Describe where this runs."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.system()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
