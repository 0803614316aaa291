from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import open_browser
from django_autoreload_plus.protocol.failure import ChainLink, Failure, Frame
from django_autoreload_plus.supervisor.error_page.respond import WAIT_PATH, PageContext, failure_id
from django_autoreload_plus.supervisor.error_page.server import ErrorServer, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from browser import Browser

DEADLINE = 30.0
BROKEN = Failure("exception", "NameError: first mistake", "Traceback\nNameError: first mistake\n")
OTHER = Failure("exception", "ValueError: second mistake", "ValueError: second mistake\n")


class Server:
    """An error server in a loop of its own, as the supervisor runs it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.setblocking(False)
        self.port = int(self.listener.getsockname()[1])
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.error_server = ErrorServer(limits)

    def call(self, function: Callable[..., Any], *arguments: object) -> None:
        """Run ``function`` in the loop and wait for it."""

        async def run() -> None:
            answer = function(*arguments)
            if asyncio.iscoroutine(answer):
                await answer

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)

    def show(self, failure: Failure = BROKEN, context: PageContext | None = None) -> None:
        """Show a failure."""
        self.call(self.error_server.show, failure, context or PageContext(), [self.listener])

    def pause(self) -> None:
        """Stop accepting."""
        self.call(self.error_server.pause)

    def live(self) -> None:
        """Say that new code serves."""
        self.call(self.error_server.live)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self.error_server._connections)

    def close(self) -> None:
        """End the server and its loop."""
        self.call(self.error_server.close)
        assert self.listener.fileno() != -1, "the port was given up"
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE)
        self.loop.close()
        self.listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """Start a server that nothing has been told yet."""
    with running() as started:
        yield started


@contextlib.contextmanager
def running(limits: Limits | None = None) -> Iterator[Server]:
    """Start a server with other limits."""
    started = Server(limits)
    try:
        yield started
    finally:
        started.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as ``condition`` holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def connect(port: int) -> socket.socket:
    """Open a connection whose every operation has a deadline."""
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


def send(connection: socket.socket, path: str = "/", **headers: str) -> None:
    """Send a ``GET`` request."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


