"""``KEEP_SERVING``: the last good code answers while the code on the disk is broken."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from broken.mistakes import SETTINGS, add_setting
from broken.serving import is_alive, see_page
from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

GOOD, VIEWS = 'VERSION = "1"', "teas/views.py"
KEPT = "the last good code keeps serving"
#: One after the other, each in the place of the one before.
MISTAKES = (
    ('VERSION = ("1"', "SyntaxError: '(' was never closed"),
    ("VERSION = 1 / 0", "ZeroDivisionError: division by zero"),
    ("VERSION = TEA", "NameError: name 'TEA' is not defined"),
    ("import sys; sys.exit(3)", "sys.exit(3) was called"),
    ("import os; os._exit(3)", "The process ended itself with code 3"),
)


def test_several_mistakes_and_a_fix(project: Path) -> None:
    """The colleague who only looks at the site would see every typo."""
    add_setting(project, 'AUTORELOAD_PLUS["KEEP_SERVING"] = True')
    with DevServer(project) as server:
        server.wait_for("/version/")
        process = server.get("/process/").text
        before = GOOD
        for wrong, says in MISTAKES:
            _is_kept(server, VIEWS, before, wrong, says)
            assert server.get("/process/").text == process
            before = wrong
        _is_kept(server, SETTINGS, "DEBUG = True", "DEBUG = Treu", "NameError: name 'Treu'")
        since = server.mark()
        server.edit(SETTINGS, "DEBUG = Treu", "DEBUG = True")
        server.wait_for_output(KEPT, since=since)
        server.edit(VIEWS, before, 'VERSION = "2"')
        assert server.get("/version/").text == "version 2"


def test_a_failed_check_keeps_the_code_before_it(project: Path) -> None:
    """Code that Django would not start would take the place of code that works."""
    add_setting(project, 'AUTORELOAD_PLUS["KEEP_SERVING"] = True')
    with DevServer(project) as server:
        server.wait_for("/version/")
        process = server.get("/process/").text
        _is_kept(
            server, "teas/models.py", 'ordering = ["name"]', 'ordering = ["nam"]', "models.E015"
        )
        assert server.get("/process/").text == process
        # Undone, not mended: what served all the time is right again.
        since = server.mark()
        server.edit("teas/models.py", 'ordering = ["nam"]', 'ordering = ["name"]')
        server.wait_for_output("the change was undone", since=since)
        assert server.get("/process/").text == process
        server.edit(VIEWS, GOOD, 'VERSION = "2"')
        assert server.get("/version/").text == "version 2"


def test_at_the_first_start_there_is_nothing_to_keep(project: Path) -> None:
    """The browser would wait for ever for code that has never been there."""
    add_setting(project, 'AUTORELOAD_PLUS["KEEP_SERVING"] = True')
    good = (project / VIEWS).read_text(encoding="utf-8")
    with DevServer(project) as server:
        server.edit(VIEWS, GOOD, MISTAKES[1][0])
        server.wait_for_output("waiting for a fix")
        assert KEPT not in server.output
        see_page(server, MISTAKES[1][1])
        server.write(VIEWS, good)
        assert server.get("/version/").text == "version 1"
        _is_kept(server, VIEWS, GOOD, *MISTAKES[0])


def test_the_kept_process_dies(project: Path) -> None:
    """The browser would wait for ever, or the command would end."""
    add_setting(project, 'AUTORELOAD_PLUS["KEEP_SERVING"] = True')
    with DevServer(project) as server:
        server.wait_for("/version/")
        _is_kept(server, VIEWS, GOOD, *MISTAKES[1])
        os.kill(json.loads(server.get("/process/").text)["pid"], signal.SIGKILL)
        server.wait_for_output("waiting for a fix")
        see_page(server, MISTAKES[1][1])
        server.edit(VIEWS, MISTAKES[1][0], 'VERSION = "2"')
        assert server.get("/version/").text == "version 2"


def test_ctrl_c_while_code_is_kept(project: Path) -> None:
    """The terminal would hang, or a process would stay behind with the port."""
    add_setting(project, 'AUTORELOAD_PLUS["KEEP_SERVING"] = True')
    with DevServer(project, terminal=True) as server:
        server.wait_for("/version/")
        _is_kept(server, VIEWS, GOOD, *MISTAKES[1])
        since = server.mark()
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
        assert "Traceback" not in server.output[since:]


def test_ctrl_c_while_the_page_is_shown(project: Path) -> None:
    """The terminal would hang until the mistake is mended."""
    with DevServer(project, terminal=True) as server:
        server.wait_for("/version/")
        server.edit(VIEWS, GOOD, MISTAKES[1][0])
        see_page(server, MISTAKES[1][1])
        server.wait_for_output("waiting for a fix")
        since = server.mark()
        with server.stream("/__autoreload_plus__/wait?seen=x") as open_page:
            open_page.read()
            server.interrupt()
            assert server.wait() == 0
        server.all_gone()
        assert "Traceback" not in server.output[since:]


def _is_kept(server: DevServer, path: str, good: str, wrong: str, says: str) -> None:
    since = server.mark()
    server.edit(path, good, wrong)
    assert server.get("/version/").text == "version 1"
    server.wait_for_output(KEPT, since=since)
    told = server.output[since:]
    assert says in told
    assert told.count(KEPT) == 1
    assert "waiting for a fix" not in told
    assert is_alive(server)
