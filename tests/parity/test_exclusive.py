"""What an old process holds, the new one needs: ports, locks, pid files, databases, helpers."""

from __future__ import annotations

import os
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from harness import Hammer, free_ports, wait_until
from parity.reloaders import COPIES, MANAGE, VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

TALKATIVE = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
#: Takes things that one process can have at a time; ``PORTS`` stands for three free ones.
HELD = """
import atexit, fcntl, multiprocessing, os, socket, sqlite3, subprocess, sys, threading, time

PORTS = {ports}
HELD = []

def child(take):
    # The process that a reloader watches over has nothing of its own.
    if os.environ.get("RUN_MAIN") == "true":
        take()

def bind(family, kind, address):
    held = socket.socket(family, kind)
    if family == socket.AF_INET:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(address)
    HELD.append(held)
    return held

def tcp():
    bind(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORTS[0])).listen()

def udp():
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("127.0.0.1", PORTS[0]))
    HELD.append(held)

def unix():
    bind(socket.AF_UNIX, socket.SOCK_STREAM, "own.socket")
    atexit.register(os.unlink, "own.socket")

def abstract():
    bind(socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + os.getcwd())

def lock():
    HELD.append(open("lock", "a"))
    fcntl.flock(HELD[-1], fcntl.LOCK_EX)

def opened():
    HELD.append(open("late", "a"))

def late_lock():
    fcntl.flock(HELD[0], fcntl.LOCK_EX | fcntl.LOCK_NB)

def record_lock():
    HELD.append(open("lock", "w"))
    fcntl.lockf(HELD[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)

def pid_file():
    with open("pid", "x") as file:
        file.write(str(os.getpid()))
    atexit.register(os.unlink, "pid")

def folder():
    os.mkdir("folder")
    atexit.register(os.rmdir, "folder")

def database():
    HELD.append(sqlite3.connect("own.sqlite3", timeout=0.2, isolation_level=None))
    HELD[-1].execute("PRAGMA locking_mode=EXCLUSIVE")
    HELD[-1].execute("BEGIN EXCLUSIVE")
    HELD[-1].execute("COMMIT")

def answer(port, pid):
    served = socket.socket()
    served.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    served.bind(("127.0.0.1", port))
    served.listen()
    while True:
        connection, _ = served.accept()
        with connection:
            connection.sendall(str(pid).encode())

def thread():
    threading.Thread(target=answer, args=(PORTS[1], os.getpid()), daemon=True).start()

def late_thread():
    timer = threading.Timer(0.3, answer, args=(PORTS[1], os.getpid()))
    timer.daemon = True
    timer.start()

def helper():
    fork = multiprocessing.get_context("fork")
    fork.Process(target=answer, args=(PORTS[2], os.getpid()), daemon=True).start()

def spawned_helper():
    spawn = multiprocessing.get_context("spawn")
    spawn.Process(target=answer, args=(PORTS[2], os.getpid()), daemon=True).start()

def program():
    code = "import held, sys; held.answer(held.PORTS[2], sys.argv[1])"
    started = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())])
    atexit.register(started.wait)
    atexit.register(started.terminate)

def is_answered(port):
    try:
        return asks(port)
    except ConnectionError:
        # Not yet.
        return False

def asks(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        return connection.recv(64) == str(os.getpid()).encode()
"""
SERVED_HERE = """
from django.http import HttpResponse
import held

VALUE = "one"
READ = VALUE
PORTS = {ports}

def page(request):
    return HttpResponse(VALUE if all(map(held.is_answered, PORTS)) else "of another process")
"""
#: What is taken, where, and which of the ports are answered.
KINDS = {
    "tcp": ("tcp", "shop/models.py", ""),
    "udp": ("udp", "shop/models.py", ""),
    "unix": ("unix", "settings.py", ""),
    "abstract": ("abstract", "manage.py", ""),
    "record lock": ("record_lock", "shop/models.py", ""),
    "lock": ("lock", "settings.py", ""),
    "pid file": ("pid_file", "settings.py", ""),
    "folder": ("folder", "shop/apps.py", ""),
    "database": ("database", "shop/apps.py", ""),
    "thread": ("thread", "shop/apps.py", "held.PORTS[1]"),
    "late thread": ("late_thread", "shop/apps.py", "held.PORTS[1]"),
    "helper": ("helper", "shop/apps.py", "held.PORTS[2]"),
    "spawned helper": ("spawned_helper", "shop/apps.py", "held.PORTS[2]"),
    "program": ("program", "shop/apps.py", "held.PORTS[2]"),
}
#: What can be taken together, under every reloader.
TOGETHER = ("abstract", "tcp", "pid file", "lock", "folder", "database", "thread", "program")


