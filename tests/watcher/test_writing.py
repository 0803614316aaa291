# The tools are found on the path, like everywhere in a shell.
"""Every way in which an editor or a tool writes a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from harness import at_once
from watcher.noticing import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.noticing import Noticed


def in_place(path: Path) -> None:
    """Write as most programs do."""
    path.write_text("two\n")


def append(path: Path) -> None:
    """Add to the end."""
    with path.open("a") as file:
        file.write("more\n")


def truncate_then_write(path: Path) -> None:
    """Empty the file, and fill it in a second step."""
    path.write_text("")
    path.write_text("two\n")


def rename_over(path: Path) -> None:
    """Write beside it and rename, as Vim and PyCharm do."""
    other = path.with_name(".views.py.tmp")
    other.write_text("two\n")
    other.replace(path)


def rename_over_from_elsewhere(path: Path) -> None:
    """Rename from a folder nobody watches."""
    other = path.parent.parent / "elsewhere"
    other.write_text("two\n")
    other.replace(path)


def delete_and_create(path: Path) -> None:
    """Remove the file first."""
    path.unlink()
    path.write_text("two\n")


def backup_then_create(path: Path) -> None:
    """Move the old one aside, as Emacs does."""
    path.rename(path.with_name("views.py~"))
    path.write_text("two\n")


def link_over(path: Path) -> None:
    """Put another file's further name in its place."""
    other = path.with_name("other")
    other.write_text("two\n")
    path.unlink()
    os.link(other, path)


def sed(path: Path) -> None:
    """Edit as ``sed -i`` does."""
    subprocess.run(["sed", "-i", "s/one/two/", str(path)], check=True)


def copy_back_older(path: Path) -> None:
    """Copy with times, as ``cp -p`` does, so that time goes backwards."""
    other = path.parent.parent / "older"
    other.write_text("two\n")
    os.utime(other, (1_000_000_000, 1_000_000_000))
    shutil.copy2(other, path)


def map_into_memory(path: Path) -> None:
    """Write through memory."""
    import mmap

    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[:3] = b"two"


def delete(path: Path) -> None:
    """Remove the file for good."""
    path.unlink()


WAYS = [
    in_place, append, truncate_then_write, rename_over, rename_over_from_elsewhere,
    delete_and_create, backup_then_create, link_over, sed, copy_back_older, delete,
]  # fmt: skip


@pytest.mark.parametrize("write", WAYS)
def test_every_way_of_writing_is_noticed(
    on_every_backend: Noticed, write: Callable[[Path], None]
) -> None:
    """Some editor's saves would never reload."""
    package = on_every_backend.root / "app"
    package.mkdir()
    views = package / "views.py"
    views.write_text("one\n")
    on_every_backend.watch(views)
    for path in (on_every_backend.root / "app").iterdir():
        assert path == views

    write(views)

    on_every_backend.until(views)


def test_a_mapped_file_is_noticed_when_it_is_closed(noticed: Noticed) -> None:
    """Edits by a program that maps files into memory would never reload."""
    views = noticed.root / "views.py"
    views.write_text("one\n")
    noticed.watch(views)
    map_into_memory(views)
    noticed.until(views)


def test_an_edit_goes_on_being_noticed(on_every_backend: Noticed) -> None:
    """The second save of a file, after an editor replaced it, would be missed."""
    views = on_every_backend.root / "views.py"
    views.write_text("one\n")
    on_every_backend.watch(views)
    for _ in range(3):
        for write in (rename_over, delete_and_create, in_place):
            write(views)
            on_every_backend.until(views)
            # Polling sees only what stays until it looks: the next state needs another time.
            on_every_backend.everything_until_quiet()


def test_fifty_edits_in_a_second_end_in_a_report_of_the_last(noticed: Noticed) -> None:
    """A burst of saves would leave the code of one before the last running."""
    views = noticed.root / "views.py"
    views.write_text("0\n")
    noticed.watch(views)
    for number in range(50):
        views.write_text(f"{number}\n")
        time.sleep(0.001)
    noticed.everything_until_quiet()
    noticed.reports()
    views.write_text("last\n")
    noticed.until(views)


def test_a_write_is_not_reported_before_it_is_finished(noticed: Noticed) -> None:
    """A large file on its way to disk would be loaded half."""
    views = noticed.root / "views.py"
    views.write_text("one\n")
    noticed.watch(views)
    with views.open("w") as file:
        file.write("half")
        file.flush()
        assert noticed.everything_until_quiet() == set()
        file.write(" and half\n")
    noticed.until(views)


def test_a_replaced_file_is_not_reported_as_gone(noticed: Noticed) -> None:
    """Every save of such an editor would first show an error page: file not found."""
    views = noticed.root / "views.py"
    views.write_text("one\n")
    noticed.watch(views)
    for number in range(20):
        is_one = at_once(lambda: delete_and_create(views))
        noticed.until(views)
        more = noticed.everything_until_quiet()
        if is_one:
            assert more == set(), number
            return
    pytest.skip("this machine does not do two steps at once")


def test_a_nameless_file_linked_into_place_is_noticed(noticed: Noticed) -> None:
    """Programs that write with O_TMPFILE and link would never reload."""
    views = noticed.root / "views.py"
    noticed.watch(missing=[views])
    try:
        number = os.open(noticed.root, os.O_TMPFILE | os.O_WRONLY, 0o644)
    except (AttributeError, OSError) as error:
        pytest.skip(f"no nameless files here: {error}")
    try:
        os.write(number, b"one\n")
        # Only with a directory descriptor does Python ask the kernel to follow the link.
        folder = os.open(noticed.root, os.O_RDONLY)
        os.link(f"/proc/self/fd/{number}", views, src_dir_fd=folder, follow_symlinks=True)
        os.close(folder)
        noticed.until(views)
    finally:
        os.close(number)


def test_a_file_made_readable_is_noticed(noticed: Noticed) -> None:
    """After chmod had cured a permission error, the command would have to be restarted."""
    views = noticed.root / "views.py"
    views.write_text("one\n")
    views.chmod(0)
    noticed.watch(views)
    views.chmod(0o644)
    noticed.until(views)


def test_a_checkout_of_a_thousand_files_is_seen_whole(noticed: Noticed) -> None:
    """After a branch switch some modules would run as they were before."""
    repository = noticed.root / "repository"
    modules = [repository / f"app{i % 20}" / f"m{i}.py" for i in range(1000)]
    for module in modules:
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text("one\n")
    _git(repository, "init", "-q", "-b", "one")
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "one")
    _git(repository, "checkout", "-q", "-b", "two")
    for module in modules:
        module.write_text("two\n")
    _git(repository, "commit", "-qam", "two")
    noticed.watch(*modules)

    _git(repository, "checkout", "-q", "one")
    noticed.until(*modules)
    _git(repository, "checkout", "-q", "two")
    noticed.until(*modules)
    wait_until(lambda: not noticed.watcher._debouncer.held(), "the end of every hold")
    assert not (repository / ".git" / "index.lock").exists()


def _git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "gc.auto=0"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True)
