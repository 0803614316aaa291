"""Who asks while the code is broken: forms, programs, strangers and nuisances."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from broken.mistakes import SETTINGS
from broken.serving import HTML, JSON, plain, see_page
from harness import DEADLINE, HOST, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import DevServer

GOOD, WRONG, VIEWS = 'VERSION = "1"', "VERSION = 1 / 0", "teas/views.py"
#: A page asks this, and is answered when there is something new.
WAIT = "/__autoreload_plus__/wait?seen="


@pytest.fixture
def broken(server: DevServer) -> DevServer:
    """Return a server whose code does not start."""
    server.edit(VIEWS, GOOD, WRONG)
    return server


def test_head_and_post(broken: DevServer) -> None:
    """A form or a health check would hang, or break the connection."""
    head = fetch(broken.port, "/", method="HEAD", headers=HTML)
    assert (head.status, head.text) == (500, "")
    assert head.headers["cache-control"] == "no-store"
    connection = http.client.HTTPConnection(HOST, broken.port, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request("POST", "/brew/", b"leaf=" + b"x" * 300_000, headers=HTML)
        with connection.getresponse() as answer:
            assert answer.status == 500
            assert "the form is not sent a second time" in answer.read().decode()


def test_strangers_see_nothing(broken: DevServer) -> None:
    """Source code could be read through a foreign name, or on a server without DEBUG."""
    _see_nothing(broken, "evil.example")
    since = broken.mark()
    hosts = f'DEBUG = False\nALLOWED_HOSTS = ["{HOST}"]'
    broken.edit(VIEWS, WRONG, GOOD)
    broken.wait_for_output("live", since=since)
    since = broken.mark()
    broken.edit(SETTINGS, "DEBUG = True", hosts)
    broken.wait_for_output("live in", since=since)
    broken.edit(VIEWS, GOOD, WRONG)
    _see_nothing(broken, HOST)
    # What the last readable settings said counts while they cannot be read.
    since = broken.mark()
    broken.edit(SETTINGS, hosts, "DEBUG = Treu")
    broken.wait_for_output("waiting for a fix", since=since)
    _see_nothing(broken, HOST)


def _see_nothing(server: DevServer, host: str) -> None:
    for wish in (HTML, JSON, {}):
        answer = server.get("/", headers={**wish, "Host": host})
        assert answer.status == 500
        assert "Server Error" in answer.text
        assert not {"views", "VERSION", "Traceback", "autoreload"} & set(plain(answer.text).split())


def test_what_the_page_shows_is_text(server: DevServer) -> None:
    """A file name or a message could run a script, and a secret could be read."""
    secret = "kept-in-a-local-variable"  # noqa: S105 - not a secret of anybody
    server.write("teas/<i>leaf.py", "def f(hot):\n    raise ValueError('<script>' + '&amp;')\n")
    server.edit(
        VIEWS,
        GOOD,
        f"import importlib\nvalue = {secret[:4]!r} + {secret[4:]!r}\n"
        "importlib.import_module('teas.<i>leaf').f(value)",
    )
    page = see_page(server, "ValueError: <script>&amp;")
    assert "<i>leaf" not in page.text
    assert "&lt;i&gt;leaf.py" in page.text
    assert page.text.count("<script") == 1
    assert "<script>&amp;" not in page.text
    for wish in (HTML, JSON, {}):
        text = server.get("/", headers=wish).text
        assert secret not in text
        assert "DEV_SERVER_MARKER" not in text
        assert "INSTALLED_APPS" not in text


def test_many_open_pages(broken: DevServer) -> None:
    """All but one of several browsers would stay with the mistake."""
    page = see_page(broken, "ZeroDivisionError")
    path = f"{WAIT}{page.text.partition(WAIT)[2].partition(chr(34))[0]}"
    with ThreadPoolExecutor(12) as browsers:
        told = [browsers.submit(_wait_for_news, broken, path) for _ in range(12)]
        broken.edit(VIEWS, WRONG, GOOD)
        assert [answer.result(DEADLINE) for answer in told] == ["live"] * 12


def _wait_for_news(server: DevServer, path: str) -> str:
    """Ask as the page's script does, until there are news."""
    while True:
        answer = server.get(path)
        if "x-autoreload-plus" not in answer.headers:
            # Asked when the new code served already: the script takes it for that.
            return "live"
        state = str(json.loads(answer.text)["state"])
        if state != "same":
            return state


@contextlib.contextmanager
def nuisances(port: int) -> Iterator[list[socket.socket]]:
    """Open 500 connections that want nothing, and others that never come to an end."""
    held: list[socket.socket] = []
    beginnings = (
        b"GET / HTTP/1.1\r\nX-Drip: ",
        b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"x" * 60_000,
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9999999\r\n\r\nx",
        b"\x16\x03\x01",
        b"\x00" * 5000,
    )
    try:
        held.extend(socket.create_connection((HOST, port), DEADLINE) for _ in range(500))
        for index, connection in enumerate(held[-60:]):
            # Those that were given up meanwhile are no nuisance any more.
            with contextlib.suppress(OSError):
                connection.sendall(beginnings[index % len(beginnings)])
        yield held
    finally:
        for connection in held:
            connection.close()


def test_nuisances_stand_in_nobodys_way(broken: DevServer) -> None:
    """A port scanner, or a browser gone mad, could keep the fix from going live."""
    broken.wait_for_output("waiting for a fix")
    with nuisances(broken.port):
        see_page(broken, "ZeroDivisionError")
        since = broken.mark()
        broken.edit(VIEWS, WRONG, GOOD)
        assert broken.get("/version/").text == "version 1"
        broken.wait_for_output("live", since=since)
        broken.edit(VIEWS, GOOD, WRONG)
        see_page(broken, "ZeroDivisionError")
        broken.edit(VIEWS, WRONG, 'VERSION = "3"')
        assert broken.get("/version/").text == "version 3"
