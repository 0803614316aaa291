"""Django's options, their errors and exit codes."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command.sites import VIEWS, is_page, make_site, manage, site
from harness import HOST, DevServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHOUT = 'INSTALLED_APPS.remove("django_autoreload_plus")\n'
INSECURE = "DEBUG = False\nALLOWED_HOSTS = ['*']\n"


#: Becomes the command, without the right of the superuser to bind any port.
POWERLESS = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE = 24, 10
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
BIND = f"import socket; socket.socket().bind(({HOST!r}, 1))"


def run(
    root: Path, *words: str, settings: str = "", command: Sequence[str] = ()
) -> tuple[int, str]:
    """Run a command that ends by itself; returns its code and what it printed."""
    make_site(root, settings=settings)
    env = {"PYTHONUNBUFFERED": "1"}
    with DevServer(root, command=command or manage(*words), env=env) as server:
        code = server.wait()
    # The line that is ours, and its place, depend on how far the start got.
    lines = [line for line in server.output.splitlines() if "Watching for" not in line]
    return code, "\n".join(lines)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("runserver", "--help"), 0),
        (("runserver", "--version"), 0),
        (("runserver", "nonsense"), 1),
        (("runserver", "--no-such-option"), 2),
        (("runserver", "1234", "5678"), 2),
        (("runserver", "[::1]:0", "--nonsense"), 2),
        (("runserver", "-v", "9"), 2),
        (("runserver", "203.0.113.1:0"), 1),
        (("runserver", "no.such.host.invalid:0"), 1),
    ],
)
def test_what_django_refuses_is_refused_alike(
    tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    """A mistake on the command line would hang, or be explained in other words."""
    mine = run(tmp_path / "ours", *words)
    theirs = run(tmp_path / "django", *words, settings=WITHOUT)
    assert mine == theirs
    assert mine[0] == code


def test_port_that_does_not_exist(tmp_path: Path) -> None:
    """Django's own command prints a traceback and hangs."""
    code, text = run(tmp_path, "runserver", f"{HOST}:99999")
    assert code == 1
    assert "Error: bind(): port must be 0-65535." in text
    assert "Traceback" not in text


def test_port_in_use(tmp_path: Path) -> None:
    """A second server would wait instead of saying that there is a first one."""
    with socket.create_server((HOST, 0)) as taken:
        address = f"{HOST}:{taken.getsockname()[1]}"
        mine = run(tmp_path / "ours", "runserver", address)
        theirs = run(tmp_path / "django", "runserver", address, settings=WITHOUT)
    assert mine == theirs
    assert mine[0] == 1
    assert "That port is already in use." in mine[1]


def test_privileged_port(tmp_path: Path) -> None:
    """Nobody would learn why port 80 cannot be had."""
    tried = subprocess.run(
        [sys.executable, "-c", POWERLESS, sys.executable, "-c", BIND], check=False
    )
    if tried.returncode == 0:
        pytest.skip("this system lets everybody bind every port")
    words = (sys.executable, "-c", POWERLESS, *manage("runserver", f"{HOST}:1"))
    mine = run(tmp_path / "ours", command=words)
    assert mine == run(tmp_path / "django", command=words, settings=WITHOUT)
    assert mine[0] == 1
    assert "You don't have permission to access that port." in mine[1]


def test_no_allowed_hosts(tmp_path: Path) -> None:
    """The way to switch DEBUG off would be found out by trial and error."""
    mine = site(tmp_path / "ours", settings="DEBUG = False\n")
    with mine:
        mine.wait_for_output("You must set settings.ALLOWED_HOSTS if DEBUG is False")
        mine.write("site_settings.py", mine.path("site_settings.py").read_text() + INSECURE)
        is_page(mine, "one")


@pytest.mark.parametrize("word", ["{port}", "0:{port}", "localhost:{port}", "0.0.0.0:{port}"])
def test_addresses(tmp_path: Path, word: str) -> None:
    """Spellings of the address that Django takes would not work."""
    make_site(tmp_path)
    with DevServer(tmp_path, command=manage("runserver", word)) as server:
        is_page(server, "one")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
