"""Programs with a server of their own: no connection is refused or cut, no answer is old."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus import status
from harness import DEADLINE, HOST, DevServer, free_ports, wait_until
from programs.servers import CODE, LINES, OURS, server_in, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Response


#: After so many seconds without a request a server may close a connection that is kept.
IDLE = 1.0


class Clients:
    """Clients that ask all the time, each on one connection as long as it lasts, or on new ones."""

    def __init__(self, port: int) -> None:
        self.port = port
        #: The version of the code that was saved last.
        self.version = 0
        self.answers = 0
        self.problems: list[str] = []
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._ask_on, args=(keeps,)) for keeps in (True, False)
        ]

    @contextlib.contextmanager
    def at_work(self) -> Iterator[Clients]:
        """Ask, until the block is over."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over = True
            for thread in self._threads:
                thread.join()

    def _ask_on(self, keeps: bool) -> None:  # noqa: FBT001 - of a thread
        connection: http.client.HTTPConnection | None = None
        answered = asked = 0.0
        while not self._is_over:
            wanted = self.version
            is_kept = connection is not None
            if connection is None:
                connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
            asked = time.monotonic()
            try:
                connection.request("GET", "/")
                asked = time.monotonic()
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                # A server may end a connection on which nothing is asked for a while.
                if not (is_kept and asked - answered > IDLE):
                    self.problems.append(f"{error!r} (kept: {keeps})")
                text = ""
            answered = time.monotonic()
            if not text or answer.status != 200 or not keeps or answer.will_close:
                connection.close()
                connection = None
            if text and answer.status == 200:
                self.answers += 1
                if int(text.split()[0]) < wanted:
                    self.problems.append(f"{text} instead of {wanted}")
        if connection is not None:
            connection.close()


def follow(server: DevServer, clients: Clients) -> None:
    """Edit a function, a module, break both and mend them; the first answer is always the new."""

    def save(version: int, number: object) -> Response:
        text = CODE.replace("VERSION = 0", f"VERSION = {version}")
        server.write("code_.py", text.replace("return 0", f"return {number}"))
        clients.version = version
        return server.get("/")

    assert save(0, 7).text == "0 7"
    assert "SyntaxError" in save(0, "(").text
    assert save(0, 8).text == "0 8"
    for version in (1, 2):
        assert save(version, version).text == f"{version} {version}"
    server.write("code_.py", "VERSION = unknown\n")
    page = server.get("/")
    assert page.status == 500
    assert "NameError" in page.text
    assert save(3, 3).text == "3 3"
    seen = clients.answers
    wait_until(lambda: clients.answers > seen + 4, "further answers")


@pytest.mark.parametrize("line", LINES)
def test_under_load(tmp_path: Path, line: str) -> None:
    """Whoever does not use runserver would see closed ports, cut answers, or old code."""
    name = line.split(maxsplit=1)[0]
    if not name.endswith(".py"):
        pytest.importorskip(name.removesuffix("-serve"))
    with server_in(tmp_path, line) as server:
        wait_until(lambda: _answers(server), server)
        with Clients(server.port).at_work() as clients:
            follow(server, clients)
        assert not clients.problems, (clients.problems, server.output)
        server.interrupt()
        assert server.wait() == 0
        _nothing_is_left(server)
        # A port that is still taken would be noticed here, too.
        server.write("code_.py", CODE)
        server.start()
        wait_until(lambda: _answers(server), server)
        with Clients(server.port).at_work() as clients:
            wait_until(lambda: clients.answers > 4, "answers")
            server.terminate()
            assert server.wait() == 0
        _nothing_is_left(server)


def _nothing_is_left(server: DevServer) -> None:
    server.all_gone()
    assert not _takes(server.port)


def test_what_a_worker_loads(tmp_path: Path) -> None:
    """A framework loads most of its code at the first request, which a worker answers."""
    pytest.importorskip("gunicorn")
    line = "gunicorn --preload --bind 127.0.0.1:8000 project.lazy:application"
    with server_in(tmp_path, line) as server:
        wait_until(lambda: _answers(server), server)
        server.edit("code_.py", "VERSION = 0", "VERSION = 1")
        server.wait_for("/", lambda answer: answer.text == "1 0")
        server.edit("code_.py", "VERSION = 1", "VERSION = 2")
        server.wait_for("/", lambda answer: answer.text == "2 0")


