"""Nobody touches the browser, and it shows what is true."""

from __future__ import annotations

import contextlib
import http.server
import queue
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from browser import open_browser
from harness import DEADLINE, HOST, DevServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from browser import Browser

GOOD = 'VERSION = "1"'
VIEWS = "teas/views.py"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests of this file."""
    with open_browser() as started:
        yield started


def test_from_one_mistake_to_the_next_to_the_fix(server: DevServer, browser: Browser) -> None:
    """The developer would have to reload the page after each save."""
    browser.goto(f"{server.url}version/?tea=1#leaf")
    server.edit(VIEWS, GOOD, 'VERSION = ("1"')
    browser.goto(f"{server.url}version/?tea=2#leaf")
    browser.wait_text("SyntaxError: '(' was never closed", "h1")
    browser.wait_text("teas/views.py:24", "header .place")
    server.edit(VIEWS, 'VERSION = ("1"', "VERSION = 1 / 0")
    browser.wait_text("ZeroDivisionError: division by zero", "h1")
    server.edit(VIEWS, "VERSION = 1 / 0", 'VERSION = "2"')
    browser.wait_text("version 2")
    assert browser.url == f"{server.url}version/?tea=2#leaf"


def test_the_command_was_stopped_and_started_again(project: Path, browser: Browser) -> None:
    """An open page would be dead after Ctrl-C and a new start."""
    with DevServer(project) as server:
        server.edit(VIEWS, GOOD, "VERSION = 1 / 0")
        server.wait_for_output("waiting for a fix")
        browser.goto(f"{server.url}version/")
        browser.wait_text("ZeroDivisionError", "h1")
        server.interrupt()
        assert server.wait() == 0
        browser.wait_text("No connection: the command was stopped")
        server.start()
        browser.wait_text("Waiting for a fix")
        server.interrupt()
        assert server.wait() == 0
        server.edit(VIEWS, "VERSION = 1 / 0", GOOD)
        server.start()
        browser.wait_text("version 1")


def test_a_form_that_met_a_mistake(server: DevServer, browser: Browser) -> None:
    """A guest's entry would be sent again with every fix, or in an endless circle."""
    browser.goto(f"{server.url}tea/sencha/")
    before = browser.text(".notes")
    browser.script("document.forms[document.forms.length - 1].elements.stars.value = 5")
    browser.script("document.forms[document.forms.length - 1].elements.note.value = 'Twice?'")
    server.edit(VIEWS, GOOD, "VERSION = 1 / 0")
    browser.click(".panel button")
    browser.wait_text("ZeroDivisionError", "h1")
    browser.wait_text("the form is not sent a second time")
    server.edit(VIEWS, "VERSION = 1 / 0", "VERSION = 1 / 00")
    browser.wait_text("VERSION = 1 / 00")
    server.edit(VIEWS, "VERSION = 1 / 00", GOOD)
    browser.wait_text("Sencha", "h1")
    assert browser.text(".notes") == before


def test_the_place_is_copied(server: DevServer, browser: Browser) -> None:
    """The path would have to be typed into the editor."""
    server.edit(VIEWS, GOOD, "VERSION = 1 / 0")
    browser.goto(f"{server.url}version/")
    browser.wait_text("ZeroDivisionError", "h1")
    browser.allow_clipboard(server.url)
    browser.click("header .copy")
    browser.wait_text("Copied", "header .copy")
    assert browser.clipboard() == f"{server.path(VIEWS)}:24"


class Editor(http.server.BaseHTTPRequestHandler):
    """What the link of an editor leads to; the page in the browser stays where it is."""

    def do_GET(self) -> None:
        """Note what is to be opened."""
        self.server.opened.put(self.path)  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()


class Editors(http.server.ThreadingHTTPServer):
    """Listens for such an editor."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Editor)
        self.opened: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        """Let every connection wait in a thread: browsers connect in advance, and say nothing."""
        self._connections.append(request)
        super().process_request(request, client_address)

    def end(self) -> None:
        """Serve no longer, and let go those who say nothing."""
        self.shutdown()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def test_a_click_opens_the_editor(project: Path, browser: Browser) -> None:
    """The browser would refuse the link, or hand another place over to the editor."""
    with Editors() as editor, contextlib.ExitStack() as undo:
        serving = threading.Thread(target=editor.serve_forever)
        serving.start()
        undo.callback(serving.join)
        undo.callback(editor.end)
        url = f"http://{HOST}:{editor.server_port}{{file}}:{{line}}:{{column}}"
        with (project / "config/settings.py").open("a", encoding="utf-8") as settings:
            settings.write(f"\nAUTORELOAD_PLUS = {{'EDITOR': {url!r}}}\n")
        with DevServer(project, env={"REACT_EDITOR": "none"}) as server:
            server.wait_for("/version/")
            server.edit(VIEWS, GOOD, "VERSION = 1 / 0")
            browser.goto(f"{server.url}version/")
            browser.wait_text("ZeroDivisionError", "h1")
            browser.click("header .editor")
            asked = editor.opened.get(timeout=DEADLINE)
    column = 11 if sys.version_info >= (3, 11) else 1
    assert asked == f"{project}/teas/views.py:24:{column}"