def site(make: Callable[..., ParitySite], kinds: tuple[str, ...]) -> ParitySite:
    """Return a site that takes these things."""
    ports = ", ".join(KINDS[kind][2] for kind in kinds if KINDS[kind][2])
    files = {
        "held.py": HELD.replace("{ports}", str(free_ports(3))),
        "views.py": SERVED_HERE.replace("{ports}", f"[{ports}]"),
        "manage.py": MANAGE,
        "shop/models.py": "",
        "urls.py": "from django.urls import path\nimport views\n\n"
        'urlpatterns = [path("", views.page)]\n',
    }
    settings, ready = "", "pass"
    for kind in kinds:
        name, place, _ = KINDS[kind]
        call = f"import held; held.child(held.{name})"
        if place == "settings.py":
            settings += f"\n{call}\n"
        elif place == "shop/apps.py":
            ready += f"; {call}"
        elif place == "manage.py":
            files[place] = files[place].replace("    from", f"    {call}\n    from", 1)
        else:
            files[place] += f"\n{call}\n"
    return make(files, settings=settings, ready=ready)


def reload_three_times(server: ParitySite) -> None:
    """Edit and await what the new process answers."""
    server.shows("one")
    for old, new in (("one", "two"), ("two", "three"), ("three", "four")):
        server.change("views.py", f'"{old}"', f'"{new}"')
        server.shows(new)


def test_all_together(parity_site: Callable[..., ParitySite]) -> None:
    """A project with a side server, a lock and a pid file would fail at its first edit."""
    with site(parity_site, TOGETHER) as server:
        reload_three_times(server)


@pytest.mark.parametrize("kind", KINDS)
def test_each(kind: str, tmp_path: Path) -> None:
    """This one thing, held by the old process, would fail every reload, or hang it."""
    with site(COPIES.maker(tmp_path), (kind,)) as server:
        reload_three_times(server)
        assert "Error" not in server.output


def test_a_file_locked_after_it_was_opened(tmp_path: Path) -> None:
    """A frozen copy that has the same file open would keep the lock from every other start."""
    with COPIES.maker(tmp_path)(
        {"held.py": HELD.replace("{ports}", "[]")},
        settings="\nimport held; held.child(held.opened); ONE = 1\n",
        ready="import held; held.child(held.late_lock)",
    ) as server:
        server.shows("one")
        server.change("views.py", "one", "two")
        server.shows("two")
        server.change("settings.py", "ONE = 1", "ONE = 2")
        server.change("views.py", "two", "three")
        server.shows("three")
        assert "Error" not in server.output


#: Taken without an audit event: what another process has can only be met by failing.
UNSEEN = """
import atexit, os, time
import _posixshmem

NAME = "/autoreload-{name}"

def take():
    while True:
        try:
            os.close(_posixshmem.shm_open(NAME, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if not {waits}:
                raise
            time.sleep(0.02)
        else:
            atexit.register(_posixshmem.shm_unlink, NAME)
            return
"""


