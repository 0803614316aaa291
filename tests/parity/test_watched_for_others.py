"""A file that is watched because somebody asked for it, and read by nobody that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

#: Read in C: no event tells of it.
LOOK = """
import ctypes

def read(path):
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.fopen(str(path).encode(), b"r"))
    text = ctypes.create_string_buffer(64)
    libc.fgets(text, 64, stream)
    libc.fclose(stream)
    return text.value.decode()
"""
VIEWS = """
from django.conf import settings
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {settings.WORD}")
"""
APPS = """
from pathlib import Path
from django.apps import AppConfig
from django.utils.autoreload import autoreload_started

HERE = Path(__file__).parent.parent

def ask(sender, **kwargs):
    sender.watch_dir(HERE / "data", "*.txt")

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        autoreload_started.connect(ask)
"""


def test_a_watched_file_that_only_a_library_reads(
    parity_site: Callable[..., ParitySite], tmp_path: Path
) -> None:
    """The terminal would say "live" after its edit, and the old value would stay."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "word.txt").write_text("first")
    files = {"views.py": VIEWS, "shop/apps.py": APPS, "look.py": LOOK}
    settings = 'from look import read\nWORD = read(BASE_DIR / "data" / "word.txt")\n'
    with parity_site(files, settings=settings) as server:
        server.shows("one first")
        # Now there is a copy before the views.
        server.change("views.py", "one", "two")
        server.shows("two first")
        server.change("data/word.txt", "first", "second")
        server.shows("two second")
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, second")


def test_a_glob_of_the_users_own(our_reloader: Reloader, tmp_path: Path) -> None:
    """What ``WATCH`` names because only the user knows who reads it would keep its old value."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "word.txt").write_text("first")
    settings = """
AUTORELOAD_PLUS["WATCH"] = ["data/*.txt"]
from look import read
WORD = read(BASE_DIR / "data" / "word.txt")
"""
    with our_reloader.maker(tmp_path)(
        {"views.py": VIEWS, "look.py": LOOK}, settings=settings
    ) as server:
        server.shows("one first")
        server.change("views.py", "one", "two")
        server.shows("two first")
        server.change("data/word.txt", "first", "second")
        server.shows("two second")
