"""A request that follows the deletion of a file at once is answered by what is there now."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import Reloader

PACKAGE_VIEWS = """
from django.http import HttpResponse
from shop import part

VALUE = "one"

def page(request):
    return HttpResponse(VALUE + part.VALUE)
"""
FALLBACK = """
from django.http import HttpResponse
try:
    from local import VALUE
except ImportError:
    VALUE = "none"

def page(request):
    return HttpResponse(VALUE)
"""


def remove(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def move_away(path: Path) -> None:
    """Move a file to where nobody watches."""
    path.rename(path.parent.parent / "gone")


@pytest.mark.parametrize("take_away", [remove, move_away])
def test_no_old_code_after_a_deletion(
    our_reloader: Reloader, tmp_path: Path, take_away: Callable[[Path], None]
) -> None:
    """Whoever deletes a module, and asks at once, would see a page of code that is gone.

    Django's own answers with it until it looks again, up to a second later.
    """
    with our_reloader.maker(tmp_path / "site")() as server:
        server.shows("one")
        views = server.path("views.py")
        text = views.read_text()
        for _ in range(3):
            take_away(views)
            answer = server.get("/")
            assert (answer.status, "views" in answer.text) == (500, True)
            views.write_text(text)
            server.shows("one")


def test_a_deletion_that_is_allowed_for(our_reloader: Reloader, tmp_path: Path) -> None:
    """The values of a local file would be served once more after it was deleted."""
    files = {"views.py": FALLBACK, "local.py": 'VALUE = "local"\n'}
    with our_reloader.maker(tmp_path / "site")(files) as server:
        server.shows("local")
        for _ in range(3):
            server.path("local.py").unlink()
            assert server.get("/").text == "none"
            server.path("local.py").write_text('VALUE = "local"\n')
            server.shows("local")


def test_a_deleted_folder(our_reloader: Reloader, tmp_path: Path) -> None:
    """The code of a package that is gone would be served once more."""
    files = {"views.py": PACKAGE_VIEWS, "shop/part.py": 'VALUE = " part"\n'}
    with our_reloader.maker(tmp_path / "site")(files) as server:
        server.shows("one part")
        shutil.rmtree(server.path("shop"))
        assert server.get("/").status == 500
