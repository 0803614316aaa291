"""Every way to start a Django project: the program finds itself as if nobody had come between."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command.programs import checkout
from command.sites import MANAGE, URLS, is_page, make_site
from harness import DevServer

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a program may ask about how it was started.
SELF = """
import json, os, sys
import __main__
from django.http import HttpResponse

def page(request):
    spec = __main__.__spec__
    return HttpResponse(json.dumps({
        "argv": [word for word in sys.argv if word != "--noreload"],
        "orig_argv": [word for word in sys.orig_argv if word != "--noreload"],
        "flags": str(sys.flags),
        "options": [sys.warnoptions, sorted(map(str, sys._xoptions.items()))],
        "path": sys.path,
        "main": [__main__.__name__, __main__.__file__, spec and spec.name, __main__.__package__],
        "cwd": os.getcwd(),
        "value": 1,
    }))
"""
FILES = {
    "asked.py": SELF,
    "site_urls.py": URLS + "import asked\nurlpatterns.append(path('asked/', asked.page))\n",
    "tool/__init__.py": "",
    "tool/__main__.py": MANAGE,
    "tool/command.py": MANAGE,
    # Isolated, nothing is found that the program does not look for itself.
    "alone.py": f"import sys\nsys.path[:0] = [{str(checkout())!r}, '.']\n{MANAGE}",
}
PYTHON = sys.executable
ADMIN = str(Path(PYTHON).with_name("django-admin"))
WORDS = ("runserver", "{address}")


@pytest.mark.parametrize(
    "command",
    [
        (PYTHON, "manage.py"),
        (PYTHON, "-m", "tool"),
        (PYTHON, "-m", "tool.command"),
        (PYTHON, "-m", "django"),
        (ADMIN,),
        (PYTHON, "tool.pyz"),
        (PYTHON, "-W", "error::ImportWarning", "-X", "dev", "-Xtea=green", "-O", "manage.py"),
        (PYTHON, "-I", "-u", "alone.py"),
    ],
    ids=lambda command: " ".join(command[1:]) or "django-admin",
)
def test_program_is_started_alike(tmp_path: Path, command: Sequence[str]) -> None:
    """A project that is not started by ``python manage.py`` would not start, or not the same."""
    root = make_site(tmp_path / "root", FILES)
    with zipfile.ZipFile(root / "tool.pyz", "w") as archive:
        archive.writestr("__main__.py", MANAGE)
    env = {
        "DJANGO_SETTINGS_MODULE": "site_settings",
        "PYTHONPATH": os.pathsep.join((str(root), str(checkout()))),
    }
    found = []
    with DevServer(root, command=(*command, *WORDS), env=env) as server:
        server.wait_for("/asked/")
        found.append(server.get("/asked/").text)
        server.edit("asked.py", '"value": 1', '"value": 2')
        found.append(server.get("/asked/").text)
        server.interrupt()
        assert server.wait() == 0
        server.edit("asked.py", '"value": 2', '"value": 1')
        # On the same port, which is part of the answer: the first server keeps it reserved.
        plain = DevServer(root, command=(*command, *WORDS, "--noreload"), env=env)
        plain.port = server.port
        with plain:
            expected = json.loads(plain.wait_for("/asked/").text)
    assert json.loads(found[0]) == expected
    assert json.loads(found[1]) == {**expected, "value": 2}


def test_settings_broken_at_the_first_start(tmp_path: Path) -> None:
    """The entry that survives everything would end at the first mistake in the settings."""
    root = make_site(tmp_path, {"site_settings.py": "TEA = tea\n"})
    good = make_site(tmp_path / "good").joinpath("site_settings.py").read_text(encoding="utf-8")
    command = (PYTHON, "-m", "django_autoreload_plus", "manage.py", *WORDS)
    with DevServer(root, command=command) as server:
        server.wait_for_output("NameError: name 'tea' is not defined")
        server.wait_for_output("waiting for a fix")
        assert "NameError" in server.get("/").text
        server.write("site_settings.py", good)
        is_page(server, "one")
        server.interrupt()
        assert server.wait() == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "error: nothing to run: give a script and its arguments, or -m and a module"),
        (("--help",), 0, "usage: python -m django_autoreload_plus"),
        (("-m",), 2, "error: nothing to run: -m needs a value"),
    ],
)
def test_the_own_command_line(tmp_path: Path, words: Sequence[str], code: int, says: str) -> None:
    """A mistake on the package's own command line would not be explained."""
    with DevServer(tmp_path, command=(PYTHON, "-m", "django_autoreload_plus", *words)) as server:
        server.wait_for_output(says)
        assert server.wait() == code
        assert "Traceback" not in server.output
