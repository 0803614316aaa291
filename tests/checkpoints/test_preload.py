"""``PRELOAD``: libraries that come before the project, and before every copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command.sites import TALKING, is_page, make_site, wait_until_followed
from harness import DevServer, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Tells of each import of it, and what was there already.
LIBRARY = """
import sys
print("library", VERSION := "{version}", "site_settings" in sys.modules, flush=True)
"""
SETTINGS = """
import library
AUTORELOAD_PLUS = {"PRELOAD": ["library"]}
LEVEL = [1]
"""
VIEWS = """
from django.conf import settings
from django.http import HttpResponse
import library

def page(request):
    return HttpResponse(f"{library.VERSION} {settings.LEVEL}")

slow = stream = template = page
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """Return a server whose settings import a library that is preloaded."""
    write_file(tmp_path / "site-packages" / "library.py", LIBRARY.format(version="1"))
    root = make_site(tmp_path / "site", {"shop/views.py": VIEWS}, settings=SETTINGS)
    env = {**TALKING, "PYTHONPATH": str(tmp_path / "site-packages"), "PYTHONUNBUFFERED": "1"}
    with DevServer(root, env=env) as started:
        is_page(started, "1 [1]")
        wait_until_followed(started)
        yield started


def imports(server: DevServer, since: int = 0) -> list[str]:
    """Return the lines that the library has printed in processes of the project."""
    lines = server.output[since:].splitlines()
    return [line for line in lines if line.startswith("library")]


def test_an_edit_of_the_settings_imports_the_library_no_more(server: DevServer) -> None:
    """The option would be there for nothing."""
    # The command's own process imports the settings, too, to learn of the option.
    assert sorted(imports(server)) == ["library 1 False", "library 1 True"]
    since = server.mark()
    # No literal, which would be exchanged.
    server.edit("site_settings.py", "LEVEL = [1]", "LEVEL = list([2])")
    is_page(server, "1 [2]")
    # On a slow machine there may be another copy just before them.
    server.wait_for_output("from (settings|at site_settings);", since=since)
    assert imports(server, since) == []


def test_an_edit_of_the_library_goes_back_to_before_it(server: DevServer, tmp_path: Path) -> None:
    """The old library would stay for as long as the command runs."""
    since = server.mark()
    library = tmp_path / "site-packages" / "library.py"
    write_file(library, LIBRARY.format(version="2"))
    is_page(server, "2 [1]")
    assert imports(server, since) == ["library 2 False"]


def test_the_option_is_changed(server: DevServer) -> None:
    """Copies would be used that a fresh start could not have taken."""
    since = server.mark()
    server.edit("site_settings.py", '["library"]', "[]")
    is_page(server, "1 [1]")
    server.wait_for_output(r"site_settings.py changed .* live", since=since)
    assert imports(server, since) == ["library 1 True"]
    since = server.mark()
    server.edit("site_settings.py", "LEVEL = [1]", "LEVEL = list([3])")
    is_page(server, "1 [3]")
    assert imports(server, since) == ["library 1 True"]
    since = server.mark()
    server.edit("site_settings.py", '"PRELOAD": []', '"PRELOAD": ["library"]')
    server.wait_for_output("library 1 False", since=since)
    is_page(server, "1 [3]")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("libary", "PRELOAD names 'libary', which cannot be imported before the program"),
        ("own_code", "PRELOAD names 'own_code', which imports code of the project itself"),
        ("not-a-name", "must be a list of module names"),
    ],
)
def test_a_wrong_name(server: DevServer, tmp_path: Path, name: str, told: str) -> None:
    """The developer would look for the mistake everywhere but in the setting."""
    own = f"import sys\nsys.path.append({str(tmp_path / 'own')!r})\nimport shop_own\n"
    write_file(tmp_path / "site-packages" / "own_code.py", own)
    write_file(tmp_path / "own" / "shop_own.py", "")
    since = server.mark()
    server.edit("site_settings.py", '["library"]', f'["{name}"]')
    server.wait_for_output(told, since=since)
    server.edit("site_settings.py", f'["{name}"]', '["library"]')
    is_page(server, "1 [1]")
