"""What user code does to its own process, under every way of reloading."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.command_line import EntryError, split_python
from parity.reloaders import COPIES, DJANGO, MANAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

    Maker = Callable[..., ParitySite]

MAIN = 'if __name__ == "__main__":'
AGAIN = """
    if os.environ.get("RUN_MAIN") and "AGAIN" not in os.environ:
        try:
            os.execv("/nowhere/python", ["python", *sys.argv])
        except FileNotFoundError:
            os.environ["AGAIN"] = "of the script"
        os.execv(sys.executable, [sys.executable, "-W", "ignore", *sys.argv])
"""
INNER = """
    if os.environ.get("RUN_MAIN") and "AGAIN" not in os.environ:
        import subprocess
        inner = {**os.environ, "AGAIN": "of the script"}
        sys.exit(subprocess.call([sys.executable, "-W", "ignore", *sys.argv], env=inner))
"""
RESTART_BUTTON = """
import os, sys
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    if "restart" in request.GET:
        again = {**os.environ, "PRESSED": "pressed"}
        os.execvpe(sys.executable, [sys.executable, *sys.argv], again)
    names = ("AGAIN", "PRESSED")
    return HttpResponse(" ".join([VALUE, *filter(None, map(os.environ.get, names))]))
"""


#: Few descriptors, files that nobody may read, signals that never come, a session and an output
#: of its own, and no memory that others may look at.
STATES = """
import ctypes, resource, signal

if os.environ.get("RUN_MAIN") == "true":
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    os.umask(0o777)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGTERM})
    try:
        os.setsid()
    except PermissionError:
        pass
    OUTPUT = open(BASE_DIR / "output", "a") if not (BASE_DIR / "output").exists() else None
    if OUTPUT is not None:
        os.dup2(OUTPUT.fileno(), 1)
    if sys.platform == "linux":
        PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
        for option, value in ((PR_SET_PDEATHSIG, signal.SIGTERM), (PR_SET_DUMPABLE, 0)):
            ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
"""
FORKS = """
import os, time
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    if "fork" in request.GET and not os.fork():
        time.sleep(60)
        os._exit(0)
    return HttpResponse(VALUE)
"""


def edits_are_live(server: ParitySite) -> None:
    """Edit the view twice, at its module's level and, where that is fast, inside the function."""
    server.shows("one")
    server.change("views.py", '"one"', '"two"')
    server.shows("two")
    server.change("views.py", "HttpResponse(VALUE)", "HttpResponse(VALUE.upper())")
    server.shows("TWO")


def ends_at_ctrl_c(server: ParitySite) -> None:
    """Press Ctrl-C: the exit code is 0, and no process is left."""
    server.interrupt()
    assert server.wait() == 0
    server.all_gone()


def test_a_program_that_closes_all_descriptors(parity_site: Maker) -> None:
    """Settings or an app with code for daemons would end every start."""
    ready = """for number in map(int, os.listdir("/proc/self/fd")):
            try:
                number > 2 and os.close(number)
            except OSError:
                pass

        class Daemon:
            close, exec = os.close, os.execv
        try:
            Daemon().close(-1)
        except OSError:
            pass
        note = open("note.txt", "a", buffering=1)
        note.write("mine")"""
    with parity_site(settings="\nos.closerange(3, 4096)\n", ready=ready) as server:
        edits_are_live(server)
        ends_at_ctrl_c(server)
        # What the program opened then is its own: nothing else was written there.
        assert not server.path("note.txt").read_text().replace("mine", "")


def test_a_program_that_replaces_itself(parity_site: Maker) -> None:
    """A script that moves into another environment, or a restart button, ends the command."""
    manage = MANAGE.replace(MAIN, MAIN + AGAIN)
    with parity_site({"manage.py": manage, "views.py": RESTART_BUTTON}) as server:
        server.shows("one of the script")
        server.change("views.py", '"one"', '"two"')
        server.shows("two of the script")
        with pytest.raises((OSError, AssertionError)):
            # The connection ends with the program that had accepted it.
            assert not server.get("/?restart").text
        server.shows("two of the script pressed")
        server.change("views.py", '"two"', '"three"')
        server.shows("three of the script")
        ends_at_ctrl_c(server)


@pytest.mark.parametrize("way", [DJANGO, COPIES], ids=str)
def test_a_program_that_runs_itself_in_a_process_of_its_own(tmp_path: Path, way: Reloader) -> None:
    """A script that starts its inner self with other options would stay with the old code."""
    manage = MANAGE.replace(MAIN, MAIN + INNER)
    with way.maker(tmp_path)({"manage.py": manage}) as server:
        # The inner process has no supervisor: it looks after itself, as Django does.
        server.reloader = DJANGO
        server.shows("one")
        server.change("views.py", '"one"', '"two"')
        server.shows("two")
        if way is DJANGO:
            ends_at_ctrl_c(server)
        else:
            server.terminate()
            server.wait()
            server.all_gone()


@pytest.mark.parametrize(
    ("words", "flags", "program"),
    [
        (["manage.py", "-x"], [], ["manage.py", "-x"]),
        (["-u", "-X", "dev", "-Wd", "-m", "shop", "run"], ["-u", "-X", "dev", "-Wd"], None),
        (["-Im", "shop", "run"], ["-I"], None),
        (["-c", "pass"], [], ["-c", "pass"]),
    ],
)
def test_command_lines_of_python(
    words: Sequence[str], flags: Sequence[str], program: Sequence[str] | None
) -> None:
    """The program's own arguments would be taken for the interpreter's, or the reverse."""
    found = split_python(words)
    assert found == (tuple(flags), tuple(program or ["-m", "shop", "run"]))


