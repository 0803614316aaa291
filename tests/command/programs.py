"""Programs without Django: started, edited, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import django_autoreload_plus
from harness import DEADLINE, NOT_INHERITED, DevServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: Whoever imports Django in a process that started with this ends with a traceback.
NO_DJANGO = """
import sys

class NoDjango:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("django", "asgiref"):
            raise ImportError(f"{name} must not be imported here")

sys.meta_path.insert(0, NoDjango())
"""

#: Makes the supervisor tell each step.
TALKING = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}

#: Says what it does, and goes on until it is ended.
WAITING = """
import sys, threading
from django_autoreload_plus import autoreload
import part

def work(*args, **kwargs):
    # In one piece: the supervisor writes to the same terminal.
    sys.stdout.write(f"working with {part.VALUE} {args} {kwargs}\\n")
    threading.Event().wait()

if __name__ == "__main__":
    autoreload.main(work, sys.argv[1:])
"""


def program(
    root: Path,
    files: Mapping[str, str],
    *,
    command: Sequence[str] = ("python", "program.py"),
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    terminal: bool = False,
) -> DevServer:
    """Write ``files`` and return their program, which cannot import Django.

    The word ``python`` in ``command`` stands for this interpreter.
    """
    for name, text in {"block/sitecustomize.py": NO_DJANGO, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    words = [sys.executable if word == "python" else word for word in command]
    search = os.pathsep.join([str(root / "block"), str(checkout())])
    return DevServer(
        root,
        command=words,
        env={"PYTHONPATH": search, "PYTHONUNBUFFERED": "1", **(env or {})},
        cwd=cwd,
        terminal=terminal,
    )


def waiting(root: Path, **options: Any) -> DevServer:
    """Return a program that says ``working with 1`` and waits; ``part.py`` has the number."""
    return program(root, {"program.py": WAITING, "part.py": "VALUE = 1\n"}, **options)


def wait_until_followed(server: DevServer, since: int = 0) -> None:
    """Await the moment from which an edit is one of code that runs, not of code that starts.

    For a program started with ``env=TALKING``.
    """
    server.wait_for_output(r"^.*  from (start|checkpoint|\S+).* ms$", since=since)


def wait_until_decided(root: Path) -> None:
    """Await the decision about everything saved until now; the program in ``root`` is live then."""
    command = [sys.executable, "-m", "django_autoreload_plus", "--status", "--wait"]
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    subprocess.run(command, cwd=root, env=env, capture_output=True, timeout=DEADLINE, check=True)


def checkout() -> Path:
    """Return the folder that holds the package under test."""
    return Path(django_autoreload_plus.__file__).parent.parent
