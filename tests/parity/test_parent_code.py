"""What a project does in the reloader's parent process, once, and across all reloads."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.parent_code import has_parent_code
from harness import wait_until
from parity.reloaders import COPIES, DJANGO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness import DevServer
    from parity.reloaders import ParitySite, Reloader

#: Notes on the disk, with the exit handlers among them.
NOTES = """
import atexit, os, threading
from pathlib import Path

def note(text):
    with open(Path(__file__).with_name("notes.txt"), "a") as file:
        file.write(text + "\\n")

def begin(name):
    atexit.register(note, f"{name} ends")
    note(f"{name} begins")
"""
IN_READY = """import notes
        if os.environ.get("RUN_MAIN") != "true":
            notes.begin("ready")"""
#: A thread: it ends with the process that it was started in.
IN_SETTINGS = """
import socket, threading
import notes

def serve(listening):
    while True:
        listening.accept()[0].close()

if os.environ.get("RUN_MAIN") != "true":
    notes.begin("settings")
    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listening,), daemon=True).start()
    (BASE_DIR / "port.txt").write_text(str(listening.getsockname()[1]))
"""


def notes(server: DevServer) -> list[str]:
    """Return what has been noted so far."""
    path = server.path("notes.txt")
    return path.read_text().splitlines() if path.exists() else []


def noted(server: DevServer, *lines: str) -> None:
    """Await that exactly this has been noted."""
    wait_until(lambda: notes(server) == [*lines], lines)


def reload(server: ParitySite) -> None:
    """Edit a view."""
    server.change("views.py", "one", "two")
    server.shows("two")


@pytest.fixture(params=[DJANGO, COPIES], ids=str)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ParitySite]:
    """Return what makes a site, for Django's reloader and for ours."""
    return request.param.maker(tmp_path)  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_ready(site: Callable[..., ParitySite], number: int) -> None:
    """A tunnel or a scheduler would never be started, once for each reload, or left behind."""
    with site({"notes.py": NOTES}, ready=IN_READY) as server:
        server.shows("one")
        noted(server, "ready begins")
        reload(server)
        noted(server, "ready begins")
        os.killpg(server.pid, number)
        assert server.wait() == 0
        noted(server, "ready begins", "ready ends")
        assert "RUN_MAIN" not in server.output


@pytest.mark.parametrize(
    ("reloader", "terminal"), [(DJANGO, False), (COPIES, False), (COPIES, True)], ids=str
)
def test_in_settings(reloader: Reloader, tmp_path: Path, *, terminal: bool) -> None:
    """What the settings start in the parent would be gone at once, or be started twice."""
    files = {"notes.py": NOTES}
    site = reloader.maker(tmp_path)
    with site(files, settings=IN_SETTINGS, ready=IN_READY, terminal=terminal) as server:
        server.shows("one")
        noted(server, "settings begins", "ready begins")
        reload(server)
        port = int(server.path("port.txt").read_text())
        socket.create_connection(("127.0.0.1", port)).close()
        if terminal:
            server.interrupt()
        else:
            os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        noted(server, "settings begins", "ready begins", "ready ends", "settings ends")
        wait_until(lambda: not server.processes(), "the end of all processes")


@pytest.mark.parametrize("settings", ["", IN_SETTINGS], ids=["ready", "settings"])
def test_killed(tmp_path: Path, settings: str) -> None:
    """A mistake in the parent's code would end the command, and its death would leave it behind."""
    ready = f'{IN_READY}\n            raise LookupError("no tunnel")'
    files = {"notes.py": NOTES}
    with COPIES.maker(tmp_path)(files, settings=settings, ready=ready) as server:
        server.shows("one")
        server.wait_for_output("LookupError: no tunnel")
        reload(server)
        assert server.output.count("LookupError: no tunnel") == 1
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.processes(), "the end of all processes")
        server.prints_at_end = False


def test_other_ways_to_start(tmp_path: Path) -> None:
    """The parent's code would run only with one of the ways to start the command."""
    command = (sys.executable, "-m", "django_autoreload_plus", "manage.py", "runserver")
    site = COPIES.maker(tmp_path)(
        {"notes.py": NOTES},
        settings=IN_SETTINGS,
        ready=IN_READY,
        command=(*command, "{address}"),
    )
    with site as server:
        server.shows("one")
        noted(server, "settings begins", "ready begins")
        server.interrupt()
        server.wait()
        noted(server, "settings begins", "ready begins", "ready ends", "settings ends")


