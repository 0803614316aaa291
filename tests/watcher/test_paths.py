"""Links, directories that come and go, paths that do not exist yet, globs."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.options import Options
from watcher.noticing import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.noticing import Noticed


def write(path: Path, text: str = "one\n") -> Path:
    """Write a file, making its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# Links


def test_a_link_counts_where_it_leads(noticed_either_way: Noticed, tmp_path: Path) -> None:
    """Editing a linked settings file in its real place would not reload."""
    real = write(tmp_path.resolve() / "elsewhere" / "settings.py")
    link = noticed_either_way.root / "settings.py"
    link.symlink_to(real)
    noticed_either_way.watch(link)
    real.write_text("two\n")
    assert noticed_either_way.until(link) == {str(link)}


def test_a_link_counts_where_it_stands(noticed_either_way: Noticed) -> None:
    """Pointing a link elsewhere would not reload."""
    root = noticed_either_way.root
    first, second = write(root / "first.py"), write(root / "second.py", "two\n")
    link = root / "settings.py"
    link.symlink_to(first)
    noticed_either_way.watch(link)
    temporary = root / "next"
    temporary.symlink_to(second)
    temporary.replace(link)
    noticed_either_way.until(link)
    second.write_text("three\n")
    noticed_either_way.until(link)


def test_a_switched_data_directory_is_noticed(noticed_either_way: Noticed) -> None:
    """A mounted Kubernetes ConfigMap would be read once and never again."""
    root = noticed_either_way.root / "config"
    write(root / "..2026_01" / "app.yaml")
    (root / "..data").symlink_to("..2026_01")
    target = root / "app.yaml"
    target.symlink_to("..data/app.yaml")
    noticed_either_way.watch(target)
    for number in (2, 3):
        write(root / f"..2026_0{number}" / "app.yaml", f"{number}\n")
        (root / "..data_tmp").symlink_to(f"..2026_0{number}")
        (root / "..data_tmp").replace(root / "..data")
        noticed_either_way.until(target)
        noticed_either_way.everything_until_quiet()


def test_files_below_a_linked_directory_keep_their_spelling(noticed: Noticed) -> None:
    """In an editable install below a link, edits would be reported under unknown names."""
    real = write(noticed.root / "src" / "lib" / "code.py")
    (noticed.root / "linked").symlink_to("src")
    spelled = noticed.root / "linked" / "lib" / "code.py"
    noticed.watch(spelled, real)
    real.write_text("two\n")
    assert noticed.until(spelled, real) == {str(spelled), str(real)}


def test_a_chain_of_links_and_a_circle_are_followed(noticed: Noticed) -> None:
    """A link to a link would hide edits; a circle would hang the server."""
    root = noticed.root
    real = write(root / "deep" / "real.py")
    (root / "b.py").symlink_to("deep/real.py")
    (root / "a.py").symlink_to("b.py")
    (root / "x").symlink_to("y")
    (root / "y").symlink_to("x")
    noticed.watch(root / "a.py", missing=[root / "x" / "module.py"])
    real.write_text("two\n")
    noticed.until(root / "a.py")
    (root / "y").unlink()
    write(root / "y" / "module.py")
    noticed.until(root / "x" / "module.py")


def test_a_hard_link_written_under_its_other_name(noticed: Noticed, tmp_path: Path) -> None:
    """An editor that follows a hard link in another folder would save without effect."""
    module = write(noticed.root / "module.py")
    other = tmp_path / "elsewhere.py"
    os.link(module, other)
    noticed.watch(module)
    other.write_text("two\n")
    noticed.until(module)


def test_a_hard_link_made_later(make_noticed: Callable[..., Noticed], tmp_path: Path) -> None:
    """The same, for a link made while the server runs; or it would be taken for a lost event."""
    noticed = make_noticed(Options(safety_interval=0.05))
    module = write(noticed.root / "module.py")
    noticed.watch(module)
    os.link(module, tmp_path / "elsewhere.py")
    for text in ("two\n", "three, as well\n"):
        (tmp_path / "elsewhere.py").write_text(text)
        noticed.until(module)
    assert noticed.watcher.diagnostics().missed == 0
    assert noticed.warnings == []


# Directories


