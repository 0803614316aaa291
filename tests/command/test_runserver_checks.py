"""When the system checks run, and what is said about the app's place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from command.sites import TALKING, is_page, site, wait_until_followed
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Writes down what happens in which order.
RECORDING = """
from django.apps import AppConfig
from django.core import checks
from django.core.management.base import BaseCommand
from django.core.signals import request_started

def note(word):
    with open("order", "a") as file:
        file.write(word + "\\n")

def check(**kwargs):
    note("check")
    return []

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        checks.register(check)
        request_started.connect(answer)
        real = BaseCommand.check_migrations

        def check_migrations(command):
            note("migrations")
            real(command)

        BaseCommand.check_migrations = check_migrations

def answer(**kwargs):
    note("request")
"""
#: Its checks are due once a request is being answered, which takes until they have been made.
BUSY = """
import threading
from django.apps import AppConfig
from django.core import checks
from django_autoreload_plus.adapter import background

BEGAN, CHECKED = threading.Event(), threading.Event()

class Clock:
    def sleep(seconds):
        BEGAN.wait(60)

background.time = Clock
background._PATIENCE = 60

def check(**kwargs):
    CHECKED.set()
    with open("checked", "w"):
        return []

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        checks.register(check)
"""
BUSY_VIEWS = """
from django.http import HttpResponse
from shop.apps import BEGAN, CHECKED

VALUE = "one"

def page(request):
    BEGAN.set()
    return HttpResponse(VALUE + (" disturbed" if CHECKED.wait(1) else ""))

slow = stream = template = page
"""
ASGI = """
from django.core.asgi import get_asgi_application

application = get_asgi_application()
"""
DAPHNE = """
INSTALLED_APPS.insert(1, "daphne")
ASGI_APPLICATION = "shop.asgi.application"
"""
OTHER = """
from django.core.management.commands.runserver import Command as Runserver

class Command(Runserver):
    def inner_run(self, *args, **options):
        self.stdout.write("the other runserver")
        super().inner_run(*args, **options)
