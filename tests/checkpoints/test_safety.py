"""What cannot be copied faithfully is not copied, and the edit is served all the same."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import django_autoreload_plus
from checkpoints.places import KEEPS_ALL, Site, add_settings, add_view, before
from harness import HOST, wait_until

#: A view module: the hazard comes with its import, after the setup and before "ready".
VIEW = """
from django.http import HttpResponse

{hazard}

LEVEL = 0
READ = LEVEL


def page(request):
    return HttpResponse(f"level {{LEVEL}} {{{shown}}}")
"""
NATIVE_THREAD = """
import ctypes
LIBC = ctypes.CDLL(None)
IDENT = ctypes.c_ulong()
# pause() in a thread of the C library's, of which Python knows nothing.
LIBC.pthread_create(ctypes.byref(IDENT), None, LIBC.pause, None)
"""
C_HANDLER = """
import ctypes, signal
LIBC = ctypes.CDLL(None)
LIBC.signal(signal.SIGCHLD, ctypes.cast(LIBC.abs, ctypes.c_void_p))
"""
SQLITE = """
import sqlite3
from pathlib import Path
CONNECTION = sqlite3.connect(Path(__file__).with_name("own.db"))
CONNECTION.execute("create table if not exists cup (size int)")
CONNECTION.commit()
"""
DATABASE_FILE = """
import os
from pathlib import Path
DATABASE = os.open(Path(__file__).with_name("db.sqlite3"), os.O_RDONLY)
"""
MONITOR = """
import sys
sys.monitoring.use_tool_id(sys.monitoring.COVERAGE_ID, "my coverage")
"""
RAW_THREAD = """
import _thread, time
RUNS = _thread.allocate_lock()
def tick():
    RUNS.release()
    while True:
        time.sleep(600)
# Of this one only the interpreter knows, not the module threading.
RUNS.acquire()
_thread.start_new_thread(tick, ())
RUNS.acquire()
"""
NAMED_PIPE = """
import os
from pathlib import Path
FIFO = Path(__file__).with_name("fifo")
if not FIFO.exists():
    os.mkfifo(FIFO)
