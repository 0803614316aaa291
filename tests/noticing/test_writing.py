"""However a file is written, the next answer has what is in it, after one reload."""

# The tools are found on the path, like everywhere in a shell.

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness import at_once, wait_until, write_file
from noticing.site import Site, add_view

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VIEWS = "teas/views.py"
VERSION = re.compile(r'^VERSION = "(\d+)"', re.MULTILINE)


def version(text: str) -> int:
    """Return the number in the text of the views."""
    found = VERSION.search(text)
    assert found
    return int(found[1])


def changed(path: Path) -> str:
    """Return the text of the views with the edit that is to be saved: the next number."""
    text = path.read_text(encoding="utf-8")
    return VERSION.sub(f'VERSION = "{version(text) + 1}"', text)


def in_place(path: Path) -> None:
    """Write as most editors do with small files."""
    path.write_text(changed(path), encoding="utf-8")


def truncated_first(path: Path) -> None:
    """Write as editors that empty a file and open it once more."""
    text = changed(path)
    path.write_text("", encoding="utf-8")
    path.write_text(text, encoding="utf-8")


def piece_by_piece(path: Path) -> None:
    """Write as a program with a small buffer, so that half a file is there for a while."""
    text = changed(path)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, len(text), 400):
            file.write(text[start : start + 400])
            file.flush()


def renamed_over(path: Path) -> None:
    """Write as vim, JetBrains and most tools that care for half files."""
    write_file(path, changed(path), atomic=True)


def moved_away_first(path: Path) -> None:
    """Write as vim with a backup: the old file gets another name first."""
    text = changed(path)
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    path.write_text(text, encoding="utf-8")
    backup.unlink()


def deleted_first(path: Path) -> None:
    """Write as tools that do not replace files."""
    text = changed(path)
    path.unlink()
    path.write_text(text, encoding="utf-8")


def stream_edited(path: Path) -> None:
    """Write as a script does."""
    number = version(path.read_text(encoding="utf-8"))
    script = f's/^VERSION = "{number}"/VERSION = "{number + 1}"/'
    subprocess.run(["sed", "-i", script, path], check=True)


def copied_with_its_time(path: Path) -> None:
    """Write as somebody who takes an older file back, its time included."""
    older = path.with_name("older.txt")
    older.write_text(changed(path), encoding="utf-8")
    os.utime(older, (1e9, 1e9))
    subprocess.run(["cp", "-p", older, path], check=True)


def shown(site: Site) -> str:
    """Return what the views show when they are up to date."""
    return f"version {version(site.path(VIEWS).read_text(encoding='utf-8'))}"


WAYS = [
    in_place,
    truncated_first,
    piece_by_piece,
    renamed_over,
    moved_away_first,
    deleted_first,
    stream_edited,
    copied_with_its_time,
]


#: Those after whose first step the file is complete for all that anybody can tell.
IN_STEPS = (truncated_first, moved_away_first, deleted_first)


@pytest.mark.parametrize("write", WAYS, ids=lambda write: write.__name__)
def test_ways_to_write(site: Site, write: Callable[[Path], None]) -> None:
    """With that editor, the browser would show old code, an error page or two reloads."""
    for _ in range(20):
        is_one = at_once(lambda: write(site.path(VIEWS))) or write not in IN_STEPS
        site.comes_to_show(shown(site))
        if is_one:
            assert site.reloads() == [VIEWS]
            return
        site.beat()
    pytest.skip("this machine does not do two steps at once")


@pytest.mark.parametrize(
    "write", [in_place, renamed_over, stream_edited], ids=lambda write: write.__name__
)
def test_the_first_answer_after_a_save(site: Site, write: Callable[[Path], None]) -> None:
    """Somebody quick at the keyboard would see the old code and doubt the edit."""
    write(site.path(VIEWS))
    site.shows(shown(site))