#: Loads another module at each request that names one.
LATE = """
import importlib
import os


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    text = str(importlib.import_module(name).VALUE if name else "0 0").encode()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]
"""


@pytest.mark.parametrize(
    "line",
    [
        "uvicorn --interface wsgi --port 8000 project.late:application",
        "uvicorn --interface wsgi --workers 2 --port 8000 project.late:application",
        "waitress-serve --listen 127.0.0.1:8000 project.late:application",
        "gunicorn --preload --bind 127.0.0.1:8000 project.late:application",
    ],
)
def test_an_edit_just_after_the_answer_that_has_loaded_it(tmp_path: Path, line: str) -> None:
    """A request after the save would be answered by old code, as nobody watched the file yet."""
    pytest.importorskip(line.split(maxsplit=1)[0].removesuffix("-serve"))
    with server_in(tmp_path, line) as server:
        for name in _edited_when_loaded(server, ["late.one", "late.two.deep", "late.three"]):
            assert server.get(f"/{name}").text == "2"
            (told,) = status.ask(status.find([str(tmp_path)]), 30)
            assert [*map(Path, told["reloads"][-1]["files"])] == [server.path(_file_of(name))]


def _file_of(name: str) -> str:
    return f"{name.replace('.', '/')}.py"


def _edited_when_loaded(server: DevServer, names: list[str]) -> Iterator[str]:
    """Have each module loaded by a request, and edit it as soon as that is answered."""
    files = {name: _file_of(name) for name in names}
    server.write("project/late.py", LATE)
    for file in files.values():
        server.write(file, "VALUE = 1\n")
    wait_until(lambda: _answers(server), server)
    for name, file in files.items():
        assert server.get(f"/{name}").text == "1"
        server.write(file, "VALUE = 2\n")
        yield name


#: Ends of a program that has begun its work before it binds its port, and what is said of it.
BEGUN = {
    "threading.Thread(None, time.sleep, 'ticker', [600], daemon=True).start()": "(ticker)",
}
if sys.version_info >= (3, 11):
    # Before, no audit event tells of it.
    BEGUN["time.sleep(0.01)"] = "has begun its work"


@pytest.mark.parametrize("line", BEGUN)
def test_no_thread_of_the_reloader_is_named(tmp_path: Path, line: str) -> None:
    """Somebody would look in vain for the thread that keeps copies from being taken."""
    server = server_in(tmp_path, "begun.py 8000")
    plain = server.path("plain.py").read_text()
    begun = plain.replace("import time\n", "import threading\nimport time\n")
    server.write(
        "begun.py", begun.replace("ThreadingHTTPServer((", f"{line}\nThreadingHTTPServer((")
    )
    with server:
        wait_until(lambda: _answers(server), server)
        (told,) = status.ask(status.find([str(tmp_path)]), 30)
        (refusal,) = told["refusals"]
        assert refusal["code"] == "AP206"
        assert BEGUN[line] in refusal["text"]
        assert "autoreload" not in refusal["text"]


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ("granian --interface asgi --port 8000 project.asgi:application", False),
        ("gunicorn -k gevent --preload --bind 127.0.0.1:8000 project.wsgi:application", True),
    ],
)
def test_what_works_in_part(tmp_path: Path, line: str, *, page: bool) -> None:
    """Old code would answer for ever, or a mistake end the command."""
    for package in line.replace("-k", "").split()[:2]:
        if not package.startswith("-"):
            pytest.importorskip(package)
    with server_in(tmp_path, line) as server:
        wait_until(lambda: _answers(server), server)
        for version in (1, 2):
            server.edit("code_.py", f"VERSION = {version - 1}", f"VERSION = {version}")
            _wait_for(server, 200, f"{version} 0")
        server.edit("code_.py", "VERSION = 2", "VERSION = unknown")
        server.wait_for_output("NameError: .* waiting for a fix")
        if page:
            _wait_for(server, 500, "NameError")
        server.edit("code_.py", "VERSION = unknown", "VERSION = 3")
        _wait_for(server, 200, "3 0")
        server.terminate()
        assert server.wait() == 0
        _nothing_is_left(server)