def receive(connection: socket.socket) -> bytes:
    """Read to the end and close."""
    with connection:
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def ask(port: int, method: str = "GET", path: str = "/", body: bytes = b"") -> tuple[int, str]:
    """Return status and text of an answer."""
    connection = http.client.HTTPConnection("localhost", port, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request(method, path, body or None)
        with connection.getresponse() as answer:
            return answer.status, answer.read().decode()


def wait_path(failure: Failure = BROKEN) -> str:
    """Return what the page about ``failure`` asks."""
    return f"{WAIT_PATH}?seen={failure_id(failure, PageContext())}"


def answer_to(connection: socket.socket) -> dict[str, object]:
    """Return what a page's question was answered with."""
    told = json.loads(receive(connection).partition(b"\r\n\r\n")[2])
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_answered(server: Server, method: str) -> None:
    """Otherwise a form or an API client would hang."""
    server.show()
    status, text = ask(server.port, method, body=b"x=1" if method == "POST" else b"")
    assert status == 500
    assert "first mistake" in text


def test_head_has_no_body(server: Server) -> None:
    """Otherwise the client would take the body for the next answer."""
    server.show()
    connection = connect(server.port)
    connection.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head, _, body = receive(connection).partition(b"\r\n\r\n")
    assert b"500 Internal Server Error" in head
    assert b"Content-Length: 0" not in head
    assert body == b""


def test_a_new_failure_replaces_the_old_one(server: Server) -> None:
    """Otherwise the page would show a mistake that is mended already."""
    server.show()
    server.show(OTHER)
    assert "second mistake" in ask(server.port)[1]


def test_nothing_is_accepted_before_and_after(server: Server) -> None:
    """Otherwise requests meant for the new code would get an error page."""
    before = connect(server.port)
    send(before)
    server.show()
    assert b"first mistake" in receive(before)
    server.pause()
    paused = connect(server.port)
    send(paused)
    server.show(OTHER)
    assert b"second mistake" in receive(paused)
    server.live()
    with connect(server.port) as waiting, contextlib.closing(accept(server)) as accepted:
        accepted.sendall(b"from the new code")
        assert waiting.recv(100) == b"from the new code"


def accept(server: Server) -> socket.socket:
    """Take a connection as the new child would."""
    server.listener.settimeout(DEADLINE)
    connection, _ = server.listener.accept()
    server.listener.setblocking(False)
    return connection


def test_a_request_caught_in_between_is_sent_to_the_new_code(server: Server) -> None:
    """Otherwise the first request after a fix would show the old mistake."""
    server.show()
    early, later = connect(server.port), connect(server.port)
    until(lambda: server.connections == 2, "both are accepted")
    server.pause()
    send(early, "/polls/?page=2")
    server.live()
    send(later, "/polls/?page=2")
    for client in (early, later):
        answer = receive(client)
        assert b"307 Temporary Redirect" in answer
        assert b"Location: /polls/?page=2" in answer


def test_a_request_caught_in_between_waits_for_the_decision(server: Server) -> None:
    """Otherwise it would be answered with a mistake that may be mended."""
    server.show()
    client = connect(server.port)
    until(lambda: server.connections == 1, "it is accepted")
    server.pause()
    send(client)
    server.show(OTHER)
    assert b"second mistake" in receive(client)


def test_a_connection_can_be_handed_over(server: Server) -> None:
    """Otherwise what the supervisor has accepted itself would be lost."""
    server.show()
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    server.call(server.error_server.adopt, theirs)
    send(ours)
    assert b"first mistake" in receive(ours)


@pytest.mark.parametrize("paused", [False, True])
def test_open_pages_learn_that_the_fix_is_live(server: Server, paused: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Otherwise the developer would have to reload by hand."""
    server.show()
    clients = [connect(server.port) for _ in range(3)]
    for client in clients:
        send(client, wait_path())
    until(lambda: waiting(server) == 3, "all pages wait")
    if paused:
        server.pause()
        assert waiting(server) == 3
    server.live()
    assert [answer_to(client)["state"] for client in clients] == ["live"] * 3


def waiting(server: Server) -> int:
    """Return how many pages are waiting."""
    return sum(client.waiting_page for client in list(server.error_server._connections))


def test_open_pages_learn_of_another_mistake(server: Server) -> None:
    """Otherwise an open page would go on showing the mended one."""
    server.show()
    client = connect(server.port)
    send(client, wait_path())
    until(lambda: waiting(server) == 1, "the page waits")
    server.pause()
    server.show(BROKEN)  # The same again: nothing to load.
    assert waiting(server) == 1
    server.show(OTHER)
    assert answer_to(client)["state"] == "failed"
    late = connect(server.port)
    send(late, wait_path(BROKEN))
    assert answer_to(late)["state"] == "failed"


def test_a_page_asks_again_after_a_while() -> None:
    """Otherwise a proxy in between would cut the question off with an error."""
    with running(Limits(wait_time=0.05)) as server:
        server.show()
        client = connect(server.port)
        send(client, wait_path())
        assert answer_to(client)["state"] == "same"


def test_a_page_that_lost_the_command_is_told_at_once_that_it_is_back(server: Server) -> None:
    """Otherwise it would say "no connection" while there is one."""
    server.show()
    client = connect(server.port)
    send(client, f"{wait_path()}&now=1")
    assert answer_to(client)["state"] == "same"


def test_many_tabs_do_not_use_up_the_browsers_connections(server: Server) -> None:
    """Otherwise the seventh tab of a browser could not load anything from the host."""
    server.show()
    held = [connect(server.port) for _ in range(3)]
    for client in held:
        send(client, wait_path())
    until(lambda: waiting(server) == 3, "three pages wait")
    extra = connect(server.port)
    send(extra, wait_path())
    told = answer_to(extra)
    assert told["state"] == "same"
    assert told["retry"] == 1.0
    for client in held:
        client.close()
    until(lambda: server.connections == 0, "closed tabs are noticed")


def test_a_foreign_host_is_not_told_anything(server: Server) -> None:
    """Otherwise a foreign site could watch the developer work."""
    server.show()
    connection = connect(server.port)
    connection.sendall(f"GET {wait_path()} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
    answer = receive(connection)
    assert b"500" in answer
    assert b"mistake" not in answer
    assert b"utoreload" not in answer


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nX" + b"x" * 100_000],
)
def test_garbage_is_turned_away(server: Server, sent: bytes) -> None:
    """Otherwise a browser that tries HTTPS, or a port scanner, could do harm."""
    server.show()
    connection = connect(server.port)
    with contextlib.suppress(OSError):
        connection.sendall(sent)
        assert b" 500 " not in receive(connection)
    assert ask(server.port)[0] == 500


def test_a_slow_client_is_given_up() -> None:
    """Otherwise clients that send a byte a minute would pile up."""
    with running(Limits(head_time=0.1)) as server:
        server.show()
        connection = connect(server.port)
        # It may be given up before it has said a word, and is told so then.
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET / HTT")
            assert receive(connection) == b""
        until(lambda: server.connections == 0, "it is forgotten")


def test_a_crowd_of_silent_clients_does_not_lock_others_out() -> None:
    """Otherwise a few hundred idle connections would take the page away from everyone."""
    with running(Limits(connections=20, head_time=DEADLINE)) as server:
        server.show()
        crowd = [connect(server.port) for _ in range(60)]
        assert ask(server.port)[0] == 500
        assert server.connections <= 21
        for client in crowd:
            client.close()


def test_running_out_of_files_is_survived(server: Server) -> None:
    """Otherwise a low limit for open files would turn a crowd into a dead page."""
    resource = pytest.importorskip("resource", reason="needs limits for open files")
    server.show()
    crowd = [connect(server.port) for _ in range(100)]
    until(lambda: server.connections == 100, "all are accepted")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with connect(server.port) as probe:
        limit = probe.fileno() + 5
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        late = [socket.socket() for _ in range(3)]
        for client in late:
            client.settimeout(DEADLINE)
            client.connect(("127.0.0.1", server.port))
        for client in late:
            send(client)
        assert all(b"first mistake" in receive(client) for client in late)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for client in crowd:
            client.close()


def test_no_descriptor_is_left_behind(server: Server) -> None:
    """Otherwise the supervisor would run out of them in a long afternoon."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc to count descriptors")
    server.show()
    ask(server.port)
    until(lambda: server.connections == 0, "it is quiet")
    before = len(list(descriptors.iterdir()))
    for _ in range(50):
        ask(server.port)
        connect(server.port).close()
    until(lambda: len(list(descriptors.iterdir())) <= before, "all of them are closed")


def test_a_client_given_up_at_once_is_closed(server: Server) -> None:
    """Otherwise it would wait on a connection that nobody answers."""
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)

    async def adopt_and_close() -> None:
        server.error_server.adopt(theirs)
        await server.error_server.close()

    with ours:
        server.call(adopt_and_close)
        assert theirs.fileno() == -1
        assert ours.recv(1) == b""


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_a_client_sending_a_large_body_reads_the_answer(server: Server, size: int) -> None:
    """Otherwise an upload would see a reset connection instead of the page."""
    server.show()
    status, text = ask(server.port, "POST", "/upload/", b"x" * size)
    assert status == 500
    assert "first mistake" in text


