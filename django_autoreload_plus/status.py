"""Asks running commands for their status, and prints it: as text, or as JSON.

The exit codes, and the keys of the JSON, are described in ``docs/status.md``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NoReturn

from .paths import real, working_directory
from .protocol import status_socket
from .protocol.reasons import DOCUMENT
from .protocol.status_socket import Endpoint
from .usage import program_name, seconds

LIVE, BROKEN, NOT_RUNNING, UNDECIDED = 0, 1, 2, 3
#: For everything saved by now to be decided about, in seconds.
DEFAULT_WAIT = 60.0
#: For an answer that needs no waiting, in seconds.
_PATIENCE = 10.0
_CHUNK = 1 << 16
#: So many of the last reloads are shown in the text.
_MOST_SHOWN = 10


class _StatusParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n")


class StatusError(Exception):
    """Nobody answers; the message is one sentence for the user, ``code`` the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str]) -> int:
    """Print the status of the commands of this project; returns the exit code."""
    parser = _StatusParser(
        prog=f"{program_name()} --status",
        description="Show what a running command is doing, and why.",
    )
    add_options(parser)
    return run(parser.parse_args(arguments))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that :func:`run` understands."""
    parser.add_argument("--json", action="store_true", help="print one line of JSON per command")
    parser.add_argument(
        "--wait",
        nargs="?",
        type=_time_to_wait,
        const=DEFAULT_WAIT,
        metavar="SECONDS",
        help="until everything saved by now is live (exit code 0) or broken (1);"
        f" at most {DEFAULT_WAIT:g} seconds, if none are given",
    )
    parser.add_argument("--pid", type=int, help="only the command with this process id")


def run(options: argparse.Namespace, folders: Iterable[str] = ()) -> int:
    """Print the status; ``folders``: where to look besides the working directory."""
    try:
        answers = ask(find([working_directory(), *folders], options.pid), options.wait)
    except StatusError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return error.code
    for number, answer in enumerate(answers):
        if options.json:
            print(json.dumps(answer))  # noqa: T201 - its output
        else:
            print("\n" * bool(number) + as_text(answer))  # noqa: T201 - its output
    is_broken = any(answer["state"] == "broken" for answer in answers)
    return BROKEN if is_broken and options.wait is not None else LIVE


def ask(connections: Sequence[tuple[Endpoint, socket.socket]], wait: float | None) -> list[Any]:
    """The answers of these commands, each with the keys described in the documents.

    ``wait``: ask when everything saved by now is decided about, for at most so many seconds.
    Raises :class:`StatusError`.
    """
    question = json.dumps({"version": status_socket.VERSION, "wait": wait is not None})
    deadline = time.monotonic() + (_PATIENCE if wait is None else wait)
    with contextlib.ExitStack() as stack:
        for _, connection in connections:
            stack.enter_context(connection)
        for endpoint, connection in connections:
            with _telling(endpoint, wait):
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                connection.sendall(question.encode() + b"\n")
        return [
            _answer(endpoint, connection, deadline, wait) for endpoint, connection in connections
        ]


def find(folders: Iterable[str], pid: int | None = None) -> list[tuple[Endpoint, socket.socket]]:
    """Connections to the commands of the project that one of these folders belongs to.

    Or to the one with this process id. Raises :class:`StatusError`.
    """
    if not status_socket.is_supported():
        text = "The status needs Unix sockets, which this platform does not have."
        raise StatusError(text, NOT_RUNNING)
    endpoints = list(status_socket.endpoints())
    if pid is not None:
        found = _connected(endpoint for endpoint in endpoints if endpoint.pid == pid)
        if not found:
            raise StatusError(f"No command with the process id {pid} is running.", NOT_RUNNING)
        return found
    for folder in folders:
        for above in _upwards(folder):
            key = status_socket.key(above)
            found = _connected(endpoint for endpoint in endpoints if key in endpoint.keys)
            if found:
                return found
    raise StatusError(
        "No command of this project is running under django-autoreload-plus.", NOT_RUNNING
    )


def _upwards(folder: str) -> Iterator[str]:
    folder = real(folder)
    yield folder
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        yield folder


def _connected(endpoints: Iterable[Endpoint]) -> list[tuple[Endpoint, socket.socket]]:
    found = []
    for endpoint in endpoints:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(endpoint.path)
        except OSError:
            # Left behind by a command that was killed.
            connection.close()
            continue
        if status_socket.is_of_this_user(connection):
            found.append((endpoint, connection))
        else:
            connection.close()
    return found


def _answer(
    endpoint: Endpoint, connection: socket.socket, deadline: float, wait: float | None
) -> Any:
    data = b""
    with _telling(endpoint, wait):
        while not data.endswith(b"\n"):
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            more = connection.recv(_CHUNK)
            if not more:
                raise ConnectionResetError
            data += more
    answer = json.loads(data)
    if answer["version"] != status_socket.VERSION:
        raise StatusError(
            f"The command with the process id {endpoint.pid} runs another version of"
            " django-autoreload-plus: start it anew.",
            UNDECIDED,
        )
    return answer


@contextlib.contextmanager
def _telling(endpoint: Endpoint, wait: float | None) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        text = f"The command with the process id {endpoint.pid} has not answered."
        if wait is not None:
            text = f"Not everything that was saved is decided about within {wait:g} seconds."
        raise StatusError(text, UNDECIDED) from None
    except OSError:
        text = f"The command with the process id {endpoint.pid} has ended."
        raise StatusError(text, NOT_RUNNING) from None


def _time_to_wait(text: str) -> float:
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError("there is no time to wait")
    return value


# -- text ------------------------------------------------------------------


def as_text(status: dict[str, Any]) -> str:
    """The status for a reader."""
    folder = status["folder"]
    lines = [
        f"{status['state']} · {' '.join(status['command'])} in {folder}",
        f"processes  {_processes(status)}",
        *_noticing(status),
        *_copies(status),
    ]
    reloads = status["reloads"][-_MOST_SHOWN:]
    if reloads:
        lines.append("reloads")
    for reload in reloads:
        lines += _reload(reload, folder)
    lines.append(f"what the codes mean: {DOCUMENT}")
    if status["failure"] is not None:
        lines += ["", status["failure"]["text"].rstrip("\n")]
    return "\n".join(lines)


def _processes(status: dict[str, Any]) -> str:
    parts = [f"command {status['pid']}"]
    if status["program"] is not None:
        parts.append(f"program {status['program']}")
    if status["copies"]:
        parts.append(f"copies {', '.join(str(copy['pid']) for copy in status['copies'])}")
    return " · ".join(parts)


def _noticing(status: dict[str, Any]) -> Iterator[str]:
    watcher = status["watcher"]
    yield (
        f"watching   {status['files']:,} files in {watcher['folders']:,} folders,"
        f" {watcher['watches']:,} watches: {_told(watcher['reason'])}"
    )
    for tree in watcher["scanned"]:
        yield f"           scanned: {tree['path']}: {_told(tree['reason'])}"
    if watcher["missed"]:
        yield f"           {watcher['missed']} changes found that no event had told of"


def _copies(status: dict[str, Any]) -> Iterator[str]:
    named = [
        copy["name"] + ("" if copy["mebibytes"] is None else f" ({copy['mebibytes']} MiB)")
        for copy in status["copies"]
    ]
    yield f"copies     {' · '.join(named) or 'none'}"
    for reason in status["refusals"]:
        yield f"           no more: {_told(reason)}"


def _reload(reload: dict[str, Any], folder: str) -> Iterator[str]:
    when = datetime.fromisoformat(reload["time"]).astimezone().strftime("%H:%M:%S")
    names = ", ".join(_relative(path, folder) for path in reload["files"]) or "no file"
    ways = {
        "swap": f"{' and '.join(reload['exchanged'])} exchanged",
        "copy": f"from the copy “{reload['from']}”",
        "start": "a complete start",
        "taken": "taken by the running program",
        None: "nothing was started",
    }
    outcome = reload["outcome"]
    if outcome == "live" and reload["way"] is not None:
        outcome = f"live in {reload['milliseconds']:.0f} ms"
    yield f"  {when}  {names} · {outcome} · {ways.get(reload['way'], reload['way'])}"
    for reason in reload["reasons"]:
        yield f"            {_told(reason)}"


def _told(reason: dict[str, str]) -> str:
    return f"{reason['text']} ({reason['code']})"


def _relative(path: str, folder: str) -> str:
    return path.removeprefix(os.path.join(folder, ""))
