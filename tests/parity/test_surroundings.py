"""What a command is started with may be closed, full, deleted or replaced while it runs."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness import send_signals, wait_until
from parity.reloaders import COPIES, DJANGO, PLAIN

if TYPE_CHECKING:
    from parity.reloaders import ParitySite, Reloader

STREAMS = """
import os
from django.http import HttpResponse

VALUE = "one"
READ = VALUE
print("loaded")

def page(request):
    return HttpResponse(VALUE)

def streams(request):
    return HttpResponse(" ".join(os.readlink(f"/proc/self/fd/{n}") for n in range(3)))
"""
STREAM_URLS = """
from django.urls import path
import views

urlpatterns = [path("", views.page), path("streams", views.streams)]
"""


def redirected(root: Path, way: Reloader, redirection: str) -> ParitySite:
    """Return a site whose command is given this redirection in a shell, and buffers."""
    line = f"{sys.executable} manage.py runserver {{address}} {redirection}"
    files = {"views.py": STREAMS, "urls.py": STREAM_URLS}
    return way.maker(root)(files, command=("sh", "-c", line), env={"PYTHONUNBUFFERED": None})


def edits_are_live(server: ParitySite) -> None:
    """Edit the view inside the function, and at its module's level."""
    server.shows("one")
    server.change("views.py", "HttpResponse(VALUE)", "HttpResponse(VALUE.upper())")
    server.shows("ONE")
    server.change("views.py", '"one"', '"two"')
    server.shows("TWO")


def ends(server: ParitySite) -> None:
    """Press Ctrl-C: nothing is left, and nothing of ours was printed."""
    server.interrupt()
    server.wait()
    server.all_gone()
    assert "django_autoreload_plus/" not in server.output


@pytest.mark.parametrize(
    ("redirection", "django_serves"),
    [
        ("<&- >&- 2>&-", False),
        (">/dev/full 2>&1", True),
        ("| head -1", True),
        ("2>&1 | head -1", True),
    ],
)
def test_standard_streams(tmp_path: Path, redirection: str, *, django_serves: bool) -> None:
    """The command would hang or die where nobody reads what it prints."""
    if django_serves:
        with redirected(tmp_path / "django", DJANGO, redirection) as server:
            server.shows("one")
    with redirected(tmp_path / "ours", COPIES, redirection) as server:
        edits_are_live(server)
        server.edit("views.py", "VALUE.upper()", "VALUE.upper(")
        server.wait_for("/", lambda answer: answer.status == 500)
        server.edit("views.py", "VALUE.upper(", "VALUE")
        server.shows("two")
        if "&-" in redirection:
            # What the program writes there must not go into one of our sockets.
            assert not {"memfd", "socket", "anon"} & set(server.get("/streams").text.split(":"))
            assert "/dev/null" in server.get("/streams").text
        ends(server)


@pytest.mark.parametrize("way", [DJANGO, COPIES, PLAIN], ids=str)
def test_a_working_directory_that_is_deleted(tmp_path: Path, way: Reloader) -> None:
    """A command that was started in a temporary folder would end, or print our traceback."""
    here = tmp_path / "here"
    here.mkdir()
    root = tmp_path / "site"
    command = (sys.executable, str(root / "manage.py"), "runserver", "{address}")
    with way.maker(root)(command=command, cwd=here) as server:
        server.shows("one")
        here.rmdir()
        server.change("views.py", '"one"', '"two"')
        if way is DJANGO:
            # Its own receivers ask for the working directory.
            assert server.wait()
            return
        server.wait_for_output("views.py changed|waiting for a fix")
        here.mkdir()
        server.edit("views.py", '"two"', '"three"')
        server.shows("three")
        server.edit("settings.py", '"tea"', '"coffee"')
        server.wait_for_output("settings.py changed")
        server.edit("views.py", '"three"', '"four"')
        server.shows("four")
        ends(server)


def environment(root: Path) -> Path:
    """Make a virtual environment with the packages of this one; returns its interpreter."""
    python = root / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(Path(sys.executable).resolve())
    home = Path(sys.executable).resolve().parent
    (root / "pyvenv.cfg").write_text(f"home = {home}\n")
    (root / "lib").symlink_to(Path(sys.prefix, "lib"))
    return python


