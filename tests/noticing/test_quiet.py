"""What changes on the disk and is no change of the code: nobody reloads for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness import write_file
from noticing.site import Site, add_view, append, git, make_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIEWS = "teas/views.py"
#: Every request counts in a file that was read while starting, writes to the database and a
#: log, and stores a file.
WRITER = """
import logging
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
COUNTER, STATE = HERE / "counter.txt", HERE / "state.json"
START = COUNTER.read_text(), STATE.read_text()
LOG = logging.getLogger("visits")
LOG.addHandler(logging.FileHandler(HERE / "visits.log"))


def text():
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    number = int(COUNTER.read_text()) + 1
    COUNTER.write_text(str(number))
    draft = STATE.with_suffix(".tmp")
    draft.write_text(str(number))
    draft.replace(STATE)
    LOG.warning("visit %s", number)
    session = SessionStore()
    session["number"] = number
    session.save()
    FileSystemStorage(HERE / "media").save(f"upload{number}.py", ContentFile(b"x = 1"))
    return f"visit {number};"
"""


@pytest.fixture(scope="module")
def shared_place(shared_place: Path) -> Path:
    """Give the shared project a page that writes, and a repository around it."""
    (shared_place / "counter.txt").write_text("0", encoding="utf-8")
    (shared_place / "state.json").write_text("0", encoding="utf-8")
    add_view(shared_place, WRITER)
    make_repository(shared_place)
    return shared_place


@pytest.fixture(autouse=True)
def nothing_happens(site: Site) -> Iterator[None]:
    """Assert after each test that nothing was said."""
    yield
    assert site.news() == []


def touched(path: Path) -> None:
    """Do as make, or a build tool."""
    os.utime(path, (1e9, 1e9))
    path.touch()


def saved_again(path: Path) -> None:
    """Press the save key twice."""
    path.write_bytes(path.read_bytes())


def replaced_by_its_like(path: Path) -> None:
    """Do as a formatter that finds nothing to change, or an editor with safe writes."""
    write_file(path, path.read_text(encoding="utf-8"), atomic=True)


def moved_there_and_back(path: Path) -> None:
    """Do as a tool that makes sure of its permissions."""
    path.rename(path.with_suffix(".moved"))
    path.with_suffix(".moved").rename(path)


def changed_and_undone(path: Path) -> None:
    """Do as somebody who hits the wrong key."""
    content = path.read_bytes()
    path.write_bytes(content + b"x = 1\n")
    path.write_bytes(content)


def made_executable(path: Path) -> None:
    """Change what is about the file, not in it."""
    mode = path.stat().st_mode
    path.chmod(0o755)
    path.chmod(mode)


def formatted(path: Path) -> None:
    """Run a tool that writes whatever it has read."""
    script = "import sys; p = sys.argv[1]; s = open(p).read(); open(p, 'w').write(s)"
    subprocess.run([sys.executable, "-c", script, path], check=True)


NOTHING = [
    touched,
    saved_again,
    replaced_by_its_like,
    moved_there_and_back,
    made_executable,
    formatted,
]


@pytest.mark.parametrize("change", NOTHING, ids=lambda change: change.__name__)
def test_a_file_that_is_what_it_was(site: Site, change: Callable[[Path], None]) -> None:
    """The program would start again, and lose its state, for nothing."""
    change(site.path(VIEWS))
    change(site.path("config/settings.py"))


def test_bytecode(site: Site) -> None:
    """Another interpreter, or a test run beside the server, would make it start again."""
    caches = list(site.root.glob("*/__pycache__"))
    assert caches
    for cache in caches:
        shutil.rmtree(cache)
    compiled = [sys.executable, "-m", "compileall", "-q", "teas", "config"]
    subprocess.run(compiled, cwd=site.root, check=True)


def test_version_control(site: Site) -> None:
    """Each look at the history, each commit, would make the program start again."""
    append(site.path("NOTES"), "to be done\n")
    git(site.root, "add", "NOTES")
    git(site.root, "status")
    git(site.root, "commit", "--quiet", "--message", "notes")
    git(site.root, "gc", "--quiet")
    git(site.root, "checkout", "--quiet", "-b", "same")
    git(site.root, "checkout", "--quiet", "main")


def test_what_editors_leave_behind(site: Site) -> None:
    """Opening a file in an editor would make the program start again."""
    folder = site.path("teas")
    text = (folder / "views.py").read_text(encoding="utf-8")
    for name in (
        ".views.py.swp",
        ".views.py.swx",
        "views.py~",
        "4913",
        "#views.py#",
        "views.py___jb_tmp___",
        "views.py.orig",
        "sedAb12Cd",
    ):
        (folder / name).write_text(text + "\nx = 1\n", encoding="utf-8")
        append(folder / name, "x = 2\n")
        (folder / name).unlink()
    (folder / ".#views.py").symlink_to("somebody@somewhere.1234")
    (folder / ".#views.py").unlink()


def test_what_requests_write(site: Site) -> None:
    """A page that writes a log, an upload or its database would start the program each time."""
    first = int(site.get("/shown/").text.removeprefix("visit ").removesuffix(";"))
    assert site.news() == []
    for number in range(first + 1, first + 6):
        site.shows(f"visit {number};", "/shown/")
    assert site.path("state.json").read_text(encoding="utf-8") == str(number)
    assert len(list(site.path("media").iterdir())) >= number


def test_files_nobody_loaded(site: Site) -> None:
    """A script, a note or a test beside the code would make the program start again."""
    for name in ("scratch.py", "teas/scratch.py", "teas/notes.md", "tests/test_teas.py"):
        site.write(name, "x = 1\n")
        append(site.path(name), "x = 2\n")
    shutil.rmtree(site.path("tests"))


def test_a_change_that_is_undone_at_once(site: Site) -> None:
    """After a slip of the finger the page would be away although nothing is different."""
    changed_and_undone(site.path(VIEWS))
    site.comes_to_show("version 1")
    # Where the undoing came too late, the change was live before.
    assert len(site.news()) in (0, 2)


def test_a_file_that_is_written_at_every_start(place: Path) -> None:
    """A program that counts its starts, or stores what it computed, would start for ever."""
    (place / "starts.txt").write_text("0", encoding="utf-8")
    view = "import pathlib\nSTARTS = pathlib.Path('starts.txt')\nNUMBER = STARTS.read_text()\n"
    setting = f"{view}STARTS.write_text(str(int(NUMBER) + 1))\n"
    append(place / "config/settings.py", setting)
    add_view(place, f"{view}def text(): return f'started {{NUMBER}} times;'")
    with Site(place) as site:
        site.ready()
        first = site.get("/shown/").text
        assert site.news() == []
        site.shows(first, "/shown/")


def test_a_module_that_is_written_at_every_start(place: Path) -> None:
    """A program that generates code while it starts would start for ever."""
    (place / "generated.py").write_text("NUMBER = 0\n", encoding="utf-8")
    source = (
        "import importlib, pathlib, time\n"
        "pathlib.Path('generated.py').write_text(f'NUMBER = {time.time_ns()}\\n')\n"
        "importlib.invalidate_caches()\n"
        "import generated\n"
        "def text(): return f'generated {generated.NUMBER};'"
    )
    add_view(place, source)
    with Site(place) as site:
        site.ready()
        first = site.get("/shown/").text
        assert site.path("generated.py").read_text(encoding="utf-8")[9:-1] in first
        assert site.news() == []
        # It is code like any other when the program has started.
        site.write("generated.py", "NUMBER = 'by hand'\n")
        site.wait_for("/shown/", lambda answer: answer.status == 200 and answer.text != first)
        assert site.reloads() == ["generated.py"]
