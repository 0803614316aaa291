"""What a start asked the file system without opening a file is asked again at a reload."""
# The functions under test:
# ruff: noqa: PTH110, PTH113, PTH115, PTH116, PTH204

from __future__ import annotations

import linecache
import os
import re
import shutil
import sys
import venv
from sysconfig import get_path
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus.child.probes import Probes
from django_autoreload_plus.supervisor.probe_comparison import Comparison
from harness import wait_until, write_file
from parity.reloaders import COPIES, PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

VIEWS = """
from django.conf import settings
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {settings.WORD}")
"""
TALKATIVE = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
FLAG_AND_LISTING = """
WORD = "on" if (BASE_DIR / "flag").exists() else "off"
WORD += "".join(sorted(os.listdir(BASE_DIR / "plugins")))
"""


def test_a_flag_and_a_listing(parity_site: Callable[..., ParitySite], tmp_path: Path) -> None:
    """A flag that is set, or a plugin that is added, would not count even after an edit."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    with parity_site({"views.py": VIEWS}, settings=FLAG_AND_LISTING) as server:
        server.shows("one off")
        (tmp_path / "flag").touch()
        server.change("views.py", "one", "two")
        server.shows("two on")
        (plugins / "a").mkdir()
        # Of a body alone, which would otherwise be exchanged.
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, ona")
        (tmp_path / "flag").unlink()
        (plugins / "a").rmdir()
        server.change("views.py", "two", "three")
        server.shows("three, off")


def test_a_folder_that_was_removed(parity_site: Callable[..., ParitySite], tmp_path: Path) -> None:
    """A folder that the settings make would be missing once it is removed."""
    settings = '\nWORD = "made"\nos.makedirs(BASE_DIR / "var" / "cache", exist_ok=True)\n'
    with parity_site({"views.py": VIEWS}, settings=settings) as server:
        server.shows("one made")
        for old, new in (("VALUE} {", "VALUE}, {"), ("VALUE}, {", "VALUE}; {")):
            shutil.rmtree(tmp_path / "var")
            # Of a body alone, which would otherwise be exchanged.
            server.change("views.py", old, new)
            server.shows(f"one{new[6:-1]}made")
            assert (tmp_path / "var" / "cache").is_dir()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="bodies are never exchanged there")
def test_a_folder_made_while_starting(tmp_path: Path) -> None:
    """A folder that the settings make would be missing once it is removed; or nothing be fast."""
    settings = """
WORD = ""
os.makedirs(BASE_DIR / "var" / "cache", exist_ok=True)
(BASE_DIR / "var" / "log").touch()
WORD = os.stat(BASE_DIR / "var" / "log").st_mode and "made"
with open(BASE_DIR / "var" / "log", "a") as log:
    log.write("started")
"""
    with COPIES.maker(tmp_path)({"views.py": VIEWS}, settings=settings, env=TALKATIVE) as server:
        server.shows("one made")
        # Its own folder and file are no other input than before.
        mark = server.mark()
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("one, made")
        server.wait_for_output("from ready, function bodies exchanged", since=mark)
        shutil.rmtree(tmp_path / "var")
        mark = server.mark()
        server.change("views.py", "one", "two")
        server.shows("two, made")
        assert (tmp_path / "var" / "cache").is_dir()
        server.wait_for_output("the program would not find .*var", since=mark)
        # Now as before: fast.
        mark = server.mark()
        server.change("views.py", "{VALUE}, {", "{VALUE}: {")
        server.shows("two: made")
        server.wait_for_output("from ready, function bodies exchanged", since=mark)


def test_a_flag_that_appears(our_reloader: Reloader, tmp_path: Path) -> None:
    """A settings file that a library looks for would count only after an edit of another file."""
    settings = """
WORD = ".secrets" if os.path.isfile(BASE_DIR / ".secrets.toml") else "none"
if not os.path.exists(BASE_DIR / "state"):
    (BASE_DIR / "state").write_text("made")
"""
    with our_reloader.maker(tmp_path)({"views.py": VIEWS}, settings=settings) as server:
        server.shows("one none")
        (tmp_path / ".secrets.toml").write_text("key = 1")
        server.shows("one .secrets")
        # Made by the program itself, that is no reason.
        assert not re.search("state.* changed", server.output)


def test_packages_that_are_installed(tmp_path: Path) -> None:
    """Who installs what was missing, also as editable, would have to restart the command."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "base.pth").write_text(f"import site; site.addsitedir({get_path('purelib')!r})\n")
    root = tmp_path / "site"
    write_file(tmp_path / "elsewhere" / "tea.py", "")
    write_file(site / "milk-1.0.dist-info" / "METADATA", "Name: milk\nVersion: 1.0\n")
    settings = 'import importlib.metadata\nWORD = importlib.metadata.version("milk")'
    with COPIES.maker(root)(
        {"views.py": f"import tea\n{VIEWS}"},
        settings=settings,
        command=(str(folder / "bin" / "python"), "manage.py", "runserver", "{address}"),
    ) as server:
        server.wait_for("/", lambda answer: "ModuleNotFoundError" in answer.text)
        (site / "__editable__.tea.pth").write_text(f"{tmp_path / 'elsewhere'}\n")
        server.shows("one 1.0")
        shutil.rmtree(site / "milk-1.0.dist-info")
        write_file(site / "milk-2.0.dist-info" / "METADATA", "Name: milk\nVersion: 2.0\n")
        server.change("views.py", "one", "two")
        server.shows("two 2.0")


