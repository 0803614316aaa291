"""Many files at once, and whole directories that come and go."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from harness import at_once
from noticing.site import Site, add_view, append, commit, git, make_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 1000
VIEWS = "teas/views.py"


@pytest.fixture(scope="module")
def shared_place(shared_place: Path) -> Path:
    """Put the shared project into a git repository: a thousand modules, which a branch changes."""
    place = shared_place
    (place / "many").mkdir()
    write_many(place, 0)
    names = "from many import " + ", ".join(f"m{number}" for number in range(MANY))
    total = "sum(m.VALUE for n, m in vars(many).items() if n[0] == 'm' and n[1:].isdigit())"
    (place / "many/__init__.py").write_text("", encoding="utf-8")
    add_view(place, f"import many\n{names}\ndef text(): return 'total %s;' % {total}")
    make_repository(place)
    git(place, "checkout", "--quiet", "-b", "feature")
    write_many(place, 1)
    commit(place, "change everything")
    git(place, "checkout", "--quiet", "main")
    return place


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """Return the server of the main branch, which it comes back to."""
    shared_site.beat()
    yield shared_site
    git(shared_site.root, "checkout", "--quiet", "--force", "main")
    shared_site.comes_to_show("total 0;", "/shown/")
    shared_site.comes_to_show("version 1")


def write_many(project: Path, value: int) -> None:
    """Write all thousand modules."""
    for number in range(MANY):
        (project / f"many/m{number}.py").write_text(f"VALUE = {value}\n", encoding="utf-8")


def test_a_branch_with_a_thousand_changes(site: Site) -> None:
    """A switch of branches would start the program many times, also with half of the files."""
    git(site.root, "checkout", "--quiet", "feature")
    site.shows(f"total {MANY};", "/shown/")
    [names] = site.reloads()
    assert names.endswith(f"and {MANY - 1} more files")


def test_there_and_back_again(site: Site) -> None:
    """A look at another branch would cost a start although nothing is different."""
    git(site.root, "checkout", "--quiet", "feature")
    git(site.root, "checkout", "--quiet", "main")
    site.comes_to_show("total 0;", "/shown/")
    # Where the second switch came too late, the first has led to a start, and so has the second.
    assert len(site.reloads()) in (0, 2)


def test_a_stash(site: Site) -> None:
    """Work that was put aside would go on being served, or not come back."""
    site.edit(VIEWS, 'VERSION = "1"', 'VERSION = "2"')
    site.comes_to_show("version 2")
    git(site.root, "stash")
    site.shows("version 1")
    git(site.root, "stash", "pop")
    site.shows("version 2")
    assert site.reloads() == [VIEWS] * 3


def test_a_rebase(site: Site) -> None:
    """A rebase would start the program for every commit it replays, and end with an old one."""
    git(site.root, "checkout", "--quiet", "-b", "topic")
    for number in range(2, 8):
        append(site.path("teas/steeping.py"), f"STEP = {number}\n")
        commit(site.root, f"step {number}")
    git(site.root, "checkout", "--quiet", "-b", "base", "main")
    site.edit(VIEWS, 'VERSION = "1"', 'VERSION = "2"')
    commit(site.root, "meanwhile")
    site.comes_to_show("version 2")
    site.news()
    git(site.root, "checkout", "--quiet", "topic")
    site.comes_to_show("version 1")
    site.news()
    git(site.root, "rebase", "--quiet", "base")
    site.comes_to_show("version 2")
    assert len(site.reloads()) == 1


def test_a_clean_checkout_of_everything(site: Site) -> None:
    """Throwing local changes away would leave them in the running program."""
    write_many(site.root, 2)
    site.comes_to_show(f"total {2 * MANY};", "/shown/")
    site.news()
    git(site.root, "checkout", "--quiet", "--", "many")
    site.comes_to_show("total 0;", "/shown/")
    assert len(site.reloads()) == 1


def test_a_package_renamed_away_and_back(place: Path) -> None:
    """A package that is gone would go on being served, and its return not be noticed."""
    with Site(place) as site:
        site.ready()
        site.path("teas").rename(place / "coffees")
        broken = site.wait_for("/version/", lambda answer: answer.status == 500)
        assert "No module named" in broken.text
        assert "teas" in broken.text
        (place / "coffees").rename(place / "teas")
        site.comes_to_show("version 1")
        broken_lines = [line for line in site.news() if line.endswith("waiting for a fix")]
        assert len(broken_lines) == 1


def test_a_new_app_in_the_same_second(place: Path) -> None:
    """A new app and the setting that names it, saved together, would need a restart by hand."""
    with Site(place) as site:
        site.ready()
        site.write("extra/__init__.py", "")
        site.write("extra/apps.py", APP)
        site.edit("config/settings.py", '    "teas",', '    "teas",\n    "extra",')
        site.write("extra/views.py", EXTRA_VIEWS)
        append(
            site.path("config/urls.py"),
            "import extra.views\nurlpatterns.append(path('extra/', extra.views.extra))\n",
        )
        site.comes_to_show("extra 1", "/extra/")
        site.edit("extra/views.py", "extra 1", "extra 2")
        site.shows("extra 2", "/extra/")


def test_a_new_app_that_is_named_first(place: Path) -> None:
    """The error of a setting that names an app to be would stay when the app is there."""
    with Site(place) as site:
        site.ready()
        site.edit("config/settings.py", '    "teas",', '    "teas",\n    "extra",')
        site.wait_for("/version/", lambda answer: answer.status == 500)
        shutil.copytree(place / "teas/migrations", place / "staging/migrations")
        site.write("extra/__init__.py", "")
        site.comes_to_show("version 1")


APP = """
from django.apps import AppConfig


