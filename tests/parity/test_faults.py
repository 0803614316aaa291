"""The command goes on, whatever a process sends to it."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import django_autoreload_plus
from django_autoreload_plus.protocol.messages import VERSION
from harness import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from parity.reloaders import ParitySite, Reloader

LANGUAGES = """
from django.http import HttpResponse
from django.urls import reverse
from django.utils import translation

VALUE = "one"
READ = VALUE

def page(request):
    for language in (None, "de", None):
        with translation.override(language):
            reverse("page")
    return HttpResponse(VALUE)
"""
LANGUAGE_URLS = """
from django.urls import path
import views

urlpatterns = [path("", views.page, name="page")]
"""
SEND = """
import socket
from django_autoreload_plus.child.attach import connect

MESSAGES = {
    "garbage": b"not JSON",
    "unknown": b'{"type": "Riddle"}',
    "unhashable": b'{"type": []}',
    "field": b'{"type": "Used", "uses": [null]}',
    "deep": b"[" * 100000,
    "direction": b'{"type": "Resume"}',
    "no descriptor": b'{"type": "HandBack"}',
    "descriptor": b'{"type": "Answered"}',
    "no socket": b'{"type": "HandBack"}',
}

def send(name):
    body = MESSAGES[name]
    count = 1 if name in ("descriptor", "no socket") else 0
    data = len(body).to_bytes(4, "big") + bytes([count]) + body
    connection = connect().channel.socket
    with open("manage.py") as file:
        if count:
            socket.send_fds(connection, [data], [file.fileno()])
        else:
            connection.sendall(data)
"""
SENDING = """
from django.http import HttpResponse
from sending import send

VALUE = "one"
READ = VALUE

def page(request):
    if "send" in request.GET:
        send(request.GET["send"])
    return HttpResponse(VALUE)
"""
NAMES = (
    "garbage",
    "unknown",
    "unhashable",
    "field",
    "deep",
    "direction",
    "no descriptor",
    "descriptor",
    "no socket",
)


def test_translations_are_off_in_a_view(parity_site: Callable[..., ParitySite]) -> None:
    """The command would die after the first page."""
    with parity_site({"views.py": LANGUAGES, "urls.py": LANGUAGE_URLS}) as server:
        server.shows("one")
        server.shows("one")
        server.change("views.py", '"one"', '"two"')
        server.shows("two")


def test_a_message_that_cannot_be_read(tmp_path: Path, our_reloader: Reloader) -> None:
    """A fault of the reloader would end the command, or stop it from reloading."""
    site = our_reloader.maker(tmp_path)
    with site({"views.py": SENDING, "sending.py": SEND}) as server:
        server.shows("one")
        value = "one"
        for name in NAMES:
            since = server.mark()
            with socket.create_connection((HOST, server.port)) as browser:
                # The answer is not awaited: the process may be replaced before.
                query = name.replace(" ", "%20")
                browser.sendall(f"GET /?send={query} HTTP/1.0\r\n\r\n".encode())
                server.wait_for_output("cannot be read; it is replaced", since=since)
            server.shows(value)
            server.change("views.py", f'"{value}"', f'"{name}"')
            value = name
            server.shows(value)


def test_every_start_sends_what_cannot_be_read(tmp_path: Path, our_reloader: Reloader) -> None:
    """The command would start processes for ever."""
    site = our_reloader.maker(tmp_path)
    ready = "import sending; sending.send('garbage')"
    with site({"sending.py": SEND}, ready=ready) as server:
        server.wait_for_output("waiting for a fix")
        assert server.output.count("it is replaced") == 3
        assert "not JSON" in server.get("/").text
        server.edit("shop/apps.py", ready, "pass")
        server.shows("one")


def test_the_package_is_upgraded(our_reloader: Reloader, tmp_path: Path) -> None:
    """After ``pip install --upgrade`` nobody would know why no edit counts any more."""
    package = Path(django_autoreload_plus.__file__).parent
    library = tmp_path / "library" / package.name
    shutil.copytree(package, library, ignore=shutil.ignore_patterns("__pycache__"))
    env = {"PYTHONPATH": str(library.parent)}
    with our_reloader.maker(tmp_path / "site")(env=env) as server:
        server.shows("one")
        messages = library / "protocol" / "messages.py"
        text = messages.read_text(encoding="utf-8")
        messages.write_text(text.replace(f"VERSION = {VERSION}", "VERSION = 999"), encoding="utf-8")
        # A complete start, which is of the new version.
        server.edit("manage.py", "import os, sys", "import os, sys, json")
        server.wait_for_output("was upgraded: end this command .* waiting for a fix")
        assert "was upgraded: end this command and start it again" in server.get("/").text
        assert "replaced" not in server.output
        messages.write_text(text, encoding="utf-8")
        server.edit("manage.py", "import os, sys, json", "import os, sys, re")
        server.shows("one")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
