"""What ``runserver`` prints: Django's lines once, then one for each reload."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from command.sites import TALKING, counted, is_page, make_site, manage, site, wait_until_followed
from harness import DevServer, copy_project

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT = 'INSTALLED_APPS.remove("django_autoreload_plus")\n'
LAST_LINE = "Quit the server with CONTROL-(C|BREAK)"


def first_lines(server: DevServer) -> list[str]:
    """Everything printed until it serves, without what differs between two runs."""
    server.wait_for_output(LAST_LINE)
    is_page(server, "one")
    # The answer may come before what was printed earlier.
    server.wait_for_output('"GET /')
    # The line of the request may begin with a colour of its own.
    text = re.split(r"(?:\x1b\[\d*m)*\[\d", server.output, maxsplit=1)[0]
    text = re.sub(r"^\w+ \d+, \d+ - \d+:\d+:\d+$", "NOW", text, flags=re.MULTILINE)
    text = re.sub(r"^Watching for file changes with .*$", "WATCHING", text, flags=re.MULTILINE)
    return text.replace(str(server.port), "PORT").splitlines()


@pytest.mark.parametrize(
    "options", [(), ("--noreload",), ("--nothreading",), ("--skip-checks",), ("-v", "0")]
)
def test_first_lines_are_those_of_django(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Tools and habits that wait for one of Django's lines would wait for ever."""
    with site(tmp_path / "ours", *options) as ours:
        mine = first_lines(ours)
    with site(tmp_path / "django", *options, settings=WITHOUT) as django:
        assert mine == first_lines(django)


def test_first_lines_on_a_terminal_are_those_of_django(tmp_path: Path) -> None:
    """The colours of the start would be lost or broken."""
    with site(tmp_path / "ours", terminal=True) as ours:
        mine = first_lines(ours)
    with site(tmp_path / "django", settings=WITHOUT, terminal=True) as django:
        assert mine == first_lines(django)


def test_each_line_is_written_at_once(project: Path) -> None:
    """A log file, or a tool that reads a pipe, would get nothing before the end."""
    told = "os.environ.get('PYTHONUNBUFFERED')"
    views = (project / "teas/views.py").read_text(encoding="utf-8")
    views += f"\nprint('as it was:', {told})\n"
    (project / "teas/views.py").write_text(views, encoding="utf-8")
    with DevServer(project) as server:
        server.wait_for_output("as it was: None")
        # Without a request, for Django writes its line about that in another way.
        server.wait_for_output(LAST_LINE)
        mark = server.mark()
        server.edit("teas/views.py", "as it was", "and now")
        server.wait_for_output("and now: None", since=mark)


def test_one_line_for_each_reload(tmp_path: Path) -> None:
    """The terminal would fill with banners, checks and blank lines."""
    with site(tmp_path, env=TALKING) as server:
        is_page(server, "one")
        wait_until_followed(server)
        for old, new in (("one", "two"), ("two", "three")):
            mark = server.mark()
            server.edit("shop/views.py", f'"{old}"', f'"{new}"')
            is_page(server, new)
            wait_until_followed(server, mark)
            lines = server.output[mark:].splitlines()
            # Requests, and what only the talking supervisor says, which is indented.
            lines = [line for line in lines if not re.search(r'"GET|^.{8}    ', line)]
            assert len(lines) == 1, lines
            assert re.fullmatch(r"[\d:]{8}  shop/views.py changed · live in .* m?s", lines[0])
        assert server.output.count("Starting") == server.output.count("Quit the server") == 1
        assert server.output.count("Performing system checks") == 1


def test_the_project_is_imported_once(tmp_path: Path) -> None:
    """Each start would take as long as Django's two."""
    with site(tmp_path, settings="AUTORELOAD_PLUS = {'CHECKPOINTS': False}\n") as server:
        is_page(server, "one")
        # The settings alone are read by the process that becomes the supervisor, too.
        assert (counted(server, "urls"), counted(server, "settings")) == (1, 2)
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        assert (counted(server, "urls"), counted(server, "settings")) == (2, 3)


def test_call_command_from_a_script(tmp_path: Path) -> None:
    """A project's own start script would not reload, or start twice."""
    script = (
        "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n"
        "import django\nfrom django.core.management import call_command\n"
        "django.setup()\n"
        "call_command('runserver', sys.argv[1])\n"
    )
    make_site(tmp_path, {"serve.py": script})
    with DevServer(tmp_path, command=(sys.executable, "-u", "serve.py", "{address}")) as server:
        is_page(server, "one")
        server.wait_for_output("Quit the server")
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        server.interrupt()
        assert server.wait() == 0


def test_other_commands_are_left_alone(tmp_path: Path) -> None:
    """Any command of the project could turn into a server."""
    make_site(tmp_path)
    for words, expected in (
        (("check",), "no issues"),
        (("shell", "-c", "print('tea')"), "tea"),
        (("help", "runserver"), "usage"),
    ):
        with DevServer(tmp_path, command=manage(*words)) as server:
            assert server.wait() == 0
            server.wait_for_output(expected)
            assert "Watching" not in server.output


def test_set_up_with_runserver_as_an_argument(tmp_path: Path) -> None:
    """A script that has ``runserver`` among its own arguments would become a server."""
    script = (
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n"
        "import django\ndjango.setup()\nprint('done')\n"
    )
    make_site(tmp_path, {"job.py": script})
    with DevServer(tmp_path, command=(sys.executable, "job.py", "runserver")) as server:
        assert server.wait() == 0
    assert server.output == "done\n"


def test_demo_project_serves_at_once(tmp_path: Path) -> None:
    """The README's first command would not show a page."""
    project = copy_project(tmp_path / "project")
    (project / "db.sqlite3").unlink(missing_ok=True)
    with DevServer(project) as server:
        assert "Sencha" in server.wait_for("/").text
        server.interrupt()
        assert server.wait() == 0