class ExtraConfig(AppConfig):
    name = "extra"
"""
EXTRA_VIEWS = """
from django.http import HttpResponse


def extra(request):
    return HttpResponse("extra 1")
"""


def test_a_directory_made_again(place: Path) -> None:
    """After a directory was deleted and restored, edits in it would not be noticed."""
    (place / "parts").mkdir()
    (place / "parts/__init__.py").touch()
    (place / "parts/one.py").write_text("ONE = 1\n", encoding="utf-8")
    add_view(place, "from parts import one\ndef text(): return f'one {one.ONE};'")
    with Site(place) as site:
        site.ready()
        shutil.rmtree(place / "parts")
        site.wait_for("/shown/", lambda answer: answer.status == 500)
        site.write("parts/one.py", "ONE = 2\n")
        site.write("parts/__init__.py", "")
        site.comes_to_show("one 2;", "/shown/")
        site.write("parts/one.py", "ONE = 3\n")
        site.shows("one 3;", "/shown/")


def test_a_directory_replaced(place: Path) -> None:
    """A generator that builds beside and swaps the directories would be run in vain."""
    for name, value in (("parts", 1), ("draft", 2)):
        (place / name).mkdir()
        (place / name / "__init__.py").write_text(f"ONE = {value}\n", encoding="utf-8")
    add_view(place, "import parts\ndef text(): return f'one {parts.ONE};'")
    with Site(place) as site:
        site.ready()

        def swap() -> None:
            # Two calls, as a tool does it.
            (place / "parts").rename(place / "old")
            (place / "draft").rename(place / "parts")

        if at_once(swap):
            site.comes_to_show("one 2;", "/shown/")
            assert site.reloads() == ["parts/__init__.py"]
        site.comes_to_show("one 2;", "/shown/")
        site.beat()
        site.write("old/__init__.py", "ONE = 9\n")
        site.write("parts/__init__.py", "ONE = 3\n")
        site.shows("one 3;", "/shown/")
        assert site.reloads() == ["parts/__init__.py"]