def test_a_package_renamed_away_and_back(noticed_either_way: Noticed) -> None:
    """After ``git stash`` and ``pop`` of a package its edits would go unseen."""
    root = noticed_either_way.root
    modules = [write(root / "app" / "sub" / f"m{i}.py") for i in range(3)]
    noticed_either_way.watch(*modules)
    (root / "app").rename(root / "away")
    noticed_either_way.until(*modules)
    (root / "away").rename(root / "app")
    noticed_either_way.until(*modules)
    modules[0].write_text("two\n")
    noticed_either_way.until(modules[0])


def test_a_package_replaced_by_another(noticed: Noticed) -> None:
    """``pip install --upgrade`` swaps whole directories; the old code would stay."""
    root = noticed.root
    module = write(root / "app" / "m.py")
    write(root / "new" / "m.py", "two\n")
    noticed.watch(module)
    (root / "app").rename(root / "old")
    (root / "new").rename(root / "app")
    noticed.until(module)
    module.write_text("three\n")
    noticed.until(module)
    (root / "old" / "m.py").write_text("of no interest\n")
    assert noticed.everything_until_quiet() == set()


def test_a_directory_deleted_and_made_again(noticed_either_way: Noticed) -> None:
    """A regenerated package would be watched no more."""
    root = noticed_either_way.root
    module = write(root / "generated" / "deep" / "m.py")
    noticed_either_way.watch(module)
    for number in range(3):
        shutil.rmtree(root / "generated")
        noticed_either_way.until(module)
        write(module, f"{number}\n")
        noticed_either_way.until(module)
        module.write_text(f"{number} again\n")
        noticed_either_way.until(module)
        noticed_either_way.everything_until_quiet()


def test_the_project_itself_moved_away_and_back(noticed: Noticed, tmp_path: Path) -> None:
    """A renamed project directory would be watched no more."""
    module = write(tmp_path.resolve() / "site" / "app" / "m.py")
    noticed.watch(module)
    (tmp_path / "site").rename(tmp_path / "moved")
    noticed.until(module)
    (tmp_path / "moved").rename(tmp_path / "site")
    noticed.until(module)
    module.write_text("two\n")
    noticed.until(module)


# What does not exist yet


@pytest.mark.parametrize("name", ["local_settings.py", "app/admin.py", "a/b/c/d.py"])
def test_a_path_that_comes_into_being(noticed_either_way: Noticed, name: str) -> None:
    """Creating ``local_settings.py`` or an app would need a restart by hand."""
    path = noticed_either_way.root / name
    noticed_either_way.watch(missing=[path])
    write(path)
    noticed_either_way.until(path)
    write(path, "two\n")
    noticed_either_way.until(path)


def test_a_path_that_came_before_it_was_watched(noticed: Noticed) -> None:
    """A file created in the moment between looking and watching would never be seen."""
    path = write(noticed.root / "local_settings.py")
    noticed.watch(missing=[path])
    noticed.until(path)


def test_a_package_directory_that_comes_into_being(noticed: Noticed) -> None:
    """Unpacking an app that was looked for would not reload."""
    package = noticed.root / "app"
    noticed.watch(missing=[package])
    package.mkdir()
    noticed.until(package)


# Globs


def test_globs_report_new_changed_and_deleted_files(noticed_either_way: Noticed) -> None:
    """A new template or a user's ``WATCH`` glob would have no effect."""
    root = noticed_either_way.root
    old = write(root / "templates" / "a" / "old.html")
    write(root / "templates" / "a" / "notes.txt")
    noticed_either_way.watch(globs=[(root / "templates", "**/*.html")])
    old.write_text("two\n")
    noticed_either_way.until(old)
    new = write(root / "templates" / "a" / "new.html")
    noticed_either_way.until(new)
    deep = write(root / "templates" / "b" / "c" / "deep.html")
    noticed_either_way.until(deep)
    deep.write_text("two\n")
    noticed_either_way.until(deep)
    shutil.rmtree(root / "templates" / "b")
    noticed_either_way.until(deep)
    write(root / "templates" / "b" / "c" / "deep.html")
    noticed_either_way.until(deep)


@pytest.mark.parametrize("tick", [False, True], ids=["later", "within a tick of the clock"])
def test_a_new_directory_that_is_filled_between_two_polls(
    make_noticed: Callable[..., Noticed], *, tick: bool
) -> None:
    """The first templates of a new app would be looked for in vain until the next restart."""
    noticed = make_noticed(Options(polling=True, poll_interval=0.3))
    templates = noticed.root / "templates"
    templates.mkdir()
    noticed.watch(globs=[(templates, "**/*.html")])
    directories = noticed.watcher.diagnostics().directories
    new = templates / "new"
    new.mkdir()
    # A little ahead, as the clock of another machine may be.
    made = time.time_ns() + 10**9
    os.utime(new, ns=(made, made))
    wait_until(lambda: noticed.watcher.diagnostics().directories > directories, "a look at it")
    first = write(new / "first.html")
    if tick:
        os.utime(new, ns=(made, made))
    noticed.until(first)


