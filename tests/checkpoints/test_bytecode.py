"""Bytecode of a former content is never run, however alike the two look to Python.

Python takes bytecode for that of a source if size and time agree, the time in whole
seconds. The tests give all contents of a file one size and one time.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site, add_settings, add_view
from noticing.site import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIEW = """
from django.conf import settings
from django.http import HttpResponse

LEVEL = 100
READ = LEVEL


def page(request):
    return HttpResponse(f"level {LEVEL} {settings.VALUE}")
"""
#: Waits where a test wants a start to be held.
HELD = """
import os
import time

from django.http import HttpResponse

LEVEL = 100
READ = LEVEL


def hold(name):
    end = time.monotonic() + 60
    if os.path.exists(name):
        print(f"held at {name}", flush=True)
    while os.path.exists(name) and time.monotonic() < end:
        # A start that does not use the processor is taken for one that waits for a lock.
        sum(range(100_000))
        time.sleep(0.005)


hold("first")
from parts import TOTAL
hold("second")


def page(request):
    return HttpResponse(f"level {LEVEL} total {TOTAL}")
"""
MANY = 300
#: When the modules were made, and when they are all edited, in nanoseconds.
MADE, EDITED = 1_750_000_000 * 10**9, 1_760_000_000 * 10**9


@pytest.fixture
def valued(project: Path) -> Path:
    """Return a project whose page shows its own number and one that the settings import."""
    add_view(project, "page", VIEW)
    (project / "early.py").write_text("VALUE = 100\n", encoding="utf-8")
    add_settings(project, "import early\nVALUE = early.VALUE")
    return project


class HeldSite(Site):
    """A server whose start can be held before and after it has loaded many modules."""

    def write_parts(self, value: int, count: int = MANY) -> None:
        """Write modules so that only their content tells them from the ones before."""
        for number in range(count):
            write_part(self.root, number, value, EDITED)

    def load_for_a_moment(self) -> None:
        """Let a start load an edit that is undone before it is looked at."""
        git(self.root, "init", "--quiet")
        self.path("first").touch()
        self.path("second").touch()
        self.edit("page.py", "LEVEL = 100", "LEVEL = 101")
        self.wait_for_output("held at first")
        # While git holds its lock nothing is decided, and the start goes on.
        self.path(".git/index.lock").touch()
        self.write_parts(1, count=3)
        self.release("first")
        self.wait_for_output("held at second")
        self.write_parts(0, count=3)

    def serves(self, level: int) -> None:
        """Await the page of this level, and see that all modules are as on the disk."""
        self.answer("/page/", f"level {level}")
        assert self.get("/page/").text == f"level {level} total 0"

    def release(self, name: str) -> None:
        """Let a start go on that is held at ``name``."""
        self.path(name).unlink()


def write_part(project: Path, number: int, value: int, moment: int) -> None:
    """Write one of the many modules, as if it was done at a moment."""
    path = project / f"parts/m{number:03}.py"
    draft = path.with_suffix(".draft")
    draft.write_text(f"VALUE = {value}\n", encoding="utf-8")
    os.utime(draft, ns=(moment, moment))
    draft.replace(path)


@pytest.fixture(params=[True, False], ids=["copies", "no copies"])
def held_site(project: Path, request: pytest.FixtureRequest) -> Iterator[HeldSite]:
    """Return a server whose page shows the sum of many modules, each of them 0."""
    (project / "parts").mkdir()
    for number in range(MANY):
        write_part(project, number, 0, MADE)
    names = "\n".join(f"from . import m{number:03}" for number in range(MANY))
    total = " + ".join(f"m{number:03}.VALUE" for number in range(MANY))
    (project / "parts/__init__.py").write_text(f"{names}\nTOTAL = {total}\n", encoding="utf-8")
    add_view(project, "page", HELD)
    # What holds a start is no part of the program.
    options = {"CHECKPOINTS": request.param or False, "IGNORE": ["first", "second"]}
    add_settings(project, f"AUTORELOAD_PLUS = {options}")
    with HeldSite(project) as server:
        server.answer("/page/", "level 100 total 0")
        yield server


def test_a_time_put_back_does_not_bring_old_bytecode_back(valued: Path) -> None:
    """A file copied together with its time would be shown as it was, one reload later."""
    with Site(valued) as server:
        server.answer("/page/", "level 100 100")
        before = server.path("page.py").stat().st_mtime_ns
        server.edit("page.py", "LEVEL = 100", "LEVEL = 101")
        server.answer("/page/", "level 101 100")
        os.utime(server.path("page.py"), ns=(before, before))
        server.edit("early.py", "VALUE = 100", "VALUE = 110")
        server.answer("/page/", "level 101 110")


def test_quick_edits_of_the_same_size_are_all_served(valued: Path) -> None:
    """Python takes bytecode for fresh by size and second: the edit before would come back."""
    with Site(valued) as server:
        server.answer("/page/", "level 100 100")
        source = server.path("page.py").read_text(encoding="utf-8")
        for number in range(101, 151):
            moment = (server.path("page.py").stat().st_mtime_ns // 10**9) * 10**9
            server.write("page.py", source.replace("LEVEL = 100", f"LEVEL = {number}"))
            # As if all of them were made within one second, which is what Python looks at.
            os.utime(server.path("page.py"), ns=(moment, moment))
            early = number if number % 10 == 0 else None
            if early:
                server.write("early.py", f"VALUE = {number}\n")
                os.utime(server.path("early.py"), ns=(moment, moment))
            value = number // 10 * 10
            server.answer("/page/", f"level {number} {value}")
        assert re.findall(".*Error.*", server.output) == []


def test_many_edits_undone_during_a_start(held_site: HeldSite) -> None:
    """After a branch was looked at, modules of it would stay until they are edited again."""
    held_site.path("second").touch()
    held_site.write_parts(1)
    held_site.wait_for_output("held at second")
    held_site.write_parts(0)
    held_site.edit("page.py", "LEVEL = 100", "LEVEL = 101")
    held_site.release("second")
    held_site.serves(101)


def test_an_edit_undone_before_anybody_looked(held_site: HeldSite) -> None:
    """A start that is given up would leave behind what was on the disk for a moment."""
    held_site.load_for_a_moment()
    held_site.edit("page.py", "LEVEL = 101", "LEVEL = 102")
    held_site.release(".git/index.lock")
    held_site.release("second")
    held_site.serves(102)


def test_an_edit_undone_before_the_end(held_site: HeldSite) -> None:
    """The next command, with this reloader or without one, would run what is long undone."""
    held_site.load_for_a_moment()
    held_site.edit("page.py", "LEVEL = 101", "LEVEL = 100")
    held_site.release(".git/index.lock")
    held_site.wait_for_output("saved without a change")
    held_site.release("second")
    held_site.interrupt()
    assert held_site.wait() == 0
    held_site.start()
    held_site.serves(100)