def test_without_a_framework(tmp_path: Path) -> None:
    """A program of its own would lose what it starts before main()."""
    program = """
import os, sys, time
import notes
from django_autoreload_plus import autoreload

if os.environ.get("RUN_MAIN") != "true":
    notes.begin("script")

def serve():
    notes.note("serving")
    while True:
        time.sleep(60)

autoreload.main(serve)
"""
    files = {"notes.py": NOTES, "program.py": program}
    site = COPIES.maker(tmp_path)(files, command=(sys.executable, "program.py"))
    with site as server:
        noted(server, "script begins", "serving")
        server.change("program.py", '"serving"', '"again"')
        noted(server, "script begins", "serving", "again")
        server.interrupt()
        server.wait()
        noted(server, "script begins", "serving", "again", "script ends")


def test_written_while_the_server_runs(tmp_path: Path) -> None:
    """Code for the parent would wait for the next start of the command."""
    with COPIES.maker(tmp_path)({"notes.py": NOTES}) as server:
        server.shows("one")
        server.change("shop/apps.py", "pass", IN_READY)
        noted(server, "ready begins")
        server.change("shop/apps.py", '"ready"', '"other"')
        reload(server)
        noted(server, "ready begins")


def test_code_for_the_child_only(tmp_path: Path) -> None:
    """Projects that ask only in order to run once would pay for another process."""
    settings = """
print("settings:", os.environ.get("RUN_" + "MAIN"), flush=True)
if os.environ.get("RUN_MAIN") == "true":
    print("the child", flush=True)
"""
    ready = """import notes
        if "runserver" in sys.argv and os.environ.get("RUN_MAIN") != "true":
            return
        notes.note("child")"""
    site = COPIES.maker(tmp_path)({"notes.py": NOTES}, settings=settings, ready=ready)
    with site as server:
        server.shows("one")
        server.change("shop/apps.py", "return", "return notes.note('parent')")
        # Two processes, each in its own time.
        wait_until(lambda: sorted(notes(server)) == ["child", "child", "parent"], "all notes")
        # The first process, and the parent that came with the edit.
        server.wait_for_output("(?s)settings: None.*settings: None")
        assert server.output.count("settings: None") == 2


NAMES = ("RUN_MAIN", "RUN_MAIN_NAME", "OTHER_RUN_MAIN")
FOR_THE_CHILD = [
    'x = 1\n# RUN_MAIN\n"""about RUN_MAIN"""\n',
    'if os.environ.get("RUN_MAIN") == "true":\n    start()\n',
    'def f():\n    if os.environ.get("RUN_MAIN", None) != "true":\n        return\n    go()\n',
    'def f():\n    if not os.getenv("RUN_MAIN"):\n        print(2)\n        return\n    go()\n',
    'if os.environ.get("RUN_MAIN") or os.environ.get("OTHER_RUN_MAIN"):\n    listen()\n',
    'if "RUN_MAIN" in os.environ:\n    start()\n',
    'if "serve" not in sys.argv or os.environ.get("RUN_MAIN") == "true":\n    start()\n',
    'if os.getenv("RUN_MAIN", "false") == "true":\n    def f():\n        return 3\n    f()\n',
    'assert os.environ.get("RUN_MAIN") != "true", "not with the reloader"\n',
    "from x import RUN_MAIN_NAME\nif os.environ.get(RUN_MAIN_NAME) == 'true':\n    start()\n",
    'syntax error RUN_MAIN"',
]
FOR_THE_PARENT = [
    'if not os.environ.get("RUN_MAIN"):\n    print("welcome")\n',
    'if os.environ.get("RUN_MAIN") != "true":\n    start()\n',
    'if "serve" in sys.argv and not os.environ.get("RUN_MAIN"):\n    start()\n',
    'if "RUN_MAIN" not in os.environ:\n    start()\n',
    'if os.environ.get("RUN_MAIN") == "true":\n    child()\nelse:\n    start()\n',
    'def f():\n    if os.environ.get("RUN_MAIN") == "true":\n        return\n    start()\n',
    'if os.environ.get("RUN_MAIN") == "true":\n    sys.exit()\nstart()\n',
    'PARENT = os.environ.get("RUN_MAIN") != "true"\n',
    'if os.environ.get("RUN_MAIN") == "true":\n    PARENT = False\n',
    'def f():\n    if os.getenv("RUN_MAIN") != "true":\n        return True\n    return False\n',
    "from x import RUN_MAIN_NAME\nif os.environ.get(RUN_MAIN_NAME) != 'true':\n    start()\n",
    'try:\n    os.environ["RUN_MAIN"]\nexcept KeyError:\n    start()\n',
]


@pytest.mark.parametrize("source", FOR_THE_CHILD)
def test_found_to_be_for_the_child(source: str) -> None:
    """The commonest recipes would cost every project that follows them a process."""
    assert not has_parent_code(source.encode(), NAMES, ("serve",))


@pytest.mark.parametrize("source", FOR_THE_PARENT)
def test_found_to_be_for_the_parent(source: str) -> None:
    """What has to run in the parent would not be found."""
    assert has_parent_code(source.encode(), NAMES, ("serve",))