def _wait_for(server: DevServer, code: int, text: str) -> None:
    """Wait for an answer; who accepted a connection just after a save may never answer it."""

    def is_given() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = server.get("/", timeout=5)
            return answer.status == code and text in answer.text
        return False

    wait_until(is_given, server, timeout=2 * DEADLINE)


def _answers(server: DevServer) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return server.get("/").text == "0 0"
    return False


def test_a_stream_delays_nothing(tmp_path: Path) -> None:
    """New code would wait until the last open page with a live stream is closed."""
    with server_in(tmp_path, "plain.py 8000") as server:
        wait_until(lambda: _answers(server), server)
        with socket.create_connection((HOST, server.port)) as stream:
            stream.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
            assert stream.recv(4)
            server.edit("code_.py", "VERSION = 0", "VERSION = 1")
            assert server.get("/").text == "1 0"
        server.terminate()
        server.wait()
        server.all_gone()


#: Loads a framework that would leave copies on its way, before the project's own code.
FRAMEWORK = """
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "settings_"
import django

django.setup()
from project.asgi import application
"""


def test_why_a_port_bound_early_makes_reloads_slow(tmp_path: Path) -> None:
    """Nobody could find out why this server reloads slowly."""
    pytest.importorskip("hypercorn")
    line = "hypercorn --workers 0 --bind 127.0.0.1:8000 project.asgi:application"
    with server_in(tmp_path, line.replace("asgi:", "slow:")) as server:
        server.write("settings_.py", "SECRET_KEY = 'tea'\n")
        server.write("project/slow.py", FRAMEWORK)
        wait_until(lambda: _answers(server), server)
        server.edit("code_.py", "return 0", "return 1")
        assert server.get("/").text == "0 1"
        told = status.ask(status.find([str(tmp_path)]), 30)
        reasons = told[0]["reloads"][-1]["reasons"]
        assert "AP215" in [reason["code"] for reason in reasons]


@pytest.mark.parametrize(
    "line",
    [
        "hypercorn --workers 2 --bind 127.0.0.1:8000 project.asgi:application",
        "uvicorn --workers 2 --port 8000 project.asgi:application",
    ],
)
def test_workers_that_load_for_long(tmp_path: Path, line: str) -> None:
    """Code would be called live, to whoever waits for that, before a worker has tried it."""
    pytest.importorskip(line.split(maxsplit=1)[0])
    with server_in(tmp_path, line) as server:
        wait_until(lambda: _answers(server), server)
        good = server.path("code_.py").read_text()
        for text, state in ((f"{good}\n1 / 0\n", "broken"), (good, "live")):
            # As a large project does.
            server.write("code_.py", f"import time\ntime.sleep(5)\n{text}")
            (told,) = status.ask(status.find([str(tmp_path)]), DEADLINE)
            assert told["state"] == state
            assert server.get("/").status == (200 if state == "live" else 500)


#: Does not come to an end when it is told to.
LASTING = """
import asyncio

from project import asgi


async def application(scope, receive, send):
    if scope["type"] != "lifespan":
        await asgi.application(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await asyncio.sleep(600)
"""


def test_workers_that_wait_for_the_old_ones(tmp_path: Path) -> None:
    """While the old server ends, the new one does nothing: that would be taken for its work."""
    pytest.importorskip("uvicorn")
    line = "uvicorn --workers 2 --port 8000 project.lasting:application"
    with server_in(tmp_path, line) as server:
        server.write("project/lasting.py", LASTING)
        wait_until(lambda: _answers(server), server)
        for old, new, state in (("0", "1 / 0", "broken"), ("1 / 0", "1", "live")):
            server.edit("code_.py", f"VERSION = {old}", f"VERSION = {new}")
            (told,) = status.ask(status.find([str(tmp_path)]), DEADLINE)
            assert told["state"] == state


#: Does not end when it is told to, and says so.
STUBBORN = """
import os
import signal

signal.signal(signal.SIGTERM, lambda *args: print("told to end", flush=True))
print("runs as", os.getpid(), flush=True)

import plain
"""


