"""Daphne's server starts again as fast, and from the same copies, as Django's."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import sys
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site, add_settings, before
from harness import CAN_SWAP, HOST, Hammer, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("channels")
pytest.importorskip("daphne")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are taken on Linux")

VIEWS = "teas/views.py"
CONSUMERS = """
from channels.generic.websocket import WebsocketConsumer

TEA = "sencha 1"


class Tea(WebsocketConsumer):
    def connect(self):
        self.accept()
        self.send(text_data=TEA)

    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=f"{text_data}, {TEA}")
"""
ROUTING = """
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()

import consumers

sockets = URLRouter([path("tea/", consumers.Tea.as_asgi())])
application = ProtocolTypeRouter({"http": http, "websocket": sockets})
"""


class WebSocket:
    """As much of a client as short texts need."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        self._connection.request("GET", path, headers={**upgrade, "Sec-WebSocket-Key": key})
        self._answer = http.client.HTTPResponse(self._connection.sock)
        self._answer.begin()
        assert self._answer.status == 101

    def receive(self) -> str:
        """The next text."""
        head = self._answer.fp.read(2)
        return self._answer.fp.read(head[1]).decode()

    def send(self, text: str) -> None:
        """Send a text, with a mask of zeros."""
        self._connection.sock.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode())

    def close(self) -> None:
        """Be gone."""
        self._answer.close()
        self._connection.close()


@contextlib.contextmanager
def connected(site: Site) -> Iterator[WebSocket]:
    """A new WebSocket."""
    client = WebSocket(site.port, "/tea/")
    with contextlib.closing(client):
        yield client


def with_channels(project: Path) -> Path:
    """Serve the project by Daphne, with a consumer."""
    write_file(project / "consumers.py", CONSUMERS)
    write_file(project / "routing.py", ROUTING)
    add_settings(
        project,
        "INSTALLED_APPS = [INSTALLED_APPS[0], 'daphne', 'channels', *INSTALLED_APPS[1:]]\n"
        "ASGI_APPLICATION = 'routing.application'",
    )
    return project


def test_reloads_come_from_copies(project: Path) -> None:
    """Each edit of a project that is served by Daphne would take a complete start."""
    with Site(with_channels(project)) as server:
        server.wait_for("/version/")
        server.copies("settings", "setup", "ready")
        assert "no checkpoint" not in server.output
        with Hammer(server.port, "/version/", threads=1) as hammer:
            for number in range(2, 5):
                mark = server.mark()
                server.edit(VIEWS, f'VERSION = "{number - 1}"', f'VERSION = "{number}"')
                assert server.get("/version/").text == f"version {number}"
                origin = server.origin(mark)
                # The first edit of a file has no copy before it; a constant may be exchanged.
                if number > 2 and not origin.startswith("ready"):
                    assert origin in before("teas.views")
            for number in range(3):
                mark = server.mark()
                source = server.path(VIEWS).read_text(encoding="utf-8")
                old, new = f'f"version {"+" * number}', f'f"version {"+" * (number + 1)}'
                server.write(VIEWS, source.replace(old, new))
                assert server.get("/version/").text.startswith(f"version {'+' * (number + 1)}4")
                origin = server.origin(mark)
                is_swapped = origin.startswith("ready, function bodies exchanged")
                assert is_swapped if CAN_SWAP else origin in before("teas.views")
            hammer.wait_for_answers(1)
        assert not hammer.failures
        assert {*hammer.statuses} == {200}
        # Answers never go back to older code.
        assert hammer.texts == sorted(hammer.texts, key=lambda text: (text.count("+"), text))
        for number in (2, 3):
            with connected(server) as client:
                assert client.receive() == f"sencha {number - 1}"
                server.edit("consumers.py", f'"sencha {number - 1}"', f'"sencha {number}"')
                with connected(server) as other:
                    assert other.receive() == f"sencha {number}"
                    other.send("more")
                    assert other.receive() == f"more, sencha {number}"
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
    assert "Traceback" not in server.output


def test_sigterm_ends_a_resumed_one(project: Path) -> None:
    """Twisted's own handler would keep a process alive, or leave copies behind."""
    with Site(with_channels(project)) as server:
        server.wait_for("/version/")
        server.edit(VIEWS, 'VERSION = "1"', 'VERSION = "2"')
        assert server.get("/version/").text == "version 2"
        with connected(server):
            server.terminate()
            server.wait()
            server.all_gone()
    assert "Traceback" not in server.output