def test_another_name_of_the_same_file(place: Path, tmp_path: Path) -> None:
    """A file shared between checkouts by hard links would be edited in vain."""
    other = tmp_path / "other-name.py"
    os.link(place / VIEWS, other)
    with Site(place) as site:
        site.ready()
        in_place(other)
        site.comes_to_show("version 2")
        assert site.reloads() == [VIEWS]


def test_the_target_of_a_link(place: Path, tmp_path: Path) -> None:
    """A module that lies elsewhere and is linked into the project would be edited in vain."""
    (place / VIEWS).rename(tmp_path / "views.py")
    (place / VIEWS).symlink_to(tmp_path / "views.py")
    with Site(place) as site:
        site.ready()
        in_place(tmp_path / "views.py")
        site.shows("version 2")
        assert site.reloads() == [VIEWS]


def test_a_switched_link(place: Path) -> None:
    """A module that is chosen by a link would stay what it was."""
    for number in (1, 2):
        (place / f"flavour_{number}.txt").write_text(f"FLAVOUR = {number}\n", encoding="utf-8")
    (place / "flavour.py").symlink_to("flavour_1.txt")
    add_view(place, "import flavour\ndef text(): return f'flavour {flavour.FLAVOUR}'")
    with Site(place) as site:
        site.ready()
        draft = place / "flavour.tmp"
        draft.symlink_to("flavour_2.txt")
        draft.replace(place / "flavour.py")
        site.comes_to_show("flavour 2", "/shown/")
        assert site.reloads() == ["flavour.py"]


def test_a_mounted_configuration(place: Path) -> None:
    """In a cluster, a changed ConfigMap (a switched ``..data``) would not be taken over."""
    folder = place / "mounted"
    for number in (1, 2):
        write_file(folder / f"..2026_{number}/limits.json", f'{{"limit": {number}}}')
    (folder / "..data").symlink_to("..2026_1")
    (folder / "limits.json").symlink_to("..data/limits.json")
    source = "import json\nLIMIT = json.load(open('mounted/limits.json'))['limit']\n"
    add_view(place, f"{source}def text(): return f'limit {{LIMIT}}'")
    with Site(place) as site:
        site.ready()
        draft = folder / "..data_tmp"
        draft.symlink_to("..2026_2")
        draft.replace(folder / "..data")
        shutil.rmtree(folder / "..2026_1")
        site.comes_to_show("limit 2", "/shown/")
        assert site.reloads() == ["mounted/limits.json"]


def test_fifty_edits_in_a_second(site: Site) -> None:
    """While somebody holds the save key down, an old version could win, or be shown."""
    path = site.path("teas/steeping.py")
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\nEDIT = 0\n", encoding="utf-8")
    add_view(site.root, "from teas import steeping\ndef text(): return f'edit {steeping.EDIT};'")
    site.comes_to_show("edit 0;", "/shown/")
    seen = []
    for number in range(1, 51):
        write_file(path, f"{text}\nEDIT = {number}\n", atomic=bool(number % 2))
        if number % 10 == 0:
            answer = site.get("/shown/")
            seen.append(answer.text)
    assert seen == [f"edit {number};" for number in (10, 20, 30, 40, 50)]
    site.shows("edit 50;", "/shown/")


def test_an_edit_while_the_program_is_starting(place: Path) -> None:
    """An edit in the seconds of a long start would be lost until the next one."""
    add_view(
        place,
        "import pathlib, time, flavour\n"
        "pathlib.Path('loaded.log').touch()\n"
        "while pathlib.Path('closed').exists(): time.sleep(0.01)\n"
        "def text(): return f'flavour {flavour.FLAVOUR}'",
    )
    (place / "closed").touch()
    (place / "flavour.py").write_text("FLAVOUR = 1\n", encoding="utf-8")
    with Site(place) as site:
        wait_until((place / "loaded.log").exists, "the first import")
        (place / "flavour.py").write_text("FLAVOUR = 2\n", encoding="utf-8")
        (place / "closed").unlink()
        assert site.wait_for("/shown/").text == "flavour 2"