@pytest.mark.parametrize("words", [("--ipv6", "{port}"), ("-6", "[::1]:{port}"), ("[::1]:{port}",)])
def test_ipv6(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Those who develop with IPv6 could not."""
    make_site(tmp_path)
    with DevServer(tmp_path, command=manage("runserver", *words)) as server:

        def text() -> str:
            try:
                with urllib.request.urlopen(f"http://[::1]:{server.port}/") as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        wait_until(lambda: text() == "one", "an answer")
        server.edit("shop/views.py", '"one"', '"two"')
        wait_until(lambda: text() == "two", "the new code")


#: Shows whether anything of the reloader's is at work in the process that answers.
CENSUS = """
import sys, threading

def page(request):
    names = sorted(thread.name for thread in threading.enumerate())
    ours = sorted(
        name
        for name in sys.modules
        if name.startswith(("watchdog", "django_autoreload_plus.watcher"))
    )
    return HttpResponse(f"{names} {ours} {len(sys.meta_path)}")
"""


def held_by(pid: int) -> tuple[int, list[str]]:
    """How many threads a process has, and what its descriptors are."""
    kinds = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        # A directory is listed by a descriptor of its own, which is gone by now.
        with contextlib.suppress(OSError):
            kinds.append(str(descriptor.readlink()).partition("[")[0])
    return len(list(Path(f"/proc/{pid}/task").iterdir())), sorted(kinds)


def wait_until_calm(pid: int) -> None:
    """Await the end of the thread that answered a request."""
    wait_until(lambda: held_by(pid)[0] == 1, "a single thread")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("option", ["--noreload", "--norel"])
def test_noreload_is_plain_django(tmp_path: Path, option: str) -> None:
    """A debugger that wants one process and one thread would meet ours."""
    found = []
    for name, settings in (("ours", ""), ("django", WITHOUT)):
        views = {"shop/views.py": VIEWS + CENSUS}
        with site(tmp_path / name, option, files=views, settings=settings) as server:
            census = server.wait_for().text
            wait_until_calm(server.pid)
            [process] = server.processes()
            assert process.pid == server.pid
            found.append((census, held_by(process.pid)))
            server.interrupt()
            assert server.wait() == 0
    assert found[0] == found[1]


def test_nothreading_serves_and_reloads(tmp_path: Path) -> None:
    """Those who need one request at a time would not get the new code."""
    thread = "import threading\nVALUE = threading.current_thread().name\n"
    view = "def page(request):\n    return HttpResponse(threading.current_thread().name)\n"
    with site(tmp_path, "--nothreading") as server:
        is_page(server, "one")
        server.write("shop/views.py", VIEWS + thread + view)
        is_page(server, "MainThread")


def test_static_files(tmp_path: Path) -> None:
    """Static files would be missing, or be served where they must not."""
    css = "/static/shop/style.css"
    with site(tmp_path / "a") as server:
        assert server.wait_for(css).text == "body {}"
    with site(tmp_path / "b", "--nostatic") as server:
        is_page(server, "one")
        assert server.get(css).status == 404
    with site(tmp_path / "c", "--insecure", settings=INSECURE) as server:
        assert server.wait_for(css).text == "body {}"
    with site(tmp_path / "d", settings=INSECURE) as server:
        is_page(server, "one")
        assert server.get(css).status == 404


def test_settings_and_pythonpath(tmp_path: Path) -> None:
    """Projects with several settings modules could not be served."""
    extra = "from site_settings import *\nfrom shop import views\nviews.VALUE = 'other'\n"
    make_site(tmp_path, {"elsewhere/other_settings.py": extra})
    words = ("runserver", "{address}", "--settings", "other_settings", "--pythonpath=elsewhere")
    with DevServer(tmp_path, command=manage(*words)) as server:
        is_page(server, "other")
        server.edit("elsewhere/other_settings.py", "'other'", "'another'")
        is_page(server, "another")


def test_port_is_free_after_a_kill(tmp_path: Path) -> None:
    """After a crash of the terminal the port would stay taken."""
    with site(tmp_path) as server:
        is_page(server, "one")
        server.kill_parent()
        server.all_gone()
        server.start()
        is_page(server, "one")
