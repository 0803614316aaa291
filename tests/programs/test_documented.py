"""Every line to copy in ``docs/programs.md`` does what the page says."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command.sites import make_site
from harness import DevServer, write_file
from programs.test_management_command import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE = Path(__file__).resolve().parents[2] / "docs" / "programs.md"
LINES = re.findall(
    r"^\| [^|]+ \| `((?:autoreload-plus|python) .*)` \|$", PAGE.read_text(), re.MULTILINE
)
LOOP = """
import time
from shop import tasks

print("works with", tasks.VALUE, flush=True)
while True:
    time.sleep(600)
"""
BOT = """
import asyncio
from shop import tasks

async def main():
    print("works with", tasks.VALUE, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""
CELERY = """
from celery import Celery, signals
from shop import tasks

app = Celery("shop", broker="memory://")
app.conf.worker_redirect_stdouts = False

@signals.worker_ready.connect
def ready(**kwargs):
    print("works with", tasks.VALUE, flush=True)
"""
PROGRAMS = {"worker.py": LOOP, "bot.py": BOT, "shop/bot.py": BOT, "shop/celery.py": CELERY}


def command(line: str) -> Sequence[str]:
    """Return the words of a line, with the programs of this environment."""
    first, *rest = shlex.split(line)
    folder = Path(sys.executable).parent
    return (sys.executable if first == "python" else str(folder / first), *rest)


@pytest.mark.parametrize("package", ["", "celery"])
def test_lines_to_copy(tmp_path: Path, package: str) -> None:
    """Who copies a line from the page would get an error, or a program that is not reloaded.

    They run side by side, and all of them follow an edit of the module that they share.
    """
    if package:
        pytest.importorskip(package)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "PYTHONUNBUFFERED": "1"}
    site = make_site(tmp_path, {**FILES, **PROGRAMS, "a.toml": ""})
    with contextlib.ExitStack() as stack:
        all_of_them = [
            stack.enter_context(DevServer(site, command=command(line), env=env))
            for line in LINES
            if ("celery" in line) == bool(package)
        ]
        for it in all_of_them:
            it.wait_for_output("works with 1")
        write_file(site / "shop/tasks.py", "VALUE = 2\n")
        for it in all_of_them:
            it.wait_for_output("works with 2")
        for it in [it for it in all_of_them if "--watch" in it.command]:
            write_file(site / "a.toml", "more = 1\n")
            it.wait_for_output("works with 2\n(.*\n)*works with 2")
        _end_all(all_of_them, DevServer.interrupt)
        marks = [it.mark() for it in all_of_them]
        for it in all_of_them:
            it.start()
        for it, mark in zip(all_of_them, marks, strict=True):
            it.wait_for_output("works with 2", since=mark)
        _end_all(all_of_them, DevServer.terminate)


def _end_all(all_of_them: Sequence[DevServer], end: Callable[[DevServer], None]) -> None:
    for it in all_of_them:
        end(it)
    for it in all_of_them:
        assert it.wait() == 0
        it.all_gone()