@pytest.mark.parametrize("way", [DJANGO, COPIES], ids=str)
def test_a_virtual_environment_that_is_replaced(tmp_path: Path, way: Reloader) -> None:
    """The command would die while packages are installed anew, or go on with the old Python."""
    python = environment(tmp_path / "venv")
    command = (str(python), "manage.py", "runserver", "{address}", "--verbosity", "2")
    with way.maker(tmp_path / "site")(command=command) as server:
        server.shows("one")
        shutil.rmtree(python.parent)
        server.change("views.py", '"one"', '"two"')
        if way is DJANGO:
            # It cannot start its child.
            assert server.wait()
            return
        page = server.wait_for("/", lambda answer: answer.status == 500).text
        assert "Cannot start" in page
        assert str(python) in page
        shutil.rmtree(tmp_path / "venv")
        since = server.mark()
        environment(tmp_path / "venv")
        # By itself, as soon as the interpreter is back.
        server.shows("two")
        server.wait_for_output("from start;", since=since)
        edit = ("views.py", "HttpResponse(VALUE)", "HttpResponse(VALUE.upper())")
        server.edit(*edit)
        server.shows("TWO")
        since = server.mark()
        with (tmp_path / "venv" / "pyvenv.cfg").open("a") as file:
            file.write("prompt = other\n")
        server.edit("views.py", "VALUE.upper()", "VALUE")
        server.wait_for_output("environment has been replaced .AP244.", since=since)
        server.shows("two")
        ends(server)


def test_stopped_processes(tmp_path: Path) -> None:
    """A process or copy that somebody has stopped would hold up every later reload."""
    files = {"views.py": STREAMS, "urls.py": STREAM_URLS}
    with COPIES.maker(tmp_path)(files, options=("--verbosity", "2")) as server:
        server.shows("one")
        server.wait_for_output("copies, with their own memory")
        # All but the first process, which is the supervisor.
        others = (process.pid for process in server.processes() if process.pid != server.pid)
        send_signals(others, signal.SIGSTOP)
        for old, new in (("one", "two"), ("two", "three")):
            server.edit("views.py", f'"{old}"', f'"{new}"')
            server.shows(new)
        ends(server)
        assert "hangs" not in server.output
        assert "without the old process" not in server.output


ENDS_ON_ORDER = """
import atexit, time

def end():
    print("handler begins in", os.getpid(), flush=True)
    while not (BASE_DIR / "may-end").exists():
        time.sleep(0.01)

if os.environ.get("RUN_MAIN") == "true":
    atexit.register(end)
"""
IMPORTS_FOR_LONG = """
import os, time
from django.http import HttpResponse

VALUE = "one"
READ = VALUE
while VALUE == "two":
    print("imported in", os.getpid(), flush=True)
    time.sleep(600)

def page(request):
    return HttpResponse(VALUE)
"""


def stopped(server: ParitySite, announcement: str) -> int:
    """Stop the process that says its id after these words; returns the id."""
    pid = int(server.wait_for_output(rf"{announcement} (\d+)")[1])
    send_signals([pid], signal.SIGSTOP)
    wait_until(
        lambda: any(each.pid == pid and each.state == "T" for each in server.processes()),
        "a stopped process",
    )
    return pid


@pytest.mark.parametrize("is_told", [True, False])
def test_a_copy_that_is_stopped_after_it_was_let_go(tmp_path: Path, *, is_told: bool) -> None:
    """It would stay for ever when the command ends, with what it holds."""
    with COPIES.maker(tmp_path)(settings=ENDS_ON_ORDER) as server:
        server.shows("one")
        # No literal, which would be exchanged.
        server.edit("settings.py", '"tea"', 'str("coffee")')
        # The exit handlers of the process before are those of its copies.
        stopped(server, "handler begins in")
        server.shows("one")
        if is_told:
            server.path("may-end").touch()
        server.interrupt()
        # Else the time for exit handlers comes to its end.
        assert server.wait() == 0
        server.all_gone()


def test_a_process_that_is_stopped_while_it_is_imported(tmp_path: Path) -> None:
    """It would stay for ever when the command ends, with the half of a program in it."""
    with COPIES.maker(tmp_path)({"views.py": IMPORTS_FOR_LONG}) as server:
        server.shows("one")
        server.edit("views.py", 'VALUE = "one"', 'VALUE = "two"')
        stopped(server, "imported in")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
