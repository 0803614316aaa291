"""The demo site itself, and the tools that the other tests rely on."""

from __future__ import annotations

import gettext
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog import write_catalog
from harness import HOST, DevServer, Hammer, copy_project, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = ("--noreload",)
SMOKE = Path(__file__).with_name("smoke.py")


@pytest.fixture(scope="module")
def plain_server(
    migrated_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DevServer]:
    """Run the demo on Django's plain server."""
    project = copy_project(tmp_path_factory.mktemp("plain") / "project", migrated_project)
    with DevServer(project, options=PLAIN) as server:
        server.wait_for("/version/")
        yield server


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "Lapsang Souchong"),
        ("/tea/sencha/", "2 min at 70 °C"),
        ("/pairing/sencha/", "rice crackers"),
        ("/greeting/", "Good afternoon!"),
        ("/kettle/", "/kettle/steam/"),
        ("/brew/?seconds=0.1", "brewed for 0.1 s"),
        ("/version/", "version 1"),
        ("/process/", '"pid"'),
        ("/admin/login/", "csrfmiddlewaretoken"),
        ("/static/teas/style.css", "color-scheme"),
    ],
)
def test_every_page_answers(plain_server: DevServer, path: str, expected: str) -> None:
    """A newcomer would meet a broken page in the demo."""
    response = plain_server.get(path)
    assert response.status == 200
    assert expected in response.text


def test_german_guests_are_greeted_in_german(plain_server: DevServer) -> None:
    """The demo could not show what a changed translation does."""
    response = plain_server.get("/greeting/", headers={"Accept-Language": "de"})
    assert "Guten Tag!" in response.text


def test_stream_does_not_end(plain_server: DevServer) -> None:
    """The demo could not show that a stream does not hold up a reload."""
    with plain_server.stream("/kettle/steam/?interval=0.01") as answer:
        text = b"".join(answer.readline() for _ in range(5)).decode()
    assert "puff 3, version 1" in text


def test_database_is_made_at_the_first_start(tmp_path: Path) -> None:
    """The first command of the README would end in an error about a missing table."""
    project = copy_project(tmp_path / "project")
    (project / "db.sqlite3").unlink(missing_ok=True)
    with DevServer(project, options=PLAIN) as server:
        assert "Sencha" in server.wait_for("/").text


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_of_a_server_is_left(tmp_path: Path, *, terminal: bool) -> None:
    """Test runs would fill a developer's machine with forgotten processes."""
    (tmp_path / "main.py").write_text(
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, __file__, 'stray'], start_new_session=True)"
        " if not sys.argv[1:] else print('stray is up', flush=True)\n"
        "time.sleep(600)\n",
        encoding="utf-8",
    )
    command = (sys.executable, "main.py")
    with DevServer(tmp_path, command=command, terminal=terminal) as server:
        server.wait_for_output("stray is up")
        assert len(server.processes()) == 2
        server.kill_parent()
        assert len(server.processes()) == 1
    # An orphan is reaped by the first process of the system, in its own time.
    wait_until(lambda: server.processes(zombies=True) == [], "no zombie that stays")


def test_port_is_kept_for_the_server(tmp_path: Path) -> None:
    """Tests would now and then fail because another program took their port."""
    server = DevServer(tmp_path, command=(sys.executable, "-V"))
    with socket.socket() as other:
        other.bind((HOST, 0))
        assert other.getsockname()[1] != server.port
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((HOST, server.port))
        again.listen()
    server.close()


def test_hammer_notices_a_closed_port(tmp_path: Path) -> None:
    """A refused connection during a reload would go unseen by the tests."""
    server = DevServer(tmp_path, command=(sys.executable, "-V"))
    with Hammer(server.port) as hammer:
        wait_until(lambda: bool(hammer.failures), "a refused connection")
    assert hammer.failures
    assert not hammer.statuses
    server.close()


def test_catalog_is_read_by_gettext(tmp_path: Path) -> None:
    """Tests of changed translations would write files that nobody can read."""
    write_catalog(tmp_path / "django.mo", {"Tea": "Tee", "Cup": "Tässchen"})
    with (tmp_path / "django.mo").open("rb") as file:
        translations = gettext.GNUTranslations(file)
    assert translations.gettext("Cup") == "Tässchen"


def test_the_portable_check_passes() -> None:
    """What is run on other systems would fail there for a reason of its own."""
    done = subprocess.run(
        [sys.executable, SMOKE], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