HELD = os.open(FIFO, os.O_RDWR)
"""
#: With a breakpoint set somewhere the debugger goes on looking.
DEBUGGER = """
import io, os, pdb
PDB = pdb.Pdb(stdin=io.StringIO("continue\\n"), stdout=io.StringIO())
PDB.set_break(os.__file__, os.walk.__code__.co_firstlineno)
PDB.set_trace()
"""
LOCK = """
import contextlib
import fcntl
from pathlib import Path
HELD = Path(__file__).with_name("lock").open("a")
with contextlib.suppress(BlockingIOError):
    fcntl.{kind}(HELD, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""
CHILD = """
import subprocess, sys
SLEEPER = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
"""
EDGE = """
import os, select
ONE, TWO = os.pipe()
POLL = select.epoll()
# Registered in another epoll object, what it has reported would be reported again.
POLL.register(ONE, select.EPOLLIN | select.EPOLLET)
"""
TIMED_LOOP = """
import asyncio
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
LOOP.call_later(600, print)
"""
#: By a name: what a module does, and the beginning of the reason that is shown.
HAZARDS = {
    "thread": (
        """import threading, time
threading.Thread(target=time.sleep, args=[600], name='ticker', daemon=True).start()""",
        r"a second thread is running \(ticker\)",
    ),
    "raw thread": (RAW_THREAD, "a second thread is running Python code"),
    "native thread": (NATIVE_THREAD, "a library runs 1 threads? of its own"),
    "socket": (
        "import socket\nONE, TWO = socket.socketpair()\nONE.send(b'!')",
        "a socket is open",
    ),
    "listener": ("import socket\nONE = socket.create_server(('127.0.0.1', 0))", "a socket is open"),
    "pipe": ("import os\nONE, TWO = os.pipe()\nos.write(TWO, b'!')", "a pipe is open"),
    "named pipe": (NAMED_PIPE, "a pipe is open"),
    "epoll": (EDGE, "an epoll object is open"),
    "event loop": (TIMED_LOOP, "a call of an asyncio event loop is scheduled"),
    "sqlite": (SQLITE, "the SQLite database own.db was read while starting"),
    "descriptor": (DATABASE_FILE, "the SQLite database db.sqlite3 is open"),
    "debugger": (DEBUGGER, "a debugger or coverage tool traces the program"),
    "trace": ("import sys\nsys.settrace(lambda *a: None)", "a debugger or coverage tool"),
    # Since Python 3.12 it says its name.
    "cProfile": (
        "import cProfile\nPROFILE = cProfile.Profile()\nPROFILE.enable()",
        "(a profiler is running|cProfile watches the program)",
    ),
    "profile": ("import sys\nsys.setprofile(lambda *a: None)", "a profiler is running"),
    "C handler": (C_HANDLER, "a library handles SIGCHLD by itself"),
    "child": (CHILD, r"the program python\S* was run while starting"),
    "alarm": ("import signal\nsignal.alarm(600)", "a timer is set"),
    "itimer": ("import signal\nsignal.setitimer(signal.ITIMER_VIRTUAL, 600)", "a timer is set"),
    "flock": (LOCK.format(kind="flock"), "a file is locked"),
    "lockf": (LOCK.format(kind="lockf"), "a file is locked"),
    "writing": (
        "from pathlib import Path\nOUT = Path(__file__).with_name('out.txt').open('w')",
        "out.txt is open for writing",
    ),
}
if sys.version_info >= (3, 12):
    HAZARDS["monitoring"] = (MONITOR, "my coverage watches the program")
if sys.version_info >= (3, 14):
    HAZARDS["interpreter"] = (
        "import concurrent.interpreters\nOTHER = concurrent.interpreters.create()",
        "another interpreter lives in this process",
    )


BEFORE_PAGE = before("page")


def hazardous(project: Path, hazard: str, shown: str = "0") -> None:
    """Add a page whose module does something that cannot be copied."""
    add_view(project, "page", VIEW.format(hazard=hazard, shown=shown))


def python_path(first: Path) -> str:
    """Where the server's modules come from, with a folder before all others."""
    package = Path(django_autoreload_plus.__file__).parent.parent
    # An installed one is found without, and beside it there is everything else.
    checkout = None if package.is_relative_to(sys.prefix) else str(package)
    return os.pathsep.join(filter(None, (str(first), checkout, os.environ.get("PYTHONPATH"))))


def set_level(server: Site, number: int) -> str:
    """Edit the page's module level and await the answer; what it was resumed from."""
    mark = server.mark()
    server.edit("page.py", f"LEVEL = {number - 1}", f"LEVEL = {number}")
    server.answer("/page/", f"level {number}")
    return server.origin(mark)


def served_from_before_the_hazard(server: Site) -> None:
    """Check that the page's edits are resumed from copies older than the page."""
    assert "ready" not in server.copies()
    # On a slow machine there may be others between the setup and the page.
    assert re.match("setup$|at ", set_level(server, 1))
    assert set_level(server, 2) in BEFORE_PAGE


@pytest.mark.parametrize("name", HAZARDS)
def test_a_hazard_is_refused_with_its_reason(project: Path, name: str) -> None:
    """A copy would share or lose what only one process can have, and go wrong later."""
    hazard, reason = HAZARDS[name]
    hazardous(project, hazard)
    with Site(project) as server:
        server.answer("/page/", "level 0")
        server.wait_for_output(rf"no checkpoint .+: {reason}")
        served_from_before_the_hazard(server)


@pytest.mark.parametrize("name", ["thread", "socket", "child"])
def test_a_hazard_in_the_settings_leaves_the_plain_start(project: Path, name: str) -> None:
    """Every edit would be answered by a process in which a thread or socket is dead."""
    hazard, _ = HAZARDS[name]
    hazardous(project, "")
    add_settings(project, hazard)
    with Site(project) as server:
        server.answer("/page/", "level 0")
        # On a slow machine there may be others before the hazard.
        assert re.match("settings$|at ", set_level(server, 1))
        assert re.match("settings$|at ", set_level(server, 2))
        assert not {"setup", "ready"} & server.copies().keys()


@pytest.mark.parametrize(
    "core", ["ctrace", "sysmon"] if sys.version_info >= (3, 12) else ["ctrace"]
)
def test_coverage_is_refused(project: Path, core: str) -> None:
    """A coverage report would miss lines, or hold them twice; or the command would hang."""
    pytest.importorskip("coverage")
    hazardous(
        project,
        f"import coverage, os\nos.environ['COVERAGE_CORE'] = {core!r}\n"
        "COVERAGE = coverage.Coverage(data_file=None)\nCOVERAGE.start()",
    )
    with Site(project) as server:
        server.answer("/page/", "level 0")
        server.wait_for_output("no checkpoint .+: .*(coverage|watches the program)")
        served_from_before_the_hazard(server)


#: What patches the whole standard library, as the first thing a program does.
GREEN = {
    "gevent": "import gevent.monkey\ngevent.monkey.patch_all()",
    "eventlet": "import eventlet\neventlet.monkey_patch()",
}


@pytest.mark.parametrize("name", GREEN)
def test_green_threads_are_refused(project: Path, name: str) -> None:
    """A patched program could not be served at all, or would hang after its first reload."""
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    manage = project / "manage.py"
    manage.write_text(f"{GREEN[name]}\n{manage.read_text(encoding='utf-8')}", encoding="utf-8")
    hazardous(project, "")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        server.wait_for_output(f"no checkpoint .*: {name} has patched the standard library")
        # Before it is patched, while the library itself is imported, there may be copies.
        assert re.match("start$|at ", set_level(server, 1))
        assert re.match("start$|at ", set_level(server, 2))
        assert not {"settings", "setup", "ready"} & server.copies().keys()


#: Of all there is of another system only its name: what Python itself has to know of the
#: system, it has looked up before.
ELSEWHERE = """
import ctypes, selectors, signal, socket, subprocess, sys, sysconfig, tempfile, urllib.request
import asyncio, zoneinfo
sysconfig.get_config_vars()
sys.platform = "{platform}"
"""


@pytest.mark.parametrize(
    ("platform", "options", "reason"),
    [
        ("darwin", {}, 'forked copies are not used on macOS unless "CHECKPOINTS" is True'),
        ("sunos5", {"CHECKPOINTS": True}, "forked copies are not used on sunos5"),
    ],
)
def test_other_platforms_are_refused(
    project: Path, tmp_path: Path, platform: str, options: dict[str, object], reason: str
) -> None:
    """A copy would be taken where nobody knows which threads and handles survive it."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(ELSEWHERE.format(platform=platform), encoding="utf-8")
    add_settings(project, f"AUTORELOAD_PLUS = {options}")
    hazardous(project, "")
    with Site(project, env={"PYTHONPATH": python_path(site)}) as server:
        server.answer("/page/", "level 0")
        server.wait_for_output(f"no checkpoint .+: {reason}")
        assert set_level(server, 1) == "start"
        assert not server.copies()


def test_what_django_manages_is_closed_not_refused(project: Path) -> None:
    """Who asks the database for what does not change would be reloaded slowly."""
    add_settings(project, 'AUTORELOAD_PLUS = {"STEADY": ["default"]}')
    hazardous(
        project,
        "from teas.models import Tea\nNUMBER = Tea.objects.count()\n"
        "from django.db import connection\nassert connection.connection is not None",
        shown="Tea.objects.count() == NUMBER",
    )
    with Site(project) as server:
        server.answer("/page/", "level 0 True")
        set_level(server, 1)
        assert set_level(server, 2) in BEFORE_PAGE
        server.copies("ready")
        assert "SQLite" not in server.output


#: A client of the given name, as a package of the project's.
CLIENT = """
import socket
CONNECTION = socket.create_connection(("{host}", {port}))
"""


@pytest.mark.parametrize(
    ("client", "options", "taken"),
    [
        ("redis", {"STEADY": ["redis"]}, True),
        ("homemade", {"STEADY": ["homemade"]}, False),
        ("homemade", {"STEADY": ["homemade"], "FORK_SAFE": ["homemade"]}, True),
    ],
)
def test_clients_known_to_survive_are_let_through(
    project: Path, client: str, options: dict[str, object], *, taken: bool
) -> None:
    """One cache connection in an app's ready() would cost a large project every fast reload."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        (project / f"{client}.py").write_text(CLIENT.format(host=HOST, port=port), "utf-8")
        hazardous(project, f"import {client}")
        add_settings(project, f"AUTORELOAD_PLUS = {options}")
        with Site(project) as server:
            server.answer("/page/", "level 0")
            refusal = rf"no checkpoint .+: a socket is open .*{client}"
            if taken:
                server.copies("ready")
                assert not re.search(refusal, server.output)
            else:
                server.wait_for_output(refusal)
                assert "ready" not in server.copies()
            set_level(server, 1)


LINES = """
from pathlib import Path

LINES = Path(__file__).with_name("lines.txt").open("rb", buffering=0)
FIRST = LINES.read(4)
"""


def test_a_file_that_is_read_on_is_not_shared(project: Path) -> None:
    """After each reload a program would find its file further on than it had left it."""
    (project / "lines.txt").write_text("one two three four ", encoding="utf-8")
    (project / "lines.py").write_text(LINES, encoding="utf-8")
    # Both its own copy and "ready" stand after the file was opened.
    hazardous(project, "import lines", shown="lines.LINES.read(4)")
    add_view(project, "late", VIEW.format(hazard="import lines", shown="lines.LINES.read(4)"))
    late = (project / "late.py").read_text(encoding="utf-8")
    (project / "late.py").write_text(late.replace("def page", "def late"), encoding="utf-8")
    with Site(project) as server:
        # Each process reads once at most: asked again, it has moved on.
        assert server.wait_for("/late/").text == "level 0 b'two '"
        for number in (1, 2, 3):
            mark = server.mark()
            server.edit("late.py", f"LEVEL = {number - 1}", f"LEVEL = {number}")
            server.wait_for_output(r"from .+; event", since=mark)
            assert server.get("/late/").text == f"level {number} b'two '"
        mark = server.mark()
        server.edit("late.py", 'f"level', 'f"new level')
        server.wait_for_output(r"from .+; event", since=mark)
        assert server.get("/late/").text == "new level 3 b'two '"
        server.copies("ready", one_of=before("late"))


def test_numpy_does_not_cost_the_fast_path(project: Path) -> None:
    """Whoever uses numpy would wait for a whole start after every save."""
    found = subprocess.run(
        [sys.executable, "-c", "import numpy"], check=False, stderr=subprocess.DEVNULL
    )
    if found.returncode:
        pytest.skip("numpy is not installed")
    hazardous(project, "", shown="int(__import__('numpy').ones((300, 300)).dot(1)[0].sum())")
    add_settings(project, "import numpy\nnumpy.ones((500, 500)) @ numpy.ones((500, 500))")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        server.copies("setup", "ready")
        set_level(server, 1)
        assert set_level(server, 2) in BEFORE_PAGE


def test_no_copy_while_logging_is_configured(project: Path) -> None:
    """Logging would fail with "cannot release un-acquired lock" in every resumed process."""
    (project / "slow_handler.py").write_text(
        "import time, logging\n"
        "end = time.perf_counter() + 0.3\n"
        "while time.perf_counter() < end: pass\n"
        "import another_part\n"  # By now a copy is due.
        "class Handler(logging.StreamHandler): pass\n",
        encoding="utf-8",
    )
    (project / "another_part.py").touch()
    add_settings(
        project,
        "LOGGING = {'version': 1, 'disable_existing_loggers': False,"
        " 'handlers': {'slow': {'class': 'slow_handler.Handler'}},"
        f" 'root': {{'handlers': ['slow'], 'level': 'INFO'}}}}\n{KEEPS_ALL}",
    )
    hazardous(project, "")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        # Put off until logging is configured, and not given up.
        server.copies("settings", "apps", "setup", "ready")
        set_level(server, 1)
        server.edit("tearoom.env", "SITE_NAME=", "SITE_NAME=The ")
        server.answer("/", "The ")
        assert "lock" not in server.output


@pytest.mark.parametrize(
    "options", [{"CHECKPOINTS": False}, {"CHECKPOINT_LIMIT": 0}], ids=["off", "none"]
)
def test_checkpoints_can_be_switched_off(project: Path, options: dict[str, object]) -> None:
    """Who cannot use copies for a reason we do not know could not use the package at all."""
    add_settings(project, f"AUTORELOAD_PLUS = {options}")
    hazardous(project, "")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        assert set_level(server, 1) == "start"
        # The first start did not yet know the settings.
        wait_until(lambda: not server.copies(), "no copy that is left")
        assert set_level(server, 2) == "start"
        assert not server.copies()


def test_the_number_of_copies_is_bounded(project: Path) -> None:
    """Memory would fill up on a large project."""
    add_settings(project, "AUTORELOAD_PLUS = {'CHECKPOINT_LIMIT': 5, 'CHECKPOINT_MEMORY': 512}")
    hazardous(project, "")
    for name in range(8):
        (project / f"slow_{name}.py").write_text(
            "import time\nend = time.perf_counter() + 0.12\n"
            "while time.perf_counter() < end: pass\n",
            encoding="utf-8",
        )
    imports = "\n".join(f"import slow_{name}" for name in range(8))
    add_settings(project, f"{imports}\nimport atexit\natexit.register(print)")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        wait_until(lambda: len(server.copies()) <= 5, "at most five copies")
        for number in range(1, 6):
            set_level(server, number)
        wait_until(lambda: len(server.copies()) <= 5, "at most five copies")
        server.copies("ready")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="bodies are never exchanged there")
def test_exchanging_bodies_can_be_switched_off(project: Path) -> None:
    """Who meets a wrong swap could do nothing about it."""
    add_settings(project, "AUTORELOAD_PLUS = {'SWAP': False}")
    hazardous(project, "")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        mark = server.mark()
        server.edit("page.py", 'f"level', 'f"new level')
        server.answer("/page/", "new level 0")
        assert "exchanged" not in server.origin(mark)
