"""Real servers for tests: start, edit, ask, stop, and nothing left behind.

Times are seconds. Every wait has a deadline and ends with an
:class:`AssertionError` that shows what the server printed.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import functools
import http.client
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import django_autoreload_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

HOST = "127.0.0.1"
TESTPROJECT = Path(__file__).resolve().parent.parent / "testproject"

#: Long enough for a loaded machine; only a failing test ever waits for it.
DEADLINE = 60.0
#: Between two looks at something that cannot be waited for as an event.
PAUSE = 0.01
#: Ports for what binds them itself: none that a kernel gives to whoever asks for any.
PORTS = range(20_000, 30_000)

MARKER = "DEV_SERVER_MARKER"
#: Variables of the test's own environment that would change the server.
NOT_INHERITED = {
    "DJANGO_SETTINGS_MODULE",
    "NO_COLOR",
    "PYTEST_CURRENT_TEST",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "RUN_MAIN",
}
#: Functions and names are exchanged.
CAN_SWAP = sys.version_info >= (3, 12)
#: A session needs its own terminal adopted, and a test run started in the background of a shell,
#: or by nohup, has taught its children to ignore Ctrl-C, or the end of the terminal: all of it is
#: mended before this becomes the command.
AS_TYPED = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
if os.isatty(0):
    import fcntl, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class Response:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Process:
    """One process of a server's tree, as the kernel sees it."""

    pid: int
    parent: int
    state: str
    command: str


def copy_project(target: Path, source: Path = TESTPROJECT) -> Path:
    """Copy a project to ``target`` without bytecode and return ``target``."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "*.sqlite3-journal")
    shutil.copytree(source, target, ignore=ignore)
    return target


def output_of(
    code: str, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Run statements in a process of their own; what it prints. Its errors are the test's."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return done.stdout


def wait_until(condition: Callable[[], bool], what: object, timeout: float = DEADLINE) -> None:
    """Return as soon as ``condition`` holds; ``what``, as text, names it in the failure."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what}")
        time.sleep(PAUSE)


def at_once(act: Callable[[], object], seconds: float = 0.01) -> bool:
    """Do something that has several steps; whether they followed each other at once.

    On a busy machine any amount of time may lie between them, and they are changes of their own.
    """
    begin = time.monotonic()
    act()
    return time.monotonic() - begin < seconds


def send_signals(pids: Iterable[int], *numbers: int) -> None:
    """Send signals to processes that may have gone meanwhile, as copies do when memory is short."""
    for pid in pids:
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def free_ports(number: int) -> list[int]:
    """Return ports that nobody uses, or is given, as long as this process lives.

    A server whose port is known in advance is better given that of :class:`DevServer`.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if len(found) == number:
            break
        if _is_free(port):
            found.append(port)
    return found


def write_file(path: Path, text: str, *, atomic: bool = False) -> None:
    """Write as an editor does: in place, or as a new file renamed over the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not atomic:
        path.write_text(text, encoding="utf-8")
        return
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}~")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def fetch(
    port: int,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    timeout: float = DEADLINE,
) -> Response:
    """Ask on a new connection and read the whole answer within ``timeout``.

    Raises :class:`OSError` when the connection fails and
    :class:`http.client.HTTPException` when the answer is cut off.
    """
    deadline = time.monotonic() + timeout
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, path, headers={"Connection": "close", **(headers or {})})
        # The answer's end closes the connection's own reference to it.
        sock = connection.sock
        # An answer that is cut off is not closed by its end.
        with contextlib.closing(connection.getresponse()) as answer:
            parts = []
            while not answer.isclosed():
                sock.settimeout(max(deadline - time.monotonic(), PAUSE))
                part = answer.read(65536)
                if not part:
                    break
                parts.append(part)
            return Response(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                text=b"".join(parts).decode("utf-8", "replace"),
            )