"""


@pytest.mark.parametrize("when", ["after", "before"])
def test_order_of_checks(tmp_path: Path, when: str) -> None:
    """A start would serve unchecked code, or a reload would wait for the checks."""
    options = f"AUTORELOAD_PLUS = {{'CHECKS': '{when}'}}\n"
    with site(tmp_path, files={"shop/apps.py": RECORDING}, settings=options) as server:
        order = server.path("order")
        server.wait_for_output("Quit the server")
        # Nobody has asked yet: whatever is written comes before serving.
        assert order.read_text().split() == ["check", "migrations"]
        is_page(server, "one")
        order.write_text("")
        server.edit("shop/views.py", '"one"', '"two"')
        assert server.get("/").text == "two"
        wait_until(lambda: len(order.read_text().split()) == 3, "checks and a request")
        first, *_ = order.read_text().split()
        assert first == ("request" if when == "after" else "check")
        assert server.output.count("Performing system checks") <= (2 if when == "before" else 1)


@pytest.mark.parametrize("settings", ["", DAPHNE], ids=["wsgi", "daphne"])
def test_requests_come_before_checks(tmp_path: Path, settings: str) -> None:
    """The page that somebody waits for would share the processor with them."""
    if settings:
        pytest.importorskip("daphne")
    files = {"shop/apps.py": BUSY, "shop/views.py": BUSY_VIEWS, "shop/asgi.py": ASGI}
    with site(tmp_path, files=files, settings=settings) as server:
        server.wait_for("/")
        checked = server.path("checked")
        checked.unlink()
        server.edit("shop/views.py", '"one"', '"two"')
        assert server.get("/").text == "two"
        wait_until(checked.exists, "the checks")


@pytest.mark.parametrize("options", [("--skip-checks",)])
def test_checks_are_skipped(tmp_path: Path, options: Sequence[str]) -> None:
    """Checks that were switched off would run all the same."""
    with site(tmp_path, *options, files={"shop/apps.py": RECORDING}, env=TALKING) as server:
        is_page(server, "one")
        mark = wait_until_followed(server)
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        wait_until_followed(server, mark)
        assert "check" not in server.path("order").read_text().split()
    assert "Performing system checks" not in server.output


def test_a_wrong_place_is_explained(tmp_path: Path) -> None:
    """Somebody who has put the app behind another would wonder what is missing."""
    files = {
        "other/__init__.py": "",
        "other/management/__init__.py": "",
        "other/management/commands/__init__.py": "",
        "other/management/commands/runserver.py": OTHER,
    }
    behind = "INSTALLED_APPS.insert(0, 'other')\n"
    with site(tmp_path / "behind", files=files, settings=behind) as server:
        server.wait_for_output(r"\?: \(django_autoreload_plus\.\w+\) 'other' stands before")
        server.wait_for_output("changes are still noticed")
        server.wait_for_output("HINT: Move 'django_autoreload_plus' to the front")
        is_page(server, "one")
        server.edit("shop/views.py", '"one"', '"two"')
        server.wait_for_output("changed · live in")
        is_page(server, "two")
    before = "INSTALLED_APPS.insert(1, 'other')\n"
    with site(tmp_path / "before", files=files, settings=before) as server:
        is_page(server, "one")
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        server.wait_for_output("the other runserver")
        assert "stands before" not in server.output
        server.wait_for_output("changed · live in")


def test_only_content_counts(tmp_path: Path) -> None:
    """Each needless save would cost a reload, and nobody could see why there was none."""
    with site(tmp_path, "--verbosity", "2") as server:
        is_page(server, "one")
        mark = wait_until_followed(server)
        path = server.path("shop/views.py")
        text = path.read_text()
        path.touch()
        server.wait_for_output(r"shop/views\.py saved without a change", since=mark)
        mark = server.mark()
        server.write("shop/views.py", text, atomic=True)
        server.wait_for_output(r"shop/views\.py saved without a change", since=mark)
        assert "live in" not in server.output
        # There and back: whether the first step was seen or not, the old code is live at the end.
        server.edit("shop/views.py", '"one"', '"two"')
        server.write("shop/views.py", text)
        assert server.get("/").text == "one"


COLOR = "\033["


def test_first_lines_are_as_the_program_has_them(tmp_path: Path) -> None:
    """What stands there before the program has begun would have other colours, and another time."""
    settings = (
        "if os.environ.get('RUN_MAIN'):\n    1 / 0\nTIME_ZONE = os.environ['TIME_ZONE_OF_SITE']\n"
    )
    lines = []
    for zone in ("Pacific/Kiritimati", "Asia/Karachi"):
        env = {"DJANGO_COLORS": "nocolor", "TIME_ZONE_OF_SITE": zone}
        with site(tmp_path / zone, settings=settings, env=env, terminal=True) as server:
            found = server.wait_for_output(r"^.*(\d\d):\d\d:\d\d.*waiting for a fix")
            assert COLOR not in found[0]
            lines.append(int(found[1]))
    # Nine hours lie between them; the hour may end between the two starts.
    first, second = lines
    assert (second - first + 9) % 24 in (0, 1)


@pytest.mark.parametrize(
    ("options", "env", "terminal", "colored"),
    [
        ((), {}, True, True),
        (("--no-color",), {}, True, False),
        ((), {"NO_COLOR": "1"}, True, False),
        ((), {"DJANGO_COLORS": "nocolor"}, True, False),
        ((), {}, False, False),
        (("--force-color",), {}, False, True),
    ],
)
def test_colors_are_as_django_has_them(
    tmp_path: Path,
    options: Sequence[str],
    env: dict[str, str],
    *,
    terminal: bool,
    colored: bool,
) -> None:
    """A log file would be full of codes, or a wish for colours, or for none, be ignored."""
    with site(tmp_path, *options, env=env, terminal=terminal) as server:
        is_page(server, "one")
        mark = server.mark()
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        server.wait_for_output(r"views\.py changed · .*live in .*s", since=mark)
        line = re.search(r"^.*views\.py changed.*$", server.output[mark:], re.MULTILINE)
        assert line is not None
        assert (COLOR in line[0]) == colored
