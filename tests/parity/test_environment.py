"""Every process of the program begins with the environment that the command was started with."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol import environment
from parity.reloaders import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from parity.reloaders import Reloader

#: As libraries do it unless they are told otherwise: what is there stays.
READ_ENV = """
for line in (BASE_DIR / ".env").read_text().splitlines():
    name, _, value = line.partition("=")
    os.environ.setdefault(name, value)
os.environ["PATH"] = f"/of/the/settings{os.pathsep}{os.environ['PATH']}"
os.environ.pop("FROM_SHELL", None)
TIME_ZONE = "Asia/Tokyo"
"""
SHOW = """
import os
from django.http import HttpResponse

def page(request):
    names = ("WORD", "OTHER", "EARLY", "TZ", "DJANGO_SETTINGS_MODULE", "FROM_SHELL", "ODD")
    values = [os.environb.get(name.encode(), b"-") for name in names]
    values.append(b"%d" % os.environ["PATH"].count("/of/the/settings"))
    return HttpResponse(repr(b" ".join(values).decode("latin1")))
"""


def test_variables(our_reloader: Reloader, tmp_path: Path) -> None:
    """A changed .env, or manage.py, would be "live" with the old values of its variables."""
    files = {
        ".env": "WORD=one\nOTHER=here\nEARLY=file\n",
        "views.py": SHOW,
        "other.py": SETTINGS.format(apps='"django_autoreload_plus", ', options="{}"),
    }
    # Neither UTF-8, nor one line, nor without an equals sign.
    env = {"ODD": "\udcff\n=x", "FROM_SHELL": "kept", "EARLY": "shell", "TZ": None}
    site = our_reloader.maker(tmp_path)(files, settings=READ_ENV, env=env)
    with site as server:
        server.shows(repr("one here shell Asia/Tokyo settings - \xff\n=x 1"))
        server.change(".env", "one", "two")
        server.shows(repr("two here shell Asia/Tokyo settings - \xff\n=x 1"))
        server.change(".env", "OTHER=here\n", "")
        server.shows(repr("two - shell Asia/Tokyo settings - \xff\n=x 1"))
        server.change("settings.py", 'os.environ.pop("FROM_SHELL", None)', "")
        server.shows(repr("two - shell Asia/Tokyo settings kept \xff\n=x 1"))
        server.change("settings.py", '"Asia/Tokyo"', "None")
        server.shows(repr("two - shell - settings kept \xff\n=x 1"))
        server.change("manage.py", '"settings"', '"other"')
        server.shows(repr("- - shell America/Chicago other kept \xff\n=x 0"))


def test_clock_of_the_terminal(our_reloader: Reloader, tmp_path: Path) -> None:
    """The reloader's lines would carry another time than the server's between them."""
    zone = '\nTIME_ZONE = "Pacific/Kiritimati"\n'
    views = 'import time\nfrom django.http import HttpResponse\nVALUE = "one"\n\n'
    views += 'def page(request):\n    return HttpResponse(VALUE + time.strftime(" %H"))\n'
    with our_reloader.maker(tmp_path)({"views.py": views}, settings=zone) as server:
        server.wait_for("/", lambda answer: answer.text.startswith("one"))
        hours = {server.get("/").text.split()[1]}
        since = server.mark()
        server.change("views.py", "one", "two")
        server.wait_for("/", lambda answer: answer.text.startswith("two"))
        line = server.wait_for_output(r"(\d\d):\d\d:\d\d  views.py changed", since=since)
        hours.add(server.get("/").text.split()[1])
        assert line.group(1) in hours


def test_data_in_a_template_folder(our_reloader: Reloader, tmp_path: Path) -> None:
    """Data that was read while starting would keep its old value: "the template is taken"."""
    settings = (
        'TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",'
        ' "DIRS": [BASE_DIR / "templates"]}]\n'
        'WORD = (BASE_DIR / "templates" / "word.json").read_text()\n'
    )
    views = """
from django.conf import settings
from django.shortcuts import render

def page(request):
    return render(request, "page.html", {"word": settings.WORD})
"""
    files = {
        "templates/word.json": "one",
        "templates/page.html": "first {{ word }}",
        "views.py": views,
    }
    with our_reloader.maker(tmp_path)(files, settings=settings) as server:
        server.shows("first one")
        server.change("templates/word.json", "one", "two")
        server.shows("first two")
        server.wait_for_output("live in")
        since = server.mark()
        server.change("templates/page.html", "first", "second")
        server.shows("second two")
        assert "live" not in server.output[since:]


@pytest.mark.parametrize(
    ("block", "variables"),
    [
        (b"", {}),
        (b"A=1\0B=\0", {b"A": b"1", b"B": b""}),
        (b"A=1\0A=2\0C=\xff=\n\0", {b"A": b"1", b"C": b"\xff=\n"}),
        # Overwritten by a title: nothing but NUL, or the rest of a text.
        (b"\0\0\0\0", None),
        (b"worker 1\0B=2\0", None),
        (b"a=b long\0\0", None),
    ],
)
def test_what_the_kernel_keeps(block: bytes, variables: dict[bytes, bytes] | None) -> None:
    """A title that was written over the environment would be taken for variables."""
    assert environment.parse(block) == variables


@pytest.mark.parametrize("variables", [b"A=1\0B=\0", b""])
def test_what_macos_keeps(variables: bytes) -> None:
    """On a Mac the arguments of the command would be taken for its variables."""
    head = struct.pack("=i", 2) + b"/usr/bin/python\0\0\0\0" + b"python\0A=0\0"
    data = head + variables + b"\0executable_path=/usr/bin/python\0"
    block = environment.environment_in_arguments(data)
    assert environment.parse(block) == environment.parse(variables)
