"""Serve the demo, edit it, and see the edit: on any system, with the standard library alone.

    python tests/smoke.py

For systems on which the tests themselves cannot run. Ends with exit code 0, or with what the
server printed.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

TESTPROJECT = Path(__file__).resolve().parent.parent / "testproject"
EDITED = "teas/views.py"
#: Seconds: a virtual machine that has just been started is slow.
DEADLINE = 60.0
PAUSE = 0.2


def free_port() -> int:
    """Return a port that nobody uses now, nor is given by a system when he asks for any."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def await_text(url: str, text: str) -> None:
    """Return as soon as the page has the text; :class:`TimeoutError` if it never has."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                if text in answer.read().decode():
                    return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(PAUSE)
    raise TimeoutError(f"{url} has not shown {text!r}")


def main() -> None:
    """Serve, edit and ask."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = Path(folder) / "project"
        ignore = shutil.ignore_patterns("__pycache__", "*.sqlite3*")
        shutil.copytree(TESTPROJECT, project, ignore=ignore)
        address = f"127.0.0.1:{free_port()}"
        log = Path(folder) / "log"
        with log.open("wb") as output:
            command = [sys.executable, "-u", "manage.py", "runserver", address]
            server = subprocess.Popen(command, cwd=project, stdout=output, stderr=output)
            try:
                await_text(f"http://{address}/version/", "version 1")
                # Django's own reloader takes its first look at the files about a second later.
                time.sleep(2)
                source = (project / EDITED).read_text(encoding="utf-8")
                new = source.replace('VERSION = "1"', 'VERSION = "2"')
                (project / EDITED).write_text(new, encoding="utf-8")
                await_text(f"http://{address}/version/", "version 2")
            except TimeoutError as error:
                sys.exit(f"{error}\n{log.read_text(encoding='utf-8', errors='replace')}")
            finally:
                end(server)
    print("an edit of the demo was shown")  # noqa: T201 - for whoever runs it


def end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it has started."""
    if sys.platform == "win32":
        command = ["taskkill", "/F", "/T", "/PID", str(server.pid)]
        subprocess.run(command, check=False)
    else:
        server.terminate()
    server.wait(DEADLINE)


if __name__ == "__main__":
    main()
