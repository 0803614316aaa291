# The tools are found on the path, like everywhere in a shell.
"""What must not be noticed, and what must not cost anything."""

from __future__ import annotations

import compileall
import os
import sqlite3
import subprocess
import tracemalloc
from typing import TYPE_CHECKING

from watcher.test_paths import write

if TYPE_CHECKING:
    from watcher.noticing import Noticed


def test_by_products_of_work_are_not_noticed(noticed: Noticed) -> None:
    """Bytecode, swap files, backups and git's own files would reload."""
    root = noticed.root
    module = write(root / "app" / "views.py")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    noticed.watch(module, globs=[(root, "**/*")])
    noticed.everything_until_quiet()

    compileall.compile_dir(str(root / "app"), quiet=2)
    for name in (".views.py.swp", "views.py~", "4913", "#views.py#", "views.py___jb_tmp___"):
        write(root / "app" / name).unlink()
    (root / "app" / ".#views.py").symlink_to("user@host.1")
    write(root / "node_modules" / "left-pad" / "index.js")
    write(root / ".venv" / "lib" / "x.py")
    subprocess.run(["git", "add", "app/views.py"], cwd=root, check=True)
    assert noticed.everything_until_quiet() == set()


def test_files_in_the_same_folder_nobody_loaded_are_not_noticed(noticed: Noticed) -> None:
    """Logs, uploads and tests beside the code would reload."""
    root = noticed.root
    module = write(root / "app" / "views.py")
    noticed.watch(module)
    for name in ("debug.log", "notes.txt", "tests.py", "views.pyc", "__pycache__/views.pyc"):
        write(root / "app" / name)
    assert noticed.everything_until_quiet() == set()


def test_what_the_project_writes_itself_is_not_noticed(noticed: Noticed) -> None:
    """A database read while starting would reload at every request that writes."""
    root = noticed.root
    database = root / "db.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("create table t (x)")
    connection.close()
    counter = write(root / "counter.txt")
    upload = root / "config" / "upload.toml"
    noticed.watch(
        database, counter, globs=[(root / "config", "*")], written=[database, counter, upload]
    )
    with sqlite3.connect(database) as connection:
        connection.execute("insert into t values (1)")
    connection.close()
    counter.write_text("2\n")
    write(upload)
    assert noticed.everything_until_quiet() == set()


def test_reading_is_not_noticed(noticed: Noticed) -> None:
    """Every import would wake the watcher."""
    root = noticed.root
    modules = [write(root / f"m{i}.py") for i in range(50)]
    noticed.watch(*modules)
    for module in modules:
        assert module.read_text() == "one\n"
    assert list(root.rglob("*"))
    assert noticed.everything_until_quiet() == set()


def test_large_trees_that_are_no_code_cost_nothing(noticed: Noticed) -> None:
    """``node_modules`` would use up the system's watches and slow the start."""
    root = noticed.root
    module = write(root / "app" / "views.py")
    noticed.watch(module, globs=[(root, "**/*.toml")])
    before = noticed.watcher.diagnostics()
    noticed.watch()

    for tree in ("node_modules", ".venv/lib", ".git/objects"):
        for number in range(1000):
            (root / tree / f"d{number}").mkdir(parents=True)
    for number in range(100_000 // 50):
        directory = root / "node_modules" / f"d{number % 1000}"
        for part in range(50):
            os.mknod(directory / f"{number}-{part}.js")
    noticed.everything_until_quiet()
    tracemalloc.start()
    noticed.watch(module, globs=[(root, "**/*.toml")])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert noticed.watcher.diagnostics() == before
    assert peak < 1_000_000
    module.write_text("two\n")
    noticed.until(module)
    noticed.until(write(root / "pyproject.toml"))


def test_one_thread_however_many_folders(noticed: Noticed) -> None:
    """A project with 600 folders would start 600 threads."""
    modules = [write(noticed.root / f"p{i}" / "m.py") for i in range(600)]
    noticed.watch(*modules)
    used = noticed.watcher.diagnostics()
    assert used.threads == 1
    assert used.descriptors == 3
    assert used.files == 601
    assert 600 <= used.watches < 620
    modules[599].write_text("two\n")
    noticed.until(modules[599])