@pytest.mark.parametrize("waits", [False, True], ids=["fails", "hangs"])
def test_what_no_event_tells(waits: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    """What a library locks in C would fail every reload, or hang it until the time limit."""
    files = {
        "unseen.py": UNSEEN.format(name=uuid.uuid4().hex, waits=waits),
        "urls.py": "import os\nfrom django.urls import path\nimport views, unseen\n\n"
        "if os.environ.get('RUN_MAIN') == 'true':\n    unseen.take()\n"
        'urlpatterns = [path("", views.page)]\n',
    }
    with COPIES.maker(tmp_path)(files) as server:
        server.shows("one")
        server.change("views.py", "one", "two")
        server.shows("two")
        assert "Error" not in server.output


LOCKED_IN_C = """
import ctypes, fcntl, os
HELD = open("lock", "a")
FLAGS = fcntl.LOCK_EX | fcntl.LOCK_NB
if os.environ.get("RUN_MAIN") and ctypes.CDLL(None).flock(HELD.fileno(), FLAGS):
    raise OSError("locked by another process")
"""


def test_a_file_locked_in_c(our_reloader: Reloader, tmp_path: Path) -> None:
    """A library with a database of its own (dbm, DuckDB) would fail every reload.

    The copies have the file open, and so the lock, too.
    """
    with our_reloader.maker(tmp_path)({"shop/models.py": LOCKED_IN_C}) as server:
        reload_three_times(server)
        assert "Error" not in server.output


def test_nobody_is_turned_away_meanwhile(our_reloader: Reloader, tmp_path: Path) -> None:
    """While nothing serves, between the end of the old process and the new one, requests fail."""
    with site(our_reloader.maker(tmp_path), ("tcp", "pid file")) as server:
        server.shows("one")
        with Hammer(server.port) as hammer:
            for old, new in (("one", "two"), ("two", "three")):
                hammer.wait_for_answers(3)
                server.change("views.py", f'"{old}"', f'"{new}"')
                server.shows(new)
            hammer.wait_for_answers(3)
        assert not hammer.failures
        assert set(hammer.statuses) == {200}
        # None by older code than the one before.
        order = [
            text for index, text in enumerate(hammer.texts) if text not in hammer.texts[:index]
        ]
        assert order == ["one", "two", "three"]


SLOW = """
import os, time
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    if "slow" in request.GET:
        open("begun", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    return HttpResponse(VALUE)
"""


def test_who_holds_nothing_finishes(our_reloader: Reloader, tmp_path: Path) -> None:
    """A slow answer would be cut off at each save, though nobody waits for its process."""
    with our_reloader.maker(tmp_path)({"views.py": SLOW}) as server, ThreadPoolExecutor() as pool:
        server.shows("one")
        slow = pool.submit(server.get, "/?slow")
        wait_until(server.path("begun").exists, "a slow answer under way")
        server.change("views.py", "one", "two")
        server.shows("two")
        server.write("go", "")
        assert slow.result().text == "one"


#: Does not end by itself: the interpreter waits for its thread.
ENDLESS = """
import threading, time
import held

def stay():
    threading.Thread(target=time.sleep, args=(3600,)).start()

held.child(held.tcp)
"""


def test_edits_and_the_end_while_waiting(tmp_path: Path) -> None:
    """While a process that does not end is waited for, edits would be lost, Ctrl-C hang."""
    files = {
        "held.py": HELD.replace("{ports}", str(free_ports(3))),
        "endless.py": ENDLESS,
        "urls.py": "import endless\nfrom django.urls import path\nimport views\n\n"
        'urlpatterns = [path("", views.page), path("stay", views.stay)]\n',
        "views.py": VIEWS + "\nimport endless\n\ndef stay(request):\n"
        "    endless.stay()\n    return HttpResponse()\n",
    }
    with COPIES.maker(tmp_path)(files, options=("--verbosity", "2")) as server:
        server.shows("one")
        server.get("/stay")
        since = server.mark()
        server.edit("endless.py", "3600", "3601")
        server.wait_for_output("the old process ends first", since=since)
        server.edit("views.py", "one", "two")
        server.shows("two")
        server.get("/stay")
        since = server.mark()
        server.edit("endless.py", "3601", "3602")
        server.wait_for_output("the old process ends first", since=since)
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


LATE = """
import os, subprocess, threading, time
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def wait_for(name):
    deadline = time.monotonic() + 60
    while not os.path.exists(name) and time.monotonic() < deadline:
        time.sleep(0.02)
    return os.path.exists(name)

def late():
    if wait_for("importing"):
        subprocess.run(["sh", "-c", "echo told > late"])

if VALUE == "two":
    threading.Thread(target=late, daemon=True).start()
if VALUE == "three":
    open("importing", "w").close()
    # The old process asks now; were this one ended for it, that would be some seconds later.
    assert wait_for("late")
    time.sleep(4)

def page(request):
    if "slow" in request.GET:
        open("slow", "w").close()
        wait_for("late")
    return HttpResponse(VALUE)
"""


def test_the_old_process_asks_while_a_new_one_starts(tmp_path: Path) -> None:
    """The start under way would be killed, or the old process would hang, and with it a reload."""
    site = COPIES.maker(tmp_path)
    with site({"views.py": LATE}) as server, ThreadPoolExecutor(1) as pool:
        server.shows("one")
        # The first process is still there when the second one is live, which so has to ask.
        slow = pool.submit(server.get, "/?slow")
        wait_until((tmp_path / "slow").exists, "the slow request")
        server.change("views.py", '"one"', '"two"')
        server.shows("two")
        server.change("views.py", 'VALUE = "two"', 'VALUE = "three"')
        server.shows("three")
        # Cut when the time for answers under way is over.
        slow.exception()
        assert (tmp_path / "late").read_text() == "told\n"
        assert "tried again" not in server.output


LASTING = """
import os, subprocess, sys
from django.http import HttpResponse

VALUE = "one"
READ = VALUE
if os.environ.get("RUN_MAIN") == "true":
    PROGRAM = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

def page(request):
    return HttpResponse(f"{VALUE} {PROGRAM.pid}")
"""


def test_a_helper_that_outlives_the_old_process(tmp_path: Path) -> None:
    """Each reload would wait for it, or end what Django's own reloader leaves alone."""
    helpers = []
    with COPIES.maker(tmp_path)({"views.py": LASTING}, env=TALKATIVE) as server:
        for old, new in (("zero", "one"), ("one", "two"), ("two", "three")):
            if old != "zero":
                server.change("views.py", f'"{old}"', f'"{new}"')
            server.wait_for("/", lambda answer, word=new: answer.text.startswith(word))  # type: ignore[misc]
            helpers.append(int(server.get("/").text.split()[1]))
        server.wait_for_output("does not end with the old process")
        # It is told once: from then on its command is known.
        assert server.output.count("does not end with the old process") == 1
        for helper in helpers:
            os.kill(helper, signal.SIGKILL)