@pytest.mark.parametrize("words", [[], ["-i"], ["-"], ["-X", "dev"]])
def test_command_lines_without_a_program(words: Sequence[str]) -> None:
    """An interactive interpreter would be given a program that nobody asked for."""
    with pytest.raises(EntryError):
        split_python(words)


def test_states_of_the_process(parity_site: Maker) -> None:
    """Settings with code for daemons would be in the way of what the reloader does."""
    with parity_site(settings=STATES) as server:
        edits_are_live(server)


NO_PROC = """
import builtins
plain_open = builtins.open

def open_but_not_there(file, *args, **kwargs):
    if str(file).startswith("/proc/"):
        raise PermissionError(13, "not for this program", file)
    return plain_open(file, *args, **kwargs)

builtins.open = open_but_not_there
"""


def test_a_program_that_cannot_look_at_itself(parity_site: Maker) -> None:
    """In a sandbox, or where ``/proc`` is not mounted, each start would fail."""
    with parity_site(settings=NO_PROC) as server:
        edits_are_live(server)
        ends_at_ctrl_c(server)


def test_a_process_group_of_its_own(parity_site: Maker) -> None:
    """Ctrl-C does not reach such a process: it would be left behind, and keep the port."""
    settings = '\nif os.environ.get("RUN_MAIN") == "true":\n    os.setpgrp()\n'
    with parity_site(settings=settings) as server:
        edits_are_live(server)
        ends_at_ctrl_c(server)


def test_a_time_limit_for_all_sockets(our_reloader: Reloader, tmp_path: Path) -> None:
    """Whoever sets one would meet it in what the reloader waits for, and in its copies.

    A millisecond stands for a limit that is too short for once; a browser's connection keeps
    none here.
    """
    settings = "\nimport socket; socket.setdefaulttimeout(0.001)\n"
    with our_reloader.maker(tmp_path)(settings=settings) as server:
        edits_are_live(server)
        ends_at_ctrl_c(server)
        assert "Traceback" not in server.output


#: What Django itself needs, with little to spare. Until Python 3.11 calls in C count, too.
LOW_LIMIT = 150 if sys.version_info >= (3, 12) else 300
DEPTH = """
import sys
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def depth():
    try:
        return 1 + depth()
    except RecursionError:
        return 1

def page(request):
    return HttpResponse(f"{VALUE} {sys.getrecursionlimit()} {depth() > LIMIT - 20}")
"""


def test_a_low_recursion_limit(parity_site: Maker) -> None:
    """A program that bounds its own recursion would fail for what the reloader calls."""
    settings = f"""
for wrong in (0, -1):
    try:
        sys.setrecursionlimit(wrong)
    except ValueError:
        pass
    else:
        raise AssertionError(wrong)
sys.setrecursionlimit({LOW_LIMIT})
"""
    views = DEPTH.replace("LIMIT", str(LOW_LIMIT))
    with parity_site({"views.py": views}, settings=settings) as server:
        server.shows(f"one {LOW_LIMIT} True")
        server.change("views.py", '"one"', '"two"')
        server.shows(f"two {LOW_LIMIT} True")
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows(f"two, {LOW_LIMIT} True")
        ends_at_ctrl_c(server)


SLOW_END = """
import atexit, os, time

def end():
    print("handler begins", flush=True)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        time.sleep(0.01)
    print("handler ends", flush=True)

if os.environ.get("RUN_MAIN") == "true":
    atexit.register(end)
"""


def test_an_exit_handler_that_takes_its_time(our_reloader: Reloader, tmp_path: Path) -> None:
    """The signal of a process manager, passed on to a process that is ending, would cut it off.

    Django's own command does not wait for it.
    """
    with our_reloader.maker(tmp_path)(settings=SLOW_END) as server:
        edits_are_live(server)
        since = server.mark()
        ends_at_ctrl_c(server)
        assert "handler ends" in server.output[since:]
        assert "Traceback" not in server.output


@pytest.mark.parametrize("handler", ["os._exit, 0", "lambda: os._exit(0)", "Event().wait"])
def test_an_exit_handler_that_ends_or_hangs(
    our_reloader: Reloader, tmp_path: Path, handler: str
) -> None:
    """A cure for libraries that crash at the exit would end the command at its first start.

    Django's own serves, and ends with the first reload, as its child never exits with 3.
    """
    settings = f"\nimport atexit\nfrom threading import Event\natexit.register({handler})\n"
    with our_reloader.maker(tmp_path)(settings=settings) as server:
        edits_are_live(server)
        server.interrupt()
        server.wait()
        server.all_gone()
        assert "Traceback" not in server.output


def test_a_view_that_forks(our_reloader: Reloader, tmp_path: Path) -> None:
    """What a view leaves running has all descriptors: the port would be kept from each reload.

    Django's own command fails so.
    """
    with our_reloader.maker(tmp_path)({"views.py": FORKS}) as server:
        server.shows("one")
        server.get("/?fork")
        edits_are_live(server)
        ends_at_ctrl_c(server)