def test_the_stop_signal_comes_once(tmp_path: Path) -> None:
    """Some servers take a second one for an order to drop what they still have to do."""
    server = server_in(tmp_path, "--grace 1 stubborn.py 8000")
    server.write("stubborn.py", STUBBORN)
    with server:
        wait_until(lambda: _answers(server), server)
        old = int(server.wait_for_output(r"runs as (\d+)")[1])
        server.edit("code_.py", "VERSION = 0", "VERSION = 1")
        assert server.get("/").text == "1 0"
        wait_until(lambda: all(each.pid != old for each in server.running()), server)
        assert server.output.count("told to end") == 1


#: Answers a request for /slow when there is a file "go", and goes on for ever for /stream.
SLOW = """
import asyncio
import os

import code_


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await receive()
    text = str(code_.VERSION).encode()
    while scope["path"] == "/slow" and not os.path.exists("go"):
        open("begun", "w").close()
        await asyncio.sleep(0.01)
    headers = [] if scope["path"] == "/stream" else [(b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": text})
"""


@pytest.mark.parametrize(
    "line",
    [
        "daphne --port 8000 project.slow:application",
        "uvicorn --port 8000 project.slow:application",
    ],
)
def test_an_answer_under_way(tmp_path: Path, line: str) -> None:
    """A server may drop its requests when it is told to end: clients would get no answer.

    A stream beside it ends by that very order, and is not waited for.
    """
    pytest.importorskip(line.split(maxsplit=1)[0])
    with server_in(tmp_path, line) as server:
        server.write("project/slow.py", SLOW)
        wait_until(lambda: _takes(server.port), server)
        slow = http.client.HTTPConnection(HOST, server.port, timeout=DEADLINE)
        slow.request("GET", "/slow")
        wait_until((tmp_path / "begun").exists, server)
        with socket.create_connection((HOST, server.port), DEADLINE) as stream:
            stream.sendall(b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n")
            assert stream.recv(4)
            server.edit("code_.py", "VERSION = 0", "VERSION = 1")
            assert server.get("/").text == "1"
            server.write("go", "")
            assert slow.getresponse().read() == b"0"
            slow.close()
        assert server.get("/slow").text == "1"
        server.terminate()
        server.wait()
        server.all_gone()


def test_beside_a_worker(tmp_path: Path) -> None:
    """A server and a worker of one project would hinder each other, or one would keep old code."""
    text = "import time, code_\nprint('works with', code_.VERSION, flush=True)\ntime.sleep(600)\n"
    (tmp_path / "worker.py").write_text(text, encoding="utf-8")
    worker = DevServer(tmp_path, command=(*OURS, "worker.py"))
    with server_in(tmp_path, "streams.py 8000") as server, worker:
        wait_until(lambda: _answers(server), server)
        worker.wait_for_output("works with 0")
        for version in (1, 2):
            server.edit("code_.py", f"VERSION = {version - 1}", f"VERSION = {version}")
            assert server.get("/").text == f"{version} 0"
            worker.wait_for_output(f"works with {version}")


def test_another_port(tmp_path: Path) -> None:
    """The old port would go on to take connections that nobody answers."""
    (port,) = free_ports(1)
    text = "import http.server\nhttp.server.test(http.server.SimpleHTTPRequestHandler, port={})\n"
    server = DevServer(tmp_path, command=(*OURS, "main.py"))
    server.write("main.py", text.format(server.port))
    with server:
        wait_until(lambda: _takes(server.port), server)
        server.write("main.py", text.format(port))
        wait_until(lambda: _takes(port), server)
        wait_until(lambda: not _takes(server.port), server)


def _takes(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 5):
        return True
    return False


def test_an_address_in_use(tmp_path: Path) -> None:
    """The program's own message would be lost, or the command would wait for ever."""
    write_files(tmp_path)
    with socket.create_server((HOST, 0)) as taken:
        command = (*OURS, "plain.py", str(taken.getsockname()[1]))
        with DevServer(tmp_path, command=command) as server:
            server.wait_for_output("waiting for a fix")
            assert "· OSError: [Errno 98] Address already in use" in server.output
            assert "listening.py" not in server.output
            server.interrupt()
            server.wait()
