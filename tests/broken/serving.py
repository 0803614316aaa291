"""A demo site that may be broken, and what its clients get to see."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import django_autoreload_plus

if TYPE_CHECKING:
    from harness import DevServer, Response

#: Survives settings that are broken at the very first start.
AS_MODULE = (
    sys.executable,
    "-m",
    "django_autoreload_plus",
    "manage.py",
    "runserver",
    "{address}",
)
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
WAITING = "waiting for a fix"
RELOADER = str(Path(django_autoreload_plus.__file__).parent) + os.sep


def see_page(server: DevServer, says: str, path: str = "/") -> Response:
    """Ask as a browser, once: the answer is the page."""
    page = server.get(path, headers=HTML)
    assert page.status == 500, page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert "autoreload_plus__/wait" in page.text
    assert says in plain(page.text)
    return page


def see_other_forms(server: DevServer, says: str) -> None:
    """Ask as ``curl`` and as a program: they get what they can read."""
    text = server.get("/")
    assert (text.status, text.headers["content-type"]) == (500, "text/plain; charset=utf-8")
    assert says in text.text
    answer = server.get("/", headers=JSON)
    assert (answer.status, answer.headers["content-type"]) == (
        500,
        "application/json; charset=utf-8",
    )
    told = json.loads(answer.text)
    assert says in told["error"] + told["text"]
    for form in (text, answer):
        assert RELOADER not in form.text


def read_terminal(server: DevServer, since: int, says: str, *, traceback: bool) -> str:
    """Await the failure in the terminal: once, whole, and without our own frames."""
    server.wait_for_output(WAITING, since=since)
    told = server.output[since:]
    assert told.count(WAITING) == 1, told
    assert says in told, told
    assert ("Traceback (most recent call last)" in told) or not traceback, told
    assert RELOADER not in told, told
    assert "django/utils/autoreload.py" not in told or not traceback, told
    assert "importlib._bootstrap" not in told, told
    return told


def is_alive(server: DevServer) -> bool:
    """Whether the command still runs."""
    return any(process.pid == server.pid for process in server.processes())


def plain(html: str) -> str:
    """Return the text of a page, without tags."""
    import html as library
    import re

    return library.unescape(re.sub(r"<[^>]*>", "", html))
