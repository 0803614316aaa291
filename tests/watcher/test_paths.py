"""Links, directories that come and go, paths that do not exist yet, globs."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol.options import Options

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


def test_a_link_counts_where_it_leads(on_every_engine: Noticed, tmp_path: Path) -> None:
    """Editing a linked settings file in its real place would not reload."""
    real = write(tmp_path.resolve() / "elsewhere" / "settings.py")
    link = on_every_engine.root / "settings.py"
    link.symlink_to(real)
    on_every_engine.watch(link)
    real.write_text("two\n")
    if "Observed" not in type(on_every_engine.watcher._engine).__name__:
        assert on_every_engine.until(link) == {str(link)}
    else:
        on_every_engine.until(link)


def test_a_link_counts_where_it_stands(on_every_engine: Noticed) -> None:
    """Pointing a link elsewhere would not reload."""
    root = on_every_engine.root
    first, second = write(root / "first.py"), write(root / "second.py", "two\n")
    link = root / "settings.py"
    link.symlink_to(first)
    on_every_engine.watch(link)
    temporary = root / "next"
    temporary.symlink_to(second)
    temporary.replace(link)
    on_every_engine.until(link)
    second.write_text("three\n")
    on_every_engine.until(link)


def test_a_switched_data_directory_is_noticed(on_every_engine: Noticed) -> None:
    """A mounted Kubernetes ConfigMap would be read once and never again."""
    root = on_every_engine.root / "config"
    write(root / "..2026_01" / "app.yaml")
    (root / "..data").symlink_to("..2026_01")
    target = root / "app.yaml"
    target.symlink_to("..data/app.yaml")
    on_every_engine.watch(target)
    for number in (2, 3):
        write(root / f"..2026_0{number}" / "app.yaml", f"{number}\n")
        (root / "..data_tmp").symlink_to(f"..2026_0{number}")
        (root / "..data_tmp").replace(root / "..data")
        on_every_engine.until(target)
        on_every_engine.everything_until_quiet()


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


def test_a_package_renamed_away_and_back(on_every_engine: Noticed) -> None:
    """After ``git stash`` and ``pop`` of a package its edits would go unseen."""
    root = on_every_engine.root
    modules = [write(root / "app" / "sub" / f"m{i}.py") for i in range(3)]
    on_every_engine.watch(*modules)
    (root / "app").rename(root / "away")
    on_every_engine.until(*modules)
    (root / "away").rename(root / "app")
    on_every_engine.until(*modules)
    modules[0].write_text("two\n")
    on_every_engine.until(modules[0])


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


def test_a_directory_deleted_and_made_again(on_every_engine: Noticed) -> None:
    """A regenerated package would be watched no more."""
    root = on_every_engine.root
    module = write(root / "generated" / "deep" / "m.py")
    on_every_engine.watch(module)
    for number in range(3):
        shutil.rmtree(root / "generated")
        on_every_engine.until(module)
        write(module, f"{number}\n")
        on_every_engine.until(module)
        module.write_text(f"{number} again\n")
        on_every_engine.until(module)
        on_every_engine.everything_until_quiet()


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
def test_a_path_that_comes_into_being(on_every_engine: Noticed, name: str) -> None:
    """Creating ``local_settings.py`` or an app would need a restart by hand."""
    path = on_every_engine.root / name
    on_every_engine.watch(missing=[path])
    write(path)
    on_every_engine.until(path)
    write(path, "two\n")
    on_every_engine.until(path)


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


def test_globs_report_new_changed_and_deleted_files(on_every_engine: Noticed) -> None:
    """A new template or a user's ``WATCH`` glob would have no effect."""
    root = on_every_engine.root
    old = write(root / "templates" / "a" / "old.html")
    write(root / "templates" / "a" / "notes.txt")
    on_every_engine.watch(globs=[(root / "templates", "**/*.html")])
    old.write_text("two\n")
    on_every_engine.until(old)
    new = write(root / "templates" / "a" / "new.html")
    on_every_engine.until(new)
    deep = write(root / "templates" / "b" / "c" / "deep.html")
    on_every_engine.until(deep)
    deep.write_text("two\n")
    on_every_engine.until(deep)
    shutil.rmtree(root / "templates" / "b")
    on_every_engine.until(deep)
    write(root / "templates" / "b" / "c" / "deep.html")
    on_every_engine.until(deep)


def test_a_glob_whose_directory_comes_later(on_every_engine: Noticed) -> None:
    """The first template of a project would need a restart."""
    root = on_every_engine.root
    on_every_engine.watch(globs=[(root / "locale", "**/*.mo")])
    path = write(root / "locale" / "de" / "LC_MESSAGES" / "django.mo")
    on_every_engine.until(path)


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
