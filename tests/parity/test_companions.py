"""Packages for development that are installed beside this one."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from browser import open_browser
from harness import DEADLINE, HOST, free_ports, wait_until
from parity.reloaders import COPIES, MANAGE, VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typing_extensions import Self

    from browser import Browser
    from parity.reloaders import ParitySite

    Maker = Callable[..., ParitySite]

BROWSER_RELOAD = """
INSTALLED_APPS += ["django.contrib.staticfiles", "django_browser_reload"]
MIDDLEWARE = ["django_browser_reload.middleware.BrowserReloadMiddleware"]
STATIC_URL = "static/"
"""
BROWSER_RELOAD_URLS = """
from django.urls import include, path
import views

urlpatterns = [
    path("", views.page),
    path("__reload__/events/", views.events),
    path("__reload__/", include("django_browser_reload.urls")),
]
"""
COUNTING_VIEWS = """
from django.http import HttpResponse
from django_browser_reload import views as browser_reload

VALUE = "one"
READ = VALUE
SEEN = "n = sessionStorage.seen = 1 + +(sessionStorage.seen || 0)"

def page(request):
    text = f"<body>{VALUE} <i></i><script>document.querySelector('i').textContent = {SEEN}</script>"
    return HttpResponse(f"<html>{text}</body></html>")

def events(request):
    response = browser_reload.events(request)
    response.streaming_content = told(iter(response.streaming_content))
    return response

def told(messages):
    yield next(messages)
    print("the browser knows the version", flush=True)
    yield from messages
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests of this file."""
    with open_browser() as started:
        yield started


def shows_once(browser: Browser, value: str, times: int) -> None:
    """Await the page with this text, loaded so many times, and that this remains so."""
    browser.wait_text(f"{value} {times}")
    # The worker asks again after a tenth of a second, and hears from the server each second.
    browser.script("window.quiet = false; setTimeout(() => { window.quiet = true }, 1500)")
    browser.wait(lambda page: bool(page.script("return window.quiet")), "the same page")
    assert browser.text("body") == f"{value} {times}"


def test_the_page_is_refreshed_once_for_each_reload(parity_site: Maker, browser: Browser) -> None:
    """Who uses django-browser-reload would have to refresh the page by hand."""
    files = {"urls.py": BROWSER_RELOAD_URLS, "views.py": COUNTING_VIEWS}
    with parity_site(files, settings=BROWSER_RELOAD) as server:
        server.wait_for("/")
        # Once: each further page may have a worker of its own, which has to hear the version.
        browser.goto(server.url)
        browser.wait_text("one 1")
        # Before it knows one version, no other is new to it.
        server.wait_for_output("the browser knows the version")
        server.change("views.py", '"one"', '"two"')
        shows_once(browser, "two", 2)
        server.change("views.py", "<body>", "<body>a ")
        shows_once(browser, "a two", 3)
        browser.goto("about:blank")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


FRYHCS_VIEWS = """
from django.http import HttpResponse
from fryhcs import reload

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {reload.server_id}")
"""


def test_fryhcs_tells_the_browser_of_each_reload(parity_site: Maker) -> None:
    """Who uses fryhcs would have to refresh the page by hand: a stream tells the page this id."""
    pytest.importorskip("fryhcs")
    with parity_site({"views.py": FRYHCS_VIEWS}, settings="\nimport fryhcs.reload\n") as server:
        first = server.wait_for("/").text
        # A function's body is exchanged, a module runs again.
        server.change("views.py", "VALUE} ", "VALUE}! ")
        second = server.wait_for("/", lambda answer: answer.text.startswith("one! ")).text
        server.change("views.py", '"one"', '"two"')
        third = server.wait_for("/", lambda answer: answer.text.startswith("two! ")).text
        assert len({text.split()[1] for text in (first, second, third)}) == 3
        assert server.get("/").text == third


DEBUGGER = """
    if os.environ.get("RUN_MAIN"):
        import debugpy
        debugpy.listen(("127.0.0.1", {port}))
