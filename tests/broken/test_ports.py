from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from broken.serving import is_alive, read_terminal, see_page
from harness import HOST, DevServer, write_file

if TYPE_CHECKING:
    from pathlib import Path

PATH = "teas/management/commands/runserver.py"
COMMAND = '''
from django.contrib.staticfiles.management.commands import runserver


class Command(runserver.Command):
    """Serves on the project's own port."""

    default_port = "{port}"
'''


def test_an_edit_that_asks_for_a_port_in_use(project: Path) -> None:
    """The page would tell of a crash that never was, and not which port is wanted."""
    with socket.create_server((HOST, 0)) as taken:
        server = DevServer(project, command=(sys.executable, "manage.py", "runserver"))
        port = taken.getsockname()[1]
        good, wrong = COMMAND.format(port=server.port), COMMAND.format(port=port)
        _has_its_own_runserver(project, good)
        with server:
            server.wait_for("/version/")
            since = server.mark()
            server.write(PATH, wrong)
            says = f"Cannot listen on {HOST}:{port}: Address already in use"
            see_page(server, says)
            told = read_terminal(server, since, says, traceback=False)
            assert "Error: That port is already in use." in told
            assert is_alive(server)
            server.write(PATH, good)
            assert server.get("/version/").text == "version 1"


def _has_its_own_runserver(project: Path, text: str) -> None:
    write_file(project / PATH, text)
    for folder in ("management", "management/commands"):
        write_file(project / "teas" / folder / "__init__.py", "")
    settings = project / "config/settings.py"
    # The first command of the list is the one that ours is built on.
    first = 'INSTALLED_APPS.remove("teas")\nINSTALLED_APPS.insert(1, "teas")\n'
    settings.write_text(settings.read_text(encoding="utf-8") + first, encoding="utf-8")