@pytest.mark.parametrize("way", [COPIES, PLAIN], ids=str)
def test_a_package_installed_during_the_first_start(tmp_path: Path, way: Reloader) -> None:
    """Who installs it just then would be told for ever that it is missing."""
    folder = tmp_path / "environment"
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "base.pth").write_text(f"import site; site.addsitedir({get_path('purelib')!r})\n")
    write_file(tmp_path / "elsewhere" / "tea.py", "")
    ready = """import time
        while not os.path.exists("installed"):
            open("waits", "w").close()
            time.sleep(0.02)"""
    with way.maker(tmp_path / "site")(
        {"views.py": f"import tea\n{VIEWS}"},
        settings='\nWORD = ""\n',
        ready=ready,
        command=(str(folder / "bin" / "python"), "manage.py", "runserver", "{address}"),
    ) as server:
        wait_until(server.path("waits").exists, "the first start")
        (site / "__editable__.tea.pth").write_text(f"{tmp_path / 'elsewhere'}\n")
        server.path("installed").touch()
        server.shows("one ")


# -- the notes themselves -----------------------------------------------------


@pytest.fixture
def noted() -> Iterator[Probes]:
    """Return notes of what this process probes."""
    notes = Probes()
    notes.install({})
    yield notes
    notes.remove()


def change_link(root: Path) -> None:
    """Let a link lead elsewhere."""
    (root / "link").unlink()
    (root / "link").symlink_to("there")


#: A probe, and a change that gives it another answer.
LOOKS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "exists": (lambda p: os.path.exists(p / "new"), lambda p: (p / "new").touch()),
    "gone": (lambda p: os.path.isfile(p / "file"), lambda p: (p / "file").unlink()),
    "isdir": (lambda p: (p / "new").is_dir(), lambda p: (p / "new").mkdir()),
    "bytes": (lambda p: os.path.exists(os.fsencode(p / "new")), lambda p: (p / "new").touch()),
    "time": (lambda p: os.path.getmtime(p / "file"), lambda p: os.utime(p / "file", (1, 1))),
    "size": (lambda p: (p / "file").stat().st_size, lambda p: (p / "file").write_text("more")),
    "mode": (lambda p: os.stat(p / "file"), lambda p: (p / "file").chmod(0o600)),
    "access": (lambda p: os.access(p / "new", os.R_OK), lambda p: (p / "new").touch()),
    "link": (lambda p: os.path.realpath(p / "link"), change_link),
    "resolve": (lambda p: (p / "link").resolve(), change_link),
    "readlink": (lambda p: os.readlink(p / "link"), change_link),
    "parent": (
        lambda p: os.path.exists(p / "a" / "b"),
        lambda p: (p / "a" / "b").mkdir(parents=True),
    ),
}

#: Those that go through :mod:`pathlib`.
PATHLIB = ("isdir", "size", "resolve")


@pytest.mark.parametrize("name", LOOKS)
def test_a_probe_and_what_changes_it(tmp_path: Path, noted: Probes, name: str) -> None:
    """What a start finds that way would stay as it was; or every start would look different."""
    if name in PATHLIB and sys.version_info < (3, 11):
        pytest.skip("pathlib has kept os.stat(), which a child replaces before it is imported")
    probe, change = LOOKS[name]
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    probe(tmp_path)
    probes, _ = noted.collect()
    assert not Comparison().differing(probes, written=(), is_ignored=lambda _path: False)
    change(tmp_path)
    assert Comparison().differing(probes, written=(), is_ignored=lambda _path: False)


def test_what_is_no_input(tmp_path: Path, noted: Probes) -> None:
    """A log that grows, or a file beside one that was probed, would end every fast reload."""
    log = tmp_path / "log"
    log.write_text("x")
    os.stat(log)
    os.path.exists(log)
    os.stat(tmp_path)
    probes, _ = noted.collect()
    log.write_text("xx")
    (tmp_path / "beside").touch()
    assert not Comparison().differing(probes, written=(str(log),), is_ignored=lambda _path: False)
    assert not Comparison().differing(probes, written=(), is_ignored=lambda path: path == str(log))


def test_a_source_that_is_shown(tmp_path: Path, noted: Probes) -> None:
    """Each later edit of a file that a traceback showed would go back to before the probe."""
    source = tmp_path / "shown.py"
    source.write_text("SHOWN = 1\n")
    assert linecache.getline(str(source), 1) == "SHOWN = 1\n"
    linecache.checkcache(str(source))
    assert not [one for one in noted.collect()[0] if one.path == str(source)]


def test_functions_that_are_kept(noted: Probes, tmp_path: Path) -> None:
    """A library that asks what ``os.stat`` can do, or keeps it, would fail."""
    import copy
    import inspect
    import pickle
    import types
    from os import stat

    class Keeping:
        probe: Any = os.stat

    assert os.stat in os.supports_fd
    assert os.stat in os.supports_follow_symlinks
    assert isinstance(os.stat, types.BuiltinFunctionType)
    assert "follow_symlinks" in inspect.signature(os.stat).parameters
    assert pickle.loads(pickle.dumps(copy.copy(os.stat))) == os.stat  # noqa: S301 - pickled just before
    assert Keeping().probe(tmp_path).st_mode
    with pytest.raises(FileNotFoundError):
        stat(tmp_path / "none")
    noted.remove()
    assert os.stat is not stat
    assert stat(tmp_path) == os.stat(tmp_path)
    assert stat == os.stat
    assert type(os.stat) is types.BuiltinFunctionType
