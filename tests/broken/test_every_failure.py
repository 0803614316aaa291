"""Every way code can fail to start: told in the browser and the terminal, gone when mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broken.mistakes import MAIN, MISTAKES
from broken.serving import AS_MODULE, is_alive, read_terminal, see_other_forms, see_page
from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

    from broken.demo import Demo
    from broken.mistakes import Mistake


@pytest.mark.parametrize("name", MISTAKES)
def test_broken_at_the_first_start(project: Path, name: str) -> None:
    """A project checked out broken would have to be started again after each attempt."""
    mistake = MISTAKES[name]
    if mistake.prepare is not None:
        mistake.prepare(project)
    good = mistake.make(project)
    with DevServer(project, command=AS_MODULE if mistake.before_setup else None) as server:
        server.wait_for_output("waiting for a fix")
        _is_shown_until_mended(server, mistake, good, since=0, late=False)


@pytest.mark.parametrize("name", MISTAKES)
def test_broken_by_an_edit(demo: Demo, name: str) -> None:
    """After a mistake the user would have to go to the terminal and start the command again."""
    _is_broken_by_an_edit(demo, MISTAKES[name])


@pytest.mark.parametrize("name", MAIN)
def test_broken_by_an_edit_without_checkpoints(plain_demo: Demo, name: str) -> None:
    """Where nothing can be forked, broken code would be harder to mend."""
    _is_broken_by_an_edit(plain_demo, MISTAKES[name])


def _is_broken_by_an_edit(demo: Demo, mistake: Mistake) -> None:
    server = demo.server()
    try:
        demo.prepare(mistake.prepare)
        since = server.mark()
        good = mistake.make(server.root)
        _is_shown_until_mended(server, mistake, good, since=since, late=mistake.late)
    finally:
        demo.restore()


def _is_shown_until_mended(
    server: DevServer, mistake: Mistake, good: str, *, since: int, late: bool
) -> None:
    if late:
        server.wait_for_output("waiting for a fix", since=since)
    see_page(server, mistake.says)
    see_other_forms(server, mistake.says)
    read_terminal(server, since, mistake.says, traceback=mistake.traceback)
    assert is_alive(server)
    mistake.mend(server.root, good)
    # On purpose without another try: the first request after the fix is answered by it.
    answer = server.get("/version/")
    assert (answer.status, answer.text) == (200, "version 1")
    server.wait_for_output("live in", since=since)
    # Once for the mistake, and nothing for the fix.
    read_terminal(server, since, mistake.says, traceback=mistake.traceback)


@pytest.mark.parametrize("wrong", ['VERSION = ("1"', "VERSION = 1 / 0"])
def test_undone_and_done_again(server: DevServer, wrong: str) -> None:
    """Ctrl-Z and Ctrl-Y in the editor: the old code would answer as if nothing were wrong."""
    for _ in range(2):
        since = server.mark()
        server.edit("teas/views.py", 'VERSION = "1"', wrong)
        see_page(server, "VERSION = ")
        server.wait_for_output("waiting for a fix", since=since)
        server.edit("teas/views.py", wrong, 'VERSION = "1"')
        assert server.get("/version/").text == "version 1"
        server.wait_for_output("the change was undone", since=since)
