"""The runservers of other apps work beneath ours."""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from harness import DEADLINE, HOST, DevServer, write_file

if TYPE_CHECKING:
    from pathlib import Path

VIEWS = "teas/views.py"
OURS = '    "django_autoreload_plus",\n'


def put_beneath(project: Path, app: str) -> None:
    """Let an app with a runserver of its own stand right after ours."""
    path = project / "config/settings.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(OURS) == 1
    write_file(path, text.replace(OURS, f'{OURS}    "{app}",\n'))


def follow(server: DevServer, first: int) -> None:
    """Edit three times: each time the very first answer is the new code's."""
    before = first - 1 or 1
    for number in range(first, first + 3):
        server.edit(VIEWS, f'VERSION = "{before}"', f'VERSION = "{number}"')
        assert server.get("/version/").text == f"version {number}"
        before = number


@pytest.mark.parametrize("options", [(), ("--noasgi",)], ids=["asgi", "noasgi"])
def test_daphne(project: Path, options: tuple[str, ...]) -> None:
    """An ASGI project would be served by WSGI, by old code, or not at all."""
    pytest.importorskip("daphne")
    put_beneath(project, "daphne")
    with DevServer(project, options=options) as server:
        server.wait_for("/version/")
        assert ("daphne" in server.get("/version/").headers["server"]) is not bool(options)
        # Without ASGI this command serves no static files.
        assert server.get("/static/admin/css/base.css").status == (404 if options else 200)
        kept = http.client.HTTPConnection(HOST, server.port, timeout=DEADLINE)
        with closing(kept):
            kept.request("GET", "/version/")
            assert kept.getresponse().read() == b"version 1"
            follow(server, 2)
            kept.request("GET", "/version/")
            assert kept.getresponse().read() == b"version 4"
        for name in (VIEWS, "config/wsgi.py" if options else "config/asgi.py"):
            good = server.path(name).read_text(encoding="utf-8")
            server.write(name, good + "\n1 / 0\n")
            page = server.get("/version/")
            assert page.status == 500
            assert f"{name}:" in page.text
            assert "ZeroDivisionError" in page.text
            server.write(name, good)
            assert server.get("/version/").text == "version 4"
        server.interrupt()
        assert server.wait() == 0
    assert server.output.count("development server at") == 1
    assert server.output.count("Performing system checks") == 1


def test_daphne_does_not_wait_for_streams(project: Path) -> None:
    """New code would have to wait until the last browser tab with a live page is closed."""
    pytest.importorskip("daphne")
    put_beneath(project, "daphne")
    with DevServer(project) as server:
        server.wait_for("/version/")
        with server.stream("/steam/") as answer:
            assert answer.read(1)
            follow(server, 2)


def test_whitenoise(project: Path) -> None:
    """Static files would come from Django again, not from WhiteNoise."""
    pytest.importorskip("whitenoise")
    put_beneath(project, "whitenoise.runserver_nostatic")
    with DevServer(project) as server:
        server.wait_for("/version/")
        # Without its middleware nobody serves them.
        assert server.get("/static/admin/css/base.css").status == 404
        follow(server, 2)


SOMEBODYS = """
import io
import socket

from django.core.management.commands.runserver import Command as Runserver


class Server:
    threading = False

    def __init__(self, address, handler, ipv6=False):
        self.listening = socket.create_server(address)
        self.server_port = self.listening.getsockname()[1]

    def set_app(self, app):
        self.app = app

    def serve_forever(self):
        while True:
            connection, _ = self.listening.accept()
            with connection, connection.makefile("rb") as request:
                path = request.readline().split()[1].decode()
                while request.readline().strip():
                    pass
                environ = {
                    "REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "localhost",
                    "SERVER_PORT": "80", "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http",
                    "HTTP_HOST": "localhost",
                }
                body = b"".join(self.app(environ, lambda status, headers: None))
                connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + body)


class Command(Runserver):
    server_cls = Server
"""


def test_a_server_that_nobody_knows(project: Path) -> None:
    """A project whose runserver has a server of its own would not start, or never reload."""
    for package in ("own", "own/management", "own/management/commands"):
        write_file(project / package / "__init__.py", "")
    write_file(project / "own/management/commands/runserver.py", SOMEBODYS)
    put_beneath(project, "own")
    with DevServer(project, options=("--nothreading",)) as server:
        server.wait_for("/version/", lambda answer: answer.text == "version 1")
        for number in (2, 3, 4):
            before = f'VERSION = "{number - 1}"'
            server.edit(VIEWS, before, f'VERSION = "{number}"')
            text = f"version {number}"
            server.wait_for("/version/", lambda answer, text=text: answer.text == text)  # type: ignore[misc]
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


#: A view that loads a module at its first request.
LATE = """
import importlib
from django.http import HttpResponse

def late(request, name):
    return HttpResponse(importlib.import_module(name).VALUE)

urlpatterns.append(path("late/<name>/", late))
"""


@pytest.mark.parametrize("app", ["django.contrib.staticfiles", "daphne"])
def test_an_edit_just_after_the_answer_that_has_loaded_it(project: Path, app: str) -> None:
    """A request after the save would be answered by old code, as nobody watched the file yet."""
    if app == "daphne":
        pytest.importorskip(app)
        put_beneath(project, app)
    names = ["late.one", "late.two.deep", "late.three"]
    files = {name: f"{name.replace('.', '/')}.py" for name in names}
    with DevServer(project) as server:
        for file in files.values():
            server.write(file, "VALUE = '1'\n")
        server.write("config/urls.py", server.path("config/urls.py").read_text() + LATE)
        server.wait_for("/version/")
        for name, file in files.items():
            assert server.get(f"/late/{name}/").text == "1"
            server.write(file, "VALUE = '2'\n")
            assert server.get(f"/late/{name}/").text == "2"