def test_an_endless_body_is_cut_off() -> None:
    """Otherwise one client could keep the supervisor reading for ever."""
    with running(Limits(drain_bytes=1_000_000)) as server:
        server.show()
        connection = connect(server.port)
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with connection, contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(b"x" * 100_000)


def test_a_large_page_reaches_a_slow_reader_whole(server: Server) -> None:
    """Otherwise the end of the page would be missing on a slow line."""
    frame = Frame("/x.py", 1, "f", ((1, "y" * 390),) * 11, own=True)
    server.show(Failure("exception", "E: e", "z" * 100_000, (ChainLink("E", "e", (frame,)),) * 20))
    connection = connect(server.port)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    send(connection, Accept="text/html")
    head, _, body = receive(connection).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body.endswith(b"</html>\n")


def test_a_lost_race_for_a_connection_is_harmless(server: Server) -> None:
    """Otherwise a child that takes a connection first would stop the page."""
    server.show()
    stop = threading.Event()

    def rival() -> None:
        while not stop.is_set():
            with contextlib.suppress(BlockingIOError):
                taken, _ = server.listener.accept()
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nchild")
                receive(taken)

    thread = threading.Thread(target=rival)
    thread.start()
    try:
        answers = {ask(server.port)[0] for _ in range(200)}
    finally:
        stop.set()
        thread.join(DEADLINE)
    assert answers <= {200, 500}
    assert ask(server.port)[0] == 500


def test_closing_ends_open_pages_and_keeps_the_port(server: Server) -> None:
    """Otherwise Ctrl-C would hang on an open browser tab."""
    server.show()
    page, silent = connect(server.port), connect(server.port)
    send(page, wait_path())
    until(lambda: waiting(server) == 1, "the page waits")
    server.call(server.error_server.close)
    assert receive(page) == b""
    assert receive(silent) == b""


