"""A reloaded process has open what a fresh start would open, not what stood there before."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from parity.reloaders import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

LOGGING = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": BASE_DIR / "app.log"}},
    "loggers": {"shop": {"handlers": ["file"], "level": "INFO"}},
}
"""
VIEWS = """
import logging
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    logging.getLogger("shop").info("%s", VALUE)
    return HttpResponse(VALUE)
"""
#: Not in Django's parent process, which has to find manage.py again.
FOLDER = """
import os
from pathlib import Path
if os.environ.get("RUN_MAIN") == "true":
    os.chdir(Path(__file__).parent / "data")
"""
PLACE = """
import os
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {os.path.exists('here')}")
"""


def test_a_log_that_was_rotated_or_removed(
    parity_site: Callable[..., ParitySite], tmp_path: Path
) -> None:
    """Whoever deletes a log to see only what is new would see nothing from then on."""
    log = tmp_path / "app.log"
    with parity_site({"views.py": VIEWS}, settings=LOGGING) as server:
        server.shows("one")
        log.rename(tmp_path / "app.log.1")
        server.change("views.py", "one", "two")
        server.shows("two")
        assert log.read_text().splitlines()[-1] == "two"
        log.unlink()
        # Of a body alone, which would otherwise be exchanged.
        server.change("views.py", '("%s", VALUE)', '("%s!", VALUE)')
        server.wait_for("/", lambda _: log.exists() and "two!" in log.read_text())


def test_a_working_directory_made_anew(
    parity_site: Callable[..., ParitySite], tmp_path: Path
) -> None:
    """Relative paths would lead into a directory that nobody else can see."""
    (tmp_path / "data").mkdir()
    with parity_site({"views.py": PLACE}, settings=FOLDER) as server:
        server.shows("one False")
        shutil.rmtree(tmp_path / "data")
        (tmp_path / "data").mkdir()
        (tmp_path / "data/here").touch()
        server.change("views.py", "one", "two")
        server.shows("two True")


def test_the_reason_is_shown(tmp_path: Path) -> None:
    """Nobody could tell why a reload was slow; and it must be fast while the log is in place."""
    log = tmp_path / "app.log"
    env = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
    with COPIES.maker(tmp_path)({"views.py": VIEWS}, settings=LOGGING, env=env) as server:
        server.shows("one")
        mark = server.mark()
        server.change("views.py", "one", "two")
        server.shows("two")
        server.wait_for_output("from (setup|at|before)", since=mark)
        assert "has been replaced" not in server.output
        log.unlink()
        mark = server.mark()
        server.change("views.py", "two", "three")
        server.shows("three")
        server.wait_for_output("no copy from .+ on: .+app.log was open and has been", since=mark)
        server.wait_for_output("from (settings|apps|at|before)", since=mark)
        assert log.read_text().splitlines()[-1] == "three"
