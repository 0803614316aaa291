"""Copies on macOS, by opt-in, as far as a Linux can tell: with all taken away that macOS lacks."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site, add_settings, add_view, before
from checkpoints.test_safety import (
    BEFORE_PAGE,
    ELSEWHERE,
    HAZARDS,
    LINES,
    hazardous,
    python_path,
    set_level,
)

if TYPE_CHECKING:
    from pathlib import Path

#: psutil, which asks the kernel there, may look at /proc here; nobody else may.
MACOS = f"""
import psutil
{ELSEWHERE.format(platform="darwin")}
import os
del os.waitid, os.memfd_create, os.pidfd_open, signal.pidfd_send_signal

def hide_proc(event, args):
    if event in ("open", "os.listdir", "os.scandir") and str(args[0]).startswith("/proc"):
        if not sys._getframe(1).f_globals.get("__name__", "").startswith("psutil"):
            raise FileNotFoundError(2, "No such file or directory", args[0])

sys.addaudithook(hide_proc)
"""
ASKED_FOR = "AUTORELOAD_PLUS = {'CHECKPOINTS': True}"
#: What is found out in another way there, and what it is called if that is another name.
HAZARDS_THERE = {
    # The pipe that it waits for is found first.
    "epoll": "a pipe is open",
    **{
        name: HAZARDS[name][1]
        for name in (
            "native thread",
            "socket",
            "pipe",
            "named pipe",
            "event loop",
            "sqlite",
            "child",
            "flock",
            "lockf",
            "writing",
        )
    },
}


class Mac(Site):
    """A server that takes itself for one on macOS, and was asked for copies."""

    def __init__(self, project: Path, folder: Path, extra: str = "") -> None:
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(MACOS + extra, encoding="utf-8")
        add_settings(project, ASKED_FOR)
        super().__init__(project, env={"PYTHONPATH": python_path(folder)})


def test_a_change_is_resumed_from_a_copy(project: Path, tmp_path: Path) -> None:
    """Who asks for the fast path would wait for a whole start all the same."""
    hazardous(project, "")
    with Mac(project, tmp_path / "site") as server:
        server.answer("/page/", "level 0")
        assert re.match("setup$|at ", set_level(server, 1))
        for number in range(2, 6):
            assert set_level(server, number) in BEFORE_PAGE
        if sys.version_info >= (3, 12):
            mark = server.mark()
            server.edit("page.py", 'f"level', 'f"new level')
            server.answer("/page/", "new level 5")
            assert server.origin(mark) == "ready, function bodies exchanged"
        mark = server.mark()
        server.interrupt()
        assert server.wait() == 0
        assert "Traceback" not in server.output[mark:]
        server.all_gone()


@pytest.mark.parametrize("name", HAZARDS_THERE)
def test_a_hazard_is_refused_with_its_reason(project: Path, tmp_path: Path, name: str) -> None:
    """A copy would share or lose what only one process can have, and go wrong later."""
    hazardous(project, HAZARDS[name][0])
    with Mac(project, tmp_path / "site") as server:
        server.answer("/page/", "level 0")
        server.wait_for_output(rf"no checkpoint .+: {HAZARDS_THERE[name]}")
        assert re.match("setup$|at ", set_level(server, 1))
        assert set_level(server, 2) in BEFORE_PAGE


def test_psutil_is_asked_for(project: Path, tmp_path: Path) -> None:
    """Without it nobody knows of native threads: copies would hang in the user's libraries."""
    with Mac(project, tmp_path / "site", "sys.modules['psutil'] = None\n") as server:
        server.wait_for("/version/")
        server.wait_for_output(
            r"no checkpoint .+: forked copies on macOS need psutil \(pip install psutil\)"
        )


def test_the_settings_are_resumed_from_a_copy_before_them(project: Path, tmp_path: Path) -> None:
    """That they ask for copies is known only when they have been read."""
    with Mac(project, tmp_path / "site") as server:
        server.wait_for("/version/")
        for name in ("One", "Two"):
            mark = server.mark()
            add_settings(project, f"SITE_NAME = '{name}'")
            server.answer("/", name)
            assert re.match("settings$|before config.settings$|at ", server.origin(mark))


#: Another file, under the same name.
REPLACED = """
import os
os.unlink("lines.txt")
open("lines.txt", "w").close()
"""


def test_a_file_that_is_read_on_is_not_shared(project: Path, tmp_path: Path) -> None:
    """After each reload a program would find its file further on than it had left it."""
    (project / "lines.txt").write_text("one two three four ", encoding="utf-8")
    (project / "lines.py").write_text(LINES, encoding="utf-8")
    hazardous(project, "import lines", shown="lines.LINES.read(4)")
    add_view(project, "late", (project / "page.py").read_text("utf-8").replace("page", "late"))
    with Mac(project, tmp_path / "site") as server:
        # Each process reads once at most: asked again, it has moved on.
        assert server.wait_for("/late/").text == "level 0 b'two '"
        for number in (1, 2, 3):
            mark = server.mark()
            server.edit("late.py", f"LEVEL = {number - 1}", f"LEVEL = {number}")
            origin = server.origin(mark)
            assert server.get("/late/").text == f"level {number} b'two '"
        assert origin in before("late")


def test_a_file_that_is_another_by_now_is_refused(project: Path, tmp_path: Path) -> None:
    """A resumed process would read on in a file that it has never opened."""
    (project / "lines.txt").write_text("one two three four ", encoding="utf-8")
    (project / "lines.py").write_text(LINES + REPLACED, encoding="utf-8")
    hazardous(project, "import lines", shown="lines.LINES.read(4)")
    with Mac(project, tmp_path / "site") as server:
        server.wait_for("/page/")
        server.wait_for_output("no checkpoint .+: .* is open and cannot be opened again")


def test_nothing_outlives_a_supervisor_that_is_killed(project: Path, tmp_path: Path) -> None:
    """A child that hangs while starting would stay behind for ever: no signal ends it there."""
    hazardous(project, "")
    with Mac(project, tmp_path / "site") as server:
        server.answer("/page/", "level 0")
        set_level(server, 1)
        hanging = "import time, sys\nprint('it hangs', flush=True)\ntime.sleep(600)\nLEVEL = 1"
        server.edit("page.py", "LEVEL = 1", hanging)
        server.wait_for_output("it hangs")
        server.kill_parent()
        server.all_gone()


def test_a_dead_server_is_noticed(project: Path, tmp_path: Path) -> None:
    """The copy that a process came from may have gone: then nobody tells how it ended."""
    hazardous(project, "import os", shown="os.getpid()")
    with Mac(project, tmp_path / "site") as server:
        server.answer("/page/", "level 0")
        for number in range(1, 4):
            set_level(server, number)
        pid = int(server.get("/page/").text.rsplit(" ", 1)[1])
        os.kill(pid, signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        server.all_gone()
