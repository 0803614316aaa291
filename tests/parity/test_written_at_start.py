"""A start that reads a file and has it written anew does not begin again because of that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

VIEWS = """
from django.conf import settings
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {settings.WORD.split()[0]}")
"""
#: What writes is another program: no audit event tells of it.
WRITE = """
import subprocess

MADE = BASE_DIR / "made.py"
WRITE = f'''
import os, time
with open("{MADE}.new", "w") as file:
    file.write(f"WORD = 'made {{time.time_ns()}}'")
os.replace("{MADE}.new", "{MADE}")
'''

def write():
    subprocess.run([sys.executable, "-c", WRITE], check=True)
"""
READ = "WORD = MADE.read_text().split()[2][1:] if MADE.exists() else 'made'\n"
IMPORT = "sys.dont_write_bytecode = True\nfrom made import WORD\n"
#: In which order it is read and written.
ORDERS = {
    "read and written": f"{READ}write()\n",
    "written and read": f"write()\n{READ}",
    "written and imported": f"write()\n{IMPORT}",
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_file_that_a_program_writes_at_each_start(
    parity_site: Callable[..., ParitySite], order: str
) -> None:
    """Each start would be given up for the next one, and no page would ever be shown."""
    with parity_site({"views.py": VIEWS}, settings=WRITE + ORDERS[order]) as server:
        server.shows("one made")
        server.change("views.py", '"one"', '"two"')
        server.shows("two made")
        server.change("views.py", '"two"', '"three"')
        server.shows("three made")


def test_an_edit_of_such_a_file(our_reloader: Reloader, tmp_path: Path) -> None:
    """What a developer writes into the file himself would never be noticed."""
    settings = WRITE + ORDERS["read and written"]
    with our_reloader.maker(tmp_path)({"views.py": VIEWS}, settings=settings) as server:
        server.shows("one made")
        server.write("made.py", "WORD = 'written by hand'")
        server.shows("one written")


WRITTEN_LATER = """from django.core.signals import request_finished
        request_finished.connect(write, weak=False)


def write(**_):
    import time
    from pathlib import Path

    Path("number.py").write_text(f"NUMBER = {time.time_ns()}")"""
NAMED = re.compile("number.py changed soon after each .* name it in IGNORE")


def test_a_file_that_is_written_once_it_serves(our_reloader: Reloader, tmp_path: Path) -> None:
    """A program that rewrites its own module reloads for ever, and nobody would know why."""
    files = {"views.py": f"import number\n{VIEWS}", "number.py": "NUMBER = 0"}
    settings = "WORD = 'made'"
    with our_reloader.maker(tmp_path)(files, settings=settings, ready=WRITTEN_LATER) as server:
        server.wait_for("/")

        def is_named() -> bool:
            # Answered by the newest code, which writes anew.
            server.get("/")
            return NAMED.search(server.output) is not None

        # After twenty starts, without copies each from the beginning.
        wait_until(is_named, "the file's name", 150)
        server.edit(
            "settings.py", "AUTORELOAD_PLUS = {", 'AUTORELOAD_PLUS = {"IGNORE": ["number.py"], '
        )
        server.wait_for_output("settings.py changed|settings.py and 1 more|, settings.py")
        server.interrupt()
        assert server.wait() == 0