def test_a_glob_whose_directory_comes_later(noticed_either_way: Noticed) -> None:
    """The first template of a project would need a restart."""
    root = noticed_either_way.root
    noticed_either_way.watch(globs=[(root / "locale", "**/*.mo")])
    path = write(root / "locale" / "de" / "LC_MESSAGES" / "django.mo")
    noticed_either_way.until(path)


def test_a_glob_reports_only_what_it_means(noticed: Noticed) -> None:
    """``config/*.toml`` would reload for every other file there."""
    root = noticed.root
    meant = write(root / "config" / "a.toml")
    noticed.watch(globs=[(root, "config/*.toml")])
    for name in ("a.txt", "deeper/b.toml", "a.toml~", ".#a.toml", "a.toml.swp"):
        write(root / "config" / name)
    write(root / "c.toml")
    assert noticed.everything_until_quiet() == set()
    meant.write_text("two\n")
    noticed.until(meant)


def test_own_globs_and_ignored_ones(make_noticed: Callable[..., Noticed]) -> None:
    """The settings ``WATCH`` and ``IGNORE`` would do nothing."""
    noticed = make_noticed(
        Options(watch=("config/*.toml",), ignore=("secret.toml", "generated/**"))
    )
    root = noticed.root
    generated = write(root / "generated" / "code.py")
    noticed.watch(generated)
    write(root / "config" / "secret.toml")
    generated.write_text("two\n")
    assert noticed.everything_until_quiet() == set()
    noticed.until(write(root / "config" / "public.toml"))


def test_a_glob_given_up_is_silent(noticed: Noticed) -> None:
    """Settings changed at a reload would leave old globs behind."""
    root = noticed.root
    page = write(root / "templates" / "page.html")
    noticed.watch(globs=[(root / "templates", "**/*.html")])
    before = noticed.watcher.diagnostics()
    noticed.watch()
    page.write_text("two\n")
    assert noticed.everything_until_quiet() == set()
    assert noticed.watcher.diagnostics().watches < before.watches
    noticed.watch(globs=[(root / "templates", "**/*.html")])
    page.write_text("three\n")
    noticed.until(page)


def test_directories_that_come_and_go_leave_nothing_behind(noticed: Noticed) -> None:
    """A build that makes temporary folders among templates would fill the memory."""
    root = noticed.root
    noticed.watch(globs=[(root / "templates", "**/*.html")])
    write(root / "templates" / "page.html")
    noticed.everything_until_quiet()
    before = len(noticed.watcher._map.nodes), noticed.watcher.diagnostics()
    for number in range(20):
        page = write(root / "templates" / f"build{number}" / "deep" / "page.html")
        noticed.until(page)
        shutil.rmtree(root / "templates" / f"build{number}")
        noticed.until(page)
    noticed.everything_until_quiet()
    assert (len(noticed.watcher._map.nodes), noticed.watcher.diagnostics()) == before


# The list changes


def test_nothing_is_missed_while_the_list_changes(noticed: Noticed) -> None:
    """An edit while a child reports its files would be lost."""
    root = noticed.root
    edited = write(root / "edited.py")
    others = [write(root / f"p{i}" / "m.py") for i in range(30)]
    for number, _ in enumerate(others):
        noticed.watch(edited, *others[:number])
        edited.write_text(f"{number}\n")
        noticed.until(edited)
        noticed.watch(edited, *others[number:])


def test_files_no_longer_wanted_cost_nothing(noticed: Noticed) -> None:
    """Watches would pile up from reload to reload until the system has none left."""
    root = noticed.root
    modules = [write(root / f"p{i}" / "m.py") for i in range(20)]
    noticed.watch()
    before = noticed.watcher.diagnostics()
    noticed.watch(*modules)
    assert noticed.watcher.diagnostics().watches == before.watches + 20
    noticed.watch()
    assert noticed.watcher.diagnostics() == before
    modules[0].write_text("two\n")
    assert noticed.everything_until_quiet() == set()