class DevServer:
    """A development server in a session of its own, ended with everything it started.

    ``command`` is a command line in which ``{address}`` and ``{port}`` are
    filled in; by default ``manage.py runserver`` with ``options``. ``env``
    adds to the environment (``None`` as a value removes). With ``terminal``
    the server runs on a pseudo terminal, as typed by a developer.
    """

    def __init__(
        self,
        root: Path,
        *,
        command: Sequence[str] | None = None,
        options: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        terminal: bool = False,
    ) -> None:
        self.root = root
        self.cwd = cwd or root
        self.terminal = terminal
        self.prints_at_end = True
        self._template = command or (
            sys.executable,
            "manage.py",
            "runserver",
            "{address}",
            *options,
        )
        self._env = dict(env or {})
        self._marker = uuid.uuid4().hex
        self._reservation = _reserve_port()
        self.port: int = self._reservation.getsockname()[1]
        self._news = threading.Condition()
        self._text = ""
        self._decode = _decoder()
        self._finished = False
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._output_end = -1

    # Life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the command; a server that ended may be started again on its port."""
        if self._process is not None and self._process.poll() is None:
            raise AssertionError("the server is running already")
        self._join_reader()
        if sys.platform != "linux":
            # Elsewhere a bound socket keeps the port from everyone.
            self._reservation.close()
        if self.terminal:
            self._start_on_terminal()
        else:
            self._process = self._spawn(subprocess.DEVNULL, subprocess.PIPE)
            assert self._process.stdout is not None
            self._output_end = os.dup(self._process.stdout.fileno())
            self._process.stdout.close()
        with self._news:
            self._decode = _decoder()
            self._finished = False
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Kill whatever is left of the server and show what it printed."""
        self.kill_all()
        if self._process is not None:
            self._process.wait(DEADLINE)
        self._join_reader()
        self._reservation.close()
        if self.prints_at_end:
            # pytest shows this only where the test failed.
            print(self._report("is closed"))  # noqa: T201 - for whoever runs it

    def __str__(self) -> str:
        return f"{' '.join(self.command)} (in {self.cwd})"

    @property
    def command(self) -> list[str]:
        """The command line with address and port filled in."""
        values = {"{address}": f"{HOST}:{self.port}", "{port}": str(self.port)}
        pattern = re.compile("|".join(map(re.escape, values)))
        return [pattern.sub(lambda found: values[found[0]], word) for word in self._template]

    @property
    def url(self) -> str:
        """The address of the site's root, with a slash at its end."""
        return f"http://{HOST}:{self.port}/"

    @property
    def pid(self) -> int:
        """The id of the first process, the one a developer's shell waits for."""
        return self._started.pid

    def wait(self, timeout: float = DEADLINE) -> int:
        """Await the end of the first process; a signal's number is negative."""
        try:
            return self._started.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._report(f"still running after {timeout:g} s")) from None

    # Signals

    def interrupt(self) -> None:
        """Press Ctrl-C: the whole foreground group gets it, as from a terminal."""
        if self.terminal:
            self.type("\x03")
        else:
            os.killpg(self.pid, signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM to the first process alone."""
        os.kill(self.pid, signal.SIGTERM)

    def kill_parent(self) -> None:
        """Send SIGKILL to the first process alone and reap it."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def kill_all(self) -> None:
        """Send SIGKILL to every process of the server until none is left."""
        deadline = time.monotonic() + DEADLINE
        while True:
            if self._process is not None:
                self._process.poll()
            processes = self.processes()
            if not processes:
                return
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise AssertionError(f"cannot kill {processes}")
            time.sleep(PAUSE)

    def type(self, keys: str) -> None:
        """Type on the server's terminal."""
        if not self.terminal:
            raise AssertionError("a server without terminal has no keyboard")
        os.write(self._output_end, keys.encode())

    def type_at(self, prompt: str, keys: str, since: int = 0) -> int:
        """Await a prompt and type there; returns the place in the output where the answer begins.

        A line editor sets the terminal's modes before it prints its prompt. A key that comes
        earlier is taken as the modes before say, by which Ctrl-D is no key: it is lost.
        """
        self.wait_for_output(prompt, since=since)
        place = self.mark()
        self.type(keys)
        return place

    def processes(self, *, zombies: bool = False) -> list[Process]:
        """All live processes of the server, those that left its tree included."""
        if self._process is None:
            return []
        marker = f"{MARKER}={self._marker}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                process = _inspect(entry, self._process.pid, marker)
                if process is not None and (zombies or process.state not in "ZX"):
                    found.append(process)
        return sorted(found, key=lambda process: process.pid)

    def running(self) -> list[Process]:
        """As :meth:`processes`, without the frozen copies and what waits to go on from one."""
        return [each for each in self.processes() if not each.command.startswith("autoreload")]

    def all_gone(self) -> None:
        """Await that none of the server's processes is left.

        One that has closed everything, so that others may take it for gone, is still to be
        seen while the kernel takes its memory apart.
        """
        wait_until(lambda: not self.processes(), "an end of every process")

    # Output

    @property
    def output(self) -> str:
        """Everything printed so far, standard output and error in one."""
        with self._news:
            # What was printed by a process that has ended is certainly in it.
            self._take()
            return self._text

    def mark(self) -> int:
        """Return the place in the output reached now, for ``since``."""
        return len(self.output)

    def wait_for_output(
        self, pattern: str, timeout: float = DEADLINE, since: int = 0
    ) -> re.Match[str]:
        """Await a match of the regular expression in the output after ``since``."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._news:
            while (found := expression.search(self._text, since)) is None:
                if self._finished:
                    raise AssertionError(self._report(f"ended without printing {pattern!r}"))
                if not self._news.wait(deadline - time.monotonic()):
                    raise AssertionError(
                        self._report(f"has not printed {pattern!r} within {timeout:g} s")
                    )
            return found

    # Requests

    def get(
        self,
        path: str = "/",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEADLINE,
    ) -> Response:
        """Ask once on a new connection; a failing connection is the caller's error."""
        return fetch(self.port, path, headers=headers, timeout=timeout)

    @contextlib.contextmanager
    def stream(self, path: str, timeout: float = DEADLINE) -> Iterator[http.client.HTTPResponse]:
        """Ask, and hand over the answer unread; ``timeout`` is for each single read."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.request("GET", path)
            with contextlib.closing(connection.getresponse()) as answer:
                yield answer

    def wait_for(
        self,
        path: str = "/",
        predicate: Callable[[Response], bool] = lambda response: response.status == 200,
        timeout: float = DEADLINE,
    ) -> Response:
        """Ask until an answer satisfies ``predicate``; failing connections are asked again."""
        deadline = time.monotonic() + timeout
        last: Response | Exception | None = None
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                last = self.get(path, timeout=remaining)
                if predicate(last):
                    return last
            except (OSError, http.client.HTTPException) as error:
                last = error
            if self._started.poll() is not None:
                raise AssertionError(self._report(f"ended while {path} was awaited; last: {last}"))
            time.sleep(PAUSE)
        raise AssertionError(self._report(f"{path} not as expected in {timeout:g} s; last: {last}"))

    # Files

    def path(self, relative: str) -> Path:
        """Return the place of a file of the project."""
        return self.root / relative

    def write(self, relative: str, text: str, *, atomic: bool = False) -> None:
        """Write a file of the project, in place or by renaming a new one over it."""
        write_file(self.path(relative), text, atomic=atomic)

    def edit(self, relative: str, old: str, new: str, *, atomic: bool = False) -> None:
        """Replace the one occurrence of ``old`` in a file of the project."""
        text = self.path(relative).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise AssertionError(f"{old!r} occurs {text.count(old)} times in {relative}, not once")
        self.write(relative, text.replace(old, new), atomic=atomic)

    # Inside

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise AssertionError("the server has not been started")
        return self._process

    def _environment(self) -> dict[str, str]:
        environment = {
            name: value for name, value in os.environ.items() if name not in NOT_INHERITED
        }
        environment[MARKER] = self._marker
        code = Path(django_autoreload_plus.__file__).parent.parent
        if not code.is_relative_to(sys.prefix):
            # The package under test comes from a checkout: the server's must be the same.
            known = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(code), known)))
        for name, value in self._env.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        return environment

    def _spawn(self, stdin: int, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", AS_TYPED, *self.command],
            cwd=self.cwd,
            env=self._environment(),
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _start_on_terminal(self) -> None:
        ours, theirs = os.openpty()
        try:
            _keep_line_ends(theirs)
            self._process = self._spawn(theirs, theirs)
            self._output_end = ours
        finally:
            os.close(theirs)

    def _collect(self) -> None:
        while not self._finished:
            select.select([self._output_end], [], [])
            with self._news:
                self._take()

    def _take(self) -> None:
        """Take over what has been printed by now. The caller has the lock."""
        while (
            self._output_end >= 0
            and not self._finished
            and select.select([self._output_end], [], [], 0)[0]
        ):
            try:
                data = os.read(self._output_end, 65536)
            except OSError:
                # A pseudo terminal's way to say that the other end is closed.
                data = b""
            self._text += self._decode(data)
            self._finished = not data
            self._news.notify_all()

    def _join_reader(self) -> None:
        if self._reader is not None:
            self._reader.join(DEADLINE)
            if self._reader.is_alive():
                raise AssertionError(f"something still holds the output of {self}")
            self._reader = None
        if self._output_end >= 0:
            os.close(self._output_end)
            self._output_end = -1

    def _report(self, what: str) -> str:
        tail = "\n".join(self._text.splitlines()[-60:])
        code = self._process.poll() if self._process else None
        return f"{self}: {what} (exit code {code}); its last lines:\n{tail}"


@dataclass
class Hammer:
    """Requests on new connections, one after the other, from several threads.

    Use it as a context manager around what must not be noticed by a client.
    ``limit`` bounds the number of requests.
    """

    port: int
    path: str = "/"
    threads: int = 2
    limit: int = 100_000
    timeout: float = DEADLINE
    #: Answers by status, in the order in which they ended.
    statuses: list[int] = field(default_factory=list)
    #: The text of every answer, in the same order.
    texts: list[str] = field(default_factory=list)
    #: Connections refused, reset, cut off or timed out, by their error.
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._workers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._workers = [
            threading.Thread(target=self._work, daemon=True) for _ in range(self.threads)
        ]
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join(self.timeout + DEADLINE)

    @property
    def answered(self) -> int:
        """The number of complete answers so far."""
        return len(self.statuses)

    def wait_for_answers(self, more: int, timeout: float = DEADLINE) -> None:
        """Await ``more`` complete answers from now on."""
        goal = self.answered + more
        wait_until(lambda: self.answered >= goal, f"{more} more answers: {self.failures}", timeout)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                response = fetch(self.port, self.path, timeout=self.timeout)
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.failures.append(repr(error))
                # A closed port answers at once: do not fill the memory with refusals.
                self._stop.wait(PAUSE)
            else:
                with self._lock:
                    self.statuses.append(response.status)
                    self.texts.append(response.text)
            if self.answered + len(self.failures) >= self.limit:
                return


def _reserve_port() -> socket.socket:
    """Return a bound, never listening socket that keeps a free port for a server.

    With ``SO_REUSEADDR`` on both, Linux lets one more socket bind the port and
    listen, while nobody else is given it as a free one.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind((HOST, 0))
    return reservation


def _is_free(port: int) -> bool:
    """Whether nobody has bound a port, nor another run of the tests is going to."""
    try:
        # One byte for each port, locked until this process ends.
        fcntl.lockf(_port_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    if port in _OURS:
        return False
    _OURS.add(port)
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind((HOST, port))
            udp.bind((HOST, port))
        except OSError:
            return False
    return True


#: Ports that this process has locked.
_OURS: set[int] = set()


@functools.cache
def _port_locks() -> int:
    """Open the file of locks that all runs of the tests share."""
    path = Path(tempfile.gettempdir(), "autoreload-plus-test-ports")
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def _keep_line_ends(terminal: int) -> None:
    """Let a line on the terminal end as the program wrote it, for the sake of patterns."""
    attributes = termios.tcgetattr(terminal)
    attributes[1] &= ~termios.ONLCR
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def _inspect(entry: Path, session: int, marker: bytes) -> Process | None:
    """Read a process from ``/proc``; ``None`` if it is gone or none of this server's."""
    try:
        # The name, in parentheses, may hold anything; the plain fields follow it.
        state, parent, _, its_session = (
            (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
        )
        if int(its_session) != session and marker not in (entry / "environ").read_bytes():
            return None
        words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    return Process(int(entry.name), int(parent), state, " ".join(words).strip())


def _decoder() -> Callable[[bytes], str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda data: decoder.decode(data, final=not data)