"""
#: The line of the view that returns the answer.
RETURN_LINE = 1 + VIEWS.splitlines().index("    return HttpResponse(VALUE)")
MAIN = 'if __name__ == "__main__":'


class DebugClient:
    """An editor's side of the Debug Adapter Protocol, as far as attaching goes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=DEADLINE)
        self._stream = self._socket.makefile("rwb")
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # Each of them, whatever the other one says.
        for end in (self._stream, self._socket):
            with contextlib.suppress(OSError, ValueError):
                end.close()

    def attach(self, path: Path, line: int) -> None:
        """Attach as an editor does that has a breakpoint at a line of a file."""
        self._ask("initialize", adapterID="test", pathFormat="path")
        self._await("response", "initialize")
        self._ask("attach", justMyCode=False)
        self._await("event", "initialized")
        self._ask("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}])
        assert self._await("response", "setBreakpoints")["breakpoints"][0]["verified"]
        self._ask("configurationDone")
        self._await("event", "process")

    def next_stop(self) -> tuple[str, int]:
        """Await the breakpoint, go on, and return the function and the line of the stop."""
        thread = self._await("event", "stopped")["threadId"]
        self._ask("stackTrace", threadId=thread)
        frame = self._await("response", "stackTrace")["stackFrames"][0]
        self._ask("continue", threadId=thread)
        self._await("response", "continue")
        return frame["name"], frame["line"]

    def let_go_at_the_end(self) -> None:
        """Let go when the program ends; nothing else is asked any more."""
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            self._await("event", "terminated")
            self._ask("disconnect")
        self.__exit__()

    def _ask(self, command: str, **arguments: object) -> None:
        self._sequence += 1
        request = {"type": "request", "seq": self._sequence, "command": command}
        body = json.dumps({**request, "arguments": arguments}).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._stream.flush()

    def _await(self, kind: str, name: str) -> Any:
        while True:
            header = self._stream.readline()
            if not header:
                raise ConnectionError("the debugger is gone")
            length = int(header.split(b":")[1])
            self._stream.readline()
            message = json.loads(self._stream.read(length))
            if message["type"] == kind and name in (message.get("command"), message.get("event")):
                return message.get("body")


def attach(port: int, path: Path, line: int) -> DebugClient:
    """Attach as soon as the debugger listens and is free."""
    clients: list[DebugClient] = []

    def is_attached() -> bool:
        with contextlib.suppress(OSError, ValueError, IndexError):
            client = DebugClient(port)
            try:
                client.attach(path, line)
            except BaseException:
                client.__exit__()
                raise
            clients.append(client)
        return bool(clients)

    wait_until(is_attached, "an attached debugger")
    return clients[0]


def stops_at_the_breakpoint(server: ParitySite, client: DebugClient, value: str) -> None:
    """Ask for the page while a debugger is attached, and go on where it stops."""
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(server.get, "/")
        assert client.next_stop() == ("page", RETURN_LINE)
        assert page.result().text == value


@pytest.mark.parametrize("place", ["manage.py", "settings"])
def test_a_debugger_is_attached_at_each_reload(tmp_path: Path, place: str) -> None:
    """An editor could attach to the first process only, and each edit would fail."""
    # Starting under a debugger takes seconds: only the way that has most to get wrong.
    parity_site = COPIES.maker(tmp_path)
    (port,) = free_ports(1)
    listen = DEBUGGER.format(port=port)
    files = {"manage.py": MANAGE.replace(MAIN, MAIN + listen)} if place == "manage.py" else {}
    settings = "" if files else f"\nif True:{listen}"
    with parity_site(files, settings=settings) as server:
        values = ["one", "two", "three", "four"]
        server.shows(values[0])
        for old, new in pairwise(values):
            with attach(port, server.path("views.py"), RETURN_LINE) as client:
                stops_at_the_breakpoint(server, client, old)
                client.let_go_at_the_end()
                server.change("views.py", f'"{old}"', f'"{new}"')
                server.shows(new)
        with attach(port, server.path("views.py"), RETURN_LINE) as client:
            stops_at_the_breakpoint(server, client, values[-1])
            client.let_go_at_the_end()
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


TOGETHER = """
INSTALLED_APPS = [
    *INSTALLED_APPS, "daphne", "channels", "debug_toolbar", "django_extensions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware"]
INTERNAL_IPS = ["127.0.0.1"]
STATIC_URL = "static/"
ASGI_APPLICATION = "routing.application"
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""
TOGETHER_FILES = {
    "urls.py": """
from debug_toolbar.toolbar import debug_toolbar_urls
from django.urls import path
import views

urlpatterns = [path("", views.page), path("html/", views.html), *debug_toolbar_urls()]
""",
    "views.py": """
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    layer = get_channel_layer()
    async_to_sync(layer.send)("tea", {"type": "tea", "value": VALUE})
    return HttpResponse(async_to_sync(layer.receive)("tea")["value"])

def html(request):
    return HttpResponse(f"<html><body>{VALUE}</body></html>")
""",
    "consumers.py": """
from channels.generic.websocket import WebsocketConsumer

class Tea(WebsocketConsumer):
    def connect(self):
        self.accept()
        self.send(text_data="sencha")
""",
    "routing.py": """
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()
import consumers
sockets = URLRouter([path("tea/", consumers.Tea.as_asgi())])
application = ProtocolTypeRouter({"http": http, "websocket": sockets})
""",
}


def test_many_companions_together(parity_site: Maker) -> None:
    """A project with Channels, the debug toolbar and extensions would not start, or not reload."""
    with parity_site(TOGETHER_FILES, settings=TOGETHER) as server:
        server.shows("one")
        server.change("views.py", '"one"', '"two"')
        server.shows("two")
        assert "djDebug" in server.get("/html/").text
        assert first_message(server, "/tea/") == "sencha"
        server.change("consumers.py", "sencha", "matcha")
        wait_until(lambda: first_message(server, "/tea/") == "matcha", "the other tea")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


def first_message(server: ParitySite, path: str) -> str:
    """Connect to a web socket and return the first text; ``""`` where it cannot be had."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    with (
        contextlib.suppress(OSError),
        socket.create_connection((HOST, server.port), timeout=DEADLINE) as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.write(head.encode())
        stream.flush()
        while stream.readline().strip():
            pass
        frame = stream.read(2)
        return stream.read(frame[1] & 0x7F).decode() if len(frame) == 2 else ""
    return ""