# In a real browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start one browser for all tests of this file."""
    with open_browser() as started:
        yield started


class NewCode:
    """Answers on the server's port in the place of a child that works again."""

    def __init__(self, server: Server) -> None:
        self.requests: list[str] = []
        self._listener = server.listener
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(DEADLINE)

    def _run(self) -> None:
        with ThreadPoolExecutor() as clients:
            while not self._stop.wait(0.005):
                with contextlib.suppress(BlockingIOError):
                    clients.submit(self._answer, self._listener.accept()[0])

    def _answer(self, connection: socket.socket) -> None:
        body = b"<!doctype html><title>site</title><p>The real page</p>"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        connection.settimeout(0.05)
        with connection:
            # A browser also opens connections on which it asks nothing for a while.
            while not self._stop.is_set():
                try:
                    first = connection.recv(65536).partition(b"\r\n")[0]
                except TimeoutError:
                    continue
                except OSError:
                    return
                if first:
                    self.requests.append(first.decode("latin-1"))
                    connection.sendall(head.encode() + b"Content-Type: text/html\r\n\r\n" + body)
                return


def url(server: Server, path: str = "/") -> str:
    """Return an address that the error page is shown at."""
    return f"http://127.0.0.1:{server.port}{path}"


def test_the_browser_shows_the_fix_by_itself(server: Server, browser: Browser) -> None:
    """Otherwise the developer would have to touch the browser after each fix."""
    server.show()
    browser.goto(url(server, "/polls/?a=1#here"))
    browser.wait_text("first mistake", "h1")
    server.pause()
    server.show(OTHER)
    browser.wait_text("second mistake", "h1")
    server.live()
    with NewCode(server):
        browser.wait_text("The real page")
    assert browser.url.endswith("/polls/?a=1#here")


def test_a_background_tab_reloads_too(server: Server, browser: Browser) -> None:
    """Otherwise another tab would still show the mistake when it is looked at."""
    server.show()
    first = browser.current_tab
    browser.goto(url(server))
    browser.wait_text("first mistake", "h1")
    second = browser.new_tab()
    server.live()
    with NewCode(server) as code:
        until(lambda: "GET / HTTP/1.1" in code.requests, "the hidden tab has loaded itself")
    browser.close_tab()
    assert second != first
    browser.tab(first)
    browser.wait_text("The real page")


def test_a_form_is_not_sent_again(server: Server, browser: Browser) -> None:
    """Otherwise a fix could place an order a second time."""
    browser.goto("data:text/html,<form method=post><button>Send</button></form>")
    browser.script("document.forms[0].action = arguments[0]", url(server, "/order/#pay"))
    server.show()
    browser.click("button")
    browser.wait_text("first mistake", "h1")
    browser.wait_text("not sent a second time")
    server.live()
    with NewCode(server) as code:
        browser.wait_text("The real page")
        assert "GET /order/ HTTP/1.1" in code.requests
        assert not any(request.startswith("POST") for request in code.requests)


def test_the_page_finds_a_restarted_command(browser: Browser) -> None:
    """Otherwise an open page would be dead after Ctrl-C and a new start."""
    with running() as server:
        server.show()
        browser.goto(url(server))
        browser.wait_text("first mistake", "h1")
        server.pause()
        server.call(server.error_server.close)
        with NewCode(server):
            browser.wait_text("The real page")


def test_the_page_obeys_its_own_security_policy(server: Server, browser: Browser) -> None:
    """Otherwise the page would be without its style, or its script."""
    spot = Frame("/x/views.py", 2, "index", ((1, "a"), (2, "b <i>c</i>")), own=True, columns=(2, 5))
    server.show(
        Failure(
            "exception", "E: <b>e</b>", "t", (ChainLink("E", "e", (spot,)),), spot.path, 2, spot
        )
    )
    for scheme, ground in (("light", "rgb(246, 245, 242)"), ("dark", "rgb(22, 24, 29)")):
        browser.prefer(scheme)
        browser.goto(url(server))
        colour = "return getComputedStyle(document.body).backgroundColor"
        assert browser.script(colour) == ground
    browser.resize(360, 740, mobile=True)
    browser.goto(url(server))
    assert browser.script("return document.documentElement.scrollWidth") == 360
    assert browser.text("h1") == "E: <b>e</b>"
    assert browser.title == "/x/views.py:2: E: <b>e</b>"
    assert "b <i>c</i>" in browser.text(".spot")
    browser.click(".copy")
    browser.wait_text("Copied", ".copy")
