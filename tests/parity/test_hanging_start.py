"""A first start that hangs is mended by an edit, long before it is reported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from harness import DevServer, write_file
from parity.reloaders import COPIES, PLAIN

if TYPE_CHECKING:
    from pathlib import Path

    from parity.reloaders import Reloader

HANG = 'print("it hangs", flush=True)\nimport time\nwhile True: time.sleep(1)\n'
IN_READY = 'print("it hangs", flush=True)\n        while True: pass'
APPS = """
from django.apps import AppConfig

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        {ready}
"""


@pytest.mark.parametrize("where", ["settings.py", "views.py", "shop/apps.py", "manage.py"])
@pytest.mark.parametrize("reloader", [COPIES, PLAIN], ids=str)
def test_an_edit_mends_it(tmp_path: Path, reloader: Reloader, where: str) -> None:
    """The developer would have to end the command, which waits for two minutes."""
    options = {} if where != "settings.py" else {"command": BY_MODULE}
    server = reloader.maker(tmp_path)(**options)
    good = server.path(where).read_text()
    bad = good.replace("pass", IN_READY) if where == "shop/apps.py" else HANG + good
    if where == "manage.py":
        # Not in the first process, which only starts the other one.
        hang = HANG.replace("\n", "\n    ")
        bad = f'import os\nif os.environ.get("RUN_MAIN"):\n    {hang}\n{good}'
    server.write(where, bad)
    with server:
        server.wait_for_output("it hangs")
        server.write(where, good)
        server.shows("one")
        server.change("views.py", "one", "two")
        server.shows("two")


BY_MODULE = (sys.executable, "-m", "django_autoreload_plus", "manage.py", "runserver", "{address}")


def test_what_it_hangs_over(tmp_path: Path) -> None:
    """A wrong host in a file of settings could not be corrected while the start waits for it."""
    settings = """
with open(BASE_DIR / "host.txt") as file:
    HOST = file.read().strip()
if HOST == "far":
    print("it hangs", flush=True)
    import time
    while True: time.sleep(1)
"""
    server = COPIES.maker(tmp_path)({"host.txt": "far"}, settings=settings, command=BY_MODULE)
    with server:
        server.wait_for_output("it hangs")
        server.write("host.txt", "near")
        server.shows("one")


def test_a_program_without_a_framework(tmp_path: Path) -> None:
    """A script that hangs while it imports could not be mended either."""
    write_file(tmp_path / "helper.py", HANG)
    write_file(tmp_path / "program.py", "import helper\nprint('it runs', flush=True)\n")
    command = (sys.executable, "-m", "django_autoreload_plus", "program.py")
    with DevServer(tmp_path, command=command) as server:
        server.wait_for_output("it hangs")
        server.write("helper.py", "")
        server.wait_for_output("it runs")
        assert server.wait() == 0
