"""The port stays open: who asks during a reload waits, and is answered by the new code."""

from __future__ import annotations

import contextlib
import http.client
import threading
from typing import TYPE_CHECKING

import pytest

from command.sites import URLS, VIEWS, is_page, site
from harness import DEADLINE, HOST, Hammer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness import DevServer

#: Says from which version of three files it comes; holds a start up on demand.
PAGE = """
import os, time
from django.conf import settings
from django.http import HttpResponse
from shop import models, views

def page(request):
    return HttpResponse(f"view {views.VALUE} model {models.LEVEL} setting {settings.LEVEL}")

def echo(request):
    return HttpResponse(views.VALUE.encode() + b" " + request.body)

while os.path.exists("hold"):
    open("held", "w").close()
    time.sleep(0.005)
"""
FILES = {
    "shop/models.py": "LEVEL = 0\n",
    "page.py": PAGE,
    "site_urls.py": URLS
    + "import page\nurlpatterns += [path('page/', page.page), path('echo/', page.echo)]\n",
}
SHORT = "AUTORELOAD_PLUS = {'GRACE_PERIOD': 0.5}\n"


@contextlib.contextmanager
def asked(server: DevServer, path: str, texts: list[str]) -> Iterator[threading.Thread]:
    """Ask in a thread, which puts the answer into ``texts``."""
    thread = threading.Thread(target=lambda: texts.append(server.get(path).text), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(DEADLINE)


@pytest.mark.parametrize("checkpoints", [True, False])
def test_no_client_notices_a_reload(tmp_path: Path, *, checkpoints: bool) -> None:
    """Browsers would show "connection refused", or the old page, after a save."""
    settings = f"AUTORELOAD_PLUS = {{'CHECKPOINTS': {checkpoints}}}\nLEVEL = 0\n"
    with site(tmp_path, files=FILES, settings=settings) as server:
        is_page(server, "view one model 0 setting 0", "/page/")
        base = server.path("site_settings.py").read_text()
        levels = ["one", "0", "0"]
        with Hammer(server.port, "/page/") as hammer:
            for number in range(1, 31 if checkpoints else 7):
                kind = number % 3
                levels[kind] = str(number)
                if kind == 0:
                    server.write("shop/views.py", VIEWS + f"VALUE = '{number}'\n")
                elif kind == 1:
                    server.write("shop/models.py", f"LEVEL = {number}\n", atomic=True)
                else:
                    server.write("site_settings.py", base + f"LEVEL = {number}\n")
                expected = "view {} model {} setting {}".format(*levels)
                assert server.get("/page/").text == expected
        assert hammer.failures == []
        assert set(hammer.statuses) == {200}


def test_a_connection_kept_alive_gets_the_new_code(tmp_path: Path) -> None:
    """A browser, which keeps its connection, would see the old page."""
    with site(tmp_path) as server:
        is_page(server, "one")
        connection = http.client.HTTPConnection(HOST, server.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"one"
            held = connection.sock
            for value in ("two", "three"):
                server.write("shop/views.py", VIEWS + f"VALUE = '{value}'\n")
                connection.request("GET", "/")
                assert connection.getresponse().read() == value.encode()
            assert connection.sock is held


def test_a_request_in_flight_is_finished(tmp_path: Path) -> None:
    """A save during a long request would cut its answer off."""
    texts: list[str] = []
    with site(tmp_path) as server:
        is_page(server, "one")
        with asked(server, "/slow/", texts):
            wait_until(server.path("slow-began").exists, "the request's arrival")
            server.edit("shop/views.py", '"one"', '"two"')
            assert server.get("/").text == "two"
            server.path("slow-may-end").touch()
        assert texts == ["slow one"]


def running(server: DevServer) -> list[str]:
    """Return the supervisor and those that serve; frozen copies go by other names."""
    return [each.command for each in server.processes() if "runserver" in each.command]


def test_what_does_not_end_is_ended(tmp_path: Path) -> None:
    """A stream would hold the new code up, or leave an old process behind for ever."""
    with site(tmp_path, settings=SHORT) as server:
        is_page(server, "one")
        # A copy has its name when the processor has had time for it.
        wait_until(lambda: len(running(server)) == 2, "the supervisor and one child")
        with server.stream("/stream/") as answer:
            assert answer.readline() == b"one\n"
            server.edit("shop/views.py", '"one"', '"two"')
            assert server.get("/").text == "two"
            with contextlib.suppress(http.client.HTTPException, OSError):
                while answer.readline():
                    pass
        server.edit("shop/views.py", '"two"', '"three"')
        assert server.get("/").text == "three"
        wait_until(lambda: len(running(server)) == 2, running(server))


def test_a_request_with_a_body_waits_for_the_new_code(tmp_path: Path) -> None:
    """A form sent while the code is being loaded would be lost or answered by old code."""
    body = b"tea " * 100_000
    answers: list[bytes] = []

    def post() -> None:
        connection = http.client.HTTPConnection(HOST, server.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request("POST", "/echo/", body)
            answers.append(connection.getresponse().read())

    with site(tmp_path, files=FILES, settings="LEVEL = 0\n") as server:
        is_page(server, "view one model 0 setting 0", "/page/")
        server.path("hold").touch()
        server.edit("shop/views.py", '"one"', '"two"')
        wait_until(server.path("held").exists, "a start that is held up")
        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        server.path("hold").unlink()
        thread.join(DEADLINE)
    assert answers == [b"two " + body]
