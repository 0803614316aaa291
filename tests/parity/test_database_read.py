"""What a start reads from a database, or from another program, is read anew at each reload."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from harness import DEADLINE, HOST
from parity.reloaders import COPIES, EXCHANGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parity.reloaders import ParitySite

VIEWS = """
from django.conf import settings
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {settings.WORD}")
"""
#: Each a module that ``ready()`` imports, and the reason that is shown for it.
READ = """
from django.conf import settings
from django.db import connection

def read():
    with connection.cursor() as cursor:
        settings.WORD = cursor.execute("select word from words").fetchone()[0]
"""
THREAD = f"""{READ}
import threading
thread = threading.Thread(target=read)
thread.start()
thread.join()
"""
FAILING = f"""{READ}
from django.db import OperationalError
settings.WORD = "none"
try:
    read()
except OperationalError:
    pass
"""
SQLITE = """
import contextlib, sqlite3
from django.conf import settings
with contextlib.closing(sqlite3.connect(settings.BASE_DIR / "db.sqlite3")) as base:
    settings.WORD = base.execute("select word from words").fetchone()[0]
"""
SERVICE = """
import os, urllib.request
from django.conf import settings
with urllib.request.urlopen(os.environ["SERVICE"]) as answer:
    settings.WORD = answer.read().decode()
"""
TRANSACTION = """
from django.db import connection, transaction
from teller import read
with transaction.atomic():
    read()
    with connection.cursor() as cursor:
        cursor.execute("insert into words values (1)")
        import slow
        assert cursor.execute("select count(*) from words").fetchone() == (2,)
    transaction.set_rollback(True)
"""
DATABASE = r'the database "default" was read while starting \(reading.py, line \d+\)'
SOURCES = {
    "thread": (THREAD, DATABASE),
    "failing": (FAILING, DATABASE),
    "sqlite": (SQLITE, r"the SQLite database db.sqlite3 was read while .*\(reading.py, line 4\)"),
    "service": (SERVICE, r"reading connected to 127.0.0.1:\d+ while .*\(reading.py, line 4\)"),
}
TALKATIVE = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}


def write_word(root: Path, word: str) -> None:
    """Put the one word into the database."""
    with contextlib.closing(sqlite3.connect(root / "db.sqlite3")) as base, base:
        base.execute("create table if not exists words (word text)")
        base.execute("delete from words")
        base.execute("insert into words values (?)", [word])


@contextlib.contextmanager
def service(root: Path) -> Iterator[str]:
    """Serve the word in the database to whoever connects."""
    listener = socket.create_server((HOST, 0))

    def answer(connection: socket.socket) -> None:
        # Who asks may be ended before it hears the answer.
        with (
            contextlib.suppress(OSError),
            connection,
            contextlib.closing(sqlite3.connect(root / "db.sqlite3")) as base,
        ):
            connection.recv(4096)
            word = base.execute("select word from words").fetchone()[0]
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + word.encode())

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                answer(listener.accept()[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}/"
    finally:
        # Closing alone wakes nobody.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_row_read_in_ready(parity_site: Callable[..., ParitySite], tmp_path: Path) -> None:
    """A flag switched in the database would not count until the command is started again."""
    write_word(tmp_path, "first")
    files = {"views.py": VIEWS, "reading.py": f"{READ}\nread()"}
    with parity_site(files, ready="import reading") as server:
        server.shows("one first")
        write_word(tmp_path, "second")
        server.change("views.py", "one", "two")
        server.shows("two second")
        write_word(tmp_path, "third")
        # Of a body alone, which would otherwise be exchanged.
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, third")


@pytest.mark.parametrize("name", SOURCES)
def test_other_ways_of_reading(tmp_path: Path, name: str) -> None:
    """What was read in a thread, without Django or over the network would stay as it was."""
    reading, reason = SOURCES[name]
    files = {"views.py": VIEWS, "reading.py": reading}
    if name != "failing":
        write_word(tmp_path, "first")
    with service(tmp_path) as address:
        env = {**TALKATIVE, "SERVICE": address}
        with COPIES.maker(tmp_path)(files, ready="import reading", env=env) as server:
            server.shows("one none" if name == "failing" else "one first")
            server.wait_for_output(f"no checkpoint .+: {reason}")
            write_word(tmp_path, "second")
            mark = server.mark()
            server.change("views.py", "one", "two")
            server.shows("two second")
            # What precedes the reading is still there.
            server.wait_for_output("from (apps|at|before)", since=mark)


def test_data_said_to_be_steady(tmp_path: Path) -> None:
    """Who reads what never changes would lose fast reloads, or a transaction under way."""
    write_word(tmp_path, "first")
    # At the next import a copy is due, however much it costs on a busy machine.
    slow = "import time\ntime.sleep(2.5)\nimport late"
    files = {"reading.py": TRANSACTION, "teller.py": READ, "slow.py": slow, "late.py": ""}
    with COPIES.maker(tmp_path)(
        {"views.py": VIEWS, **files},
        ready="import reading",
        settings='\nAUTORELOAD_PLUS = {"STEADY": ["default"]}',
        env=TALKATIVE,
    ) as server:
        server.shows("one first")
        server.wait_for_output("no checkpoint at .+: a database transaction is under way")
        mark = server.mark()
        server.change("views.py", "one", "two")
        server.shows("two first")
        server.wait_for_output("from (setup|at|before)", since=mark)
        assert "AP230" not in server.output


LOG = """
import socket
from django.conf import settings

settings.LOG = None
for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    log = socket.socket(socket.AF_UNIX, kind)
    try:
        log.connect("syslog")
    except OSError:
        log.close()
    else:
        settings.LOG = log
        break
settings.WORD = "silent" if settings.LOG is None else "logged"
"""


def test_a_log_in_a_socket(tmp_path: Path) -> None:
    """Who logs to syslog, whether it runs or not, would lose fast reloads, or the log."""
    logged = VIEWS.replace(
        "(request):", "(request):\n    settings.LOG and settings.LOG.send(b'tea')"
    )
    files = {"views.py": logged, "reading.py": LOG}
    with COPIES.maker(tmp_path)(files, ready="import reading", env=TALKATIVE) as server:
        server.shows("one silent")
        mark = server.mark()
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("one, silent")
        server.wait_for_output(EXCHANGED, since=mark)
        for old, new in ((", ", "; "), ("; ", ": ")):
            # The daemon comes, and is replaced.
            (tmp_path / "syslog").unlink(missing_ok=True)
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as daemon:
                daemon.bind(str(tmp_path / "syslog"))
                daemon.settimeout(DEADLINE)
                server.change("views.py", f"{{VALUE}}{old}{{", f"{{VALUE}}{new}{{")
                server.shows(f"one{new}logged")
                assert daemon.recv(9) == b"tea"
                mark = server.mark()
                server.change("views.py", f"{{VALUE}}{new}{{", f"{{VALUE}}{new} {{")
                server.shows(f"one{new} logged")
                server.wait_for_output(EXCHANGED, since=mark)
                assert daemon.recv(9) == b"tea"
                server.change("views.py", f"{{VALUE}}{new} {{", f"{{VALUE}}{new}{{")
                server.shows(f"one{new}logged")
