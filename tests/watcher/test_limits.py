# The tools are found on the path, like everywhere in a shell.
"""When the system has no events to give: the scan takes over, and says so once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import django_autoreload_plus
from django_autoreload_plus.options import Options
from django_autoreload_plus.watcher import Targets, Watcher
from django_autoreload_plus.watcher import watcher as watcher_module
from django_autoreload_plus.watcher.backends import make_backend
from django_autoreload_plus.watcher.mounts import Mounts
from watcher.noticing import DEADLINE, Noticed, as_ordinary_user, wait_until
from watcher.test_paths import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_autoreload_plus.watcher.backends.interface import Event

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")

#: Watches 30 folders below the working directory, edits a file in each, and
#: says what came of it. The last edits are made after the limit was reached.
SCRIPT = """
import json, queue, sys
from pathlib import Path
from django_autoreload_plus.options import Options
from django_autoreload_plus.watcher import Targets, Watcher

root = Path.cwd()
reports, warnings = queue.SimpleQueue(), []
options = Options(poll_interval=0.05, safety_interval=3600.0)
watcher = Watcher(reports.put, options, warn=warnings.append, roots=[str(root)])
watcher.start()
files = sorted(map(str, root.glob("p*/m.py")))
half = len(files) // 2
watcher.watch(Targets(files=frozenset(files[:half])))
early = len(warnings)
watcher.watch(Targets(files=frozenset(files)))
for file in files:
    Path(file).write_text("two\\n")
seen = set()
while seen < set(files):
    seen |= reports.get(timeout=30)
used = watcher.diagnostics()
print(json.dumps({
    "early": early, "warnings": warnings, "backend": used.backend, "watches": used.watches,
    "polled": len(used.polled), "reason": used.reason.code,
}))
watcher.stop()
"""


def run_limited(root: Path, setup: str) -> dict[str, Any]:
    """Run the script as another user of the kernel, limited by the shell command ``setup``."""
    for number in range(30):
        write(root / f"p{number:02}" / "m.py")
    package = Path(django_autoreload_plus.__file__).parent.parent
    command = f'{setup} && exec "$0" -c "$1"'
    if not _can_limit():
        pytest.skip("this kernel lets no user namespace lower its own limits")
    result = subprocess.run(  # noqa: PLW1510 - what it printed says more
        ["unshare", "-Ur", "sh", "-c", command, sys.executable, SCRIPT],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def _can_limit() -> bool:
    if shutil.which("unshare") is None:
        return False
    test = ["unshare", "-Ur", "sh", "-c", "echo 9 > /proc/sys/user/max_inotify_watches"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


@linux
def test_watches_used_up_at_the_start(root: Path) -> None:
    """On a system with many editors open, some edits would silently not reload."""
    answer = run_limited(root, "echo 5 > /proc/sys/user/max_inotify_watches")
    assert (answer["backend"], answer["reason"]) == ("inotify", "AP301")
    assert answer["watches"] <= 5
    assert answer["polled"] >= 25
    [warning] = answer["warnings"]
    assert "max_user_watches" in warning
    assert "sudo sysctl" in warning


@linux
def test_watches_used_up_later(root: Path) -> None:
    """The same, when only a later import reaches the limit."""
    answer = run_limited(root, "echo 25 > /proc/sys/user/max_inotify_watches")
    assert answer["early"] == 0
    assert len(answer["warnings"]) == 1
    assert 0 < answer["polled"] <= 15


@linux
def test_instances_used_up(root: Path) -> None:
    """With too many programs watching files, the command would not start."""
    answer = run_limited(root, "echo 0 > /proc/sys/user/max_inotify_instances")
    assert (answer["backend"], answer["reason"]) == ("polling", "AP304")
    [warning] = answer["warnings"]
    assert "max_user_instances" in warning
    assert "sudo sysctl" in warning


@linux
def test_an_overflowed_queue_loses_nothing(make_noticed: Callable[..., Noticed]) -> None:
    """After a storm of events (a build, a checkout) an edit would be lost for good."""
    noticed = make_noticed(Options(safety_interval=3600.0))
    root = noticed.root
    flood = [write(root / "flood" / name) for name in ("a.py", "b.py")]
    edited = [write(root / f"p{i}" / "m.py") for i in range(3)]
    noticed.watch(*flood, *edited, missing=[root / "new" / "n.py"], globs=[(root / "t", "**/*")])
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("the queue is too long to fill it")

    with noticed.watcher._lock:  # The reader stands still, as on a machine without a free core.
        for number in range(limit):
            # Equal events in a row would be merged.
            os.close(os.open(flood[number % 2], os.O_WRONLY))
        for path in edited:
            path.write_text("two\n")
        shutil.rmtree(root / "p2")
        write(root / "new" / "n.py")
        write(root / "t" / "u" / "page.html")
    noticed.until(*edited, root / "new" / "n.py", root / "t" / "u" / "page.html")
    edited[0].write_text("three\n")
    noticed.until(edited[0])
    write(edited[2], "back\n")
    noticed.until(edited[2])


@linux
def test_a_directory_that_may_not_be_read_is_scanned(root: Path) -> None:
    """Edits in a folder with tight permissions would not reload."""
    package = Path(django_autoreload_plus.__file__).parent.parent
    paths = "(root / f'p{i}' / 'm.py' for i in range(3))"
    script = SCRIPT.replace('root.glob("p*/m.py")', paths)
    for number in range(3):
        write(root / f"p{number}" / "m.py")
    (root / "p1").chmod(0o311)
    try:
        result = subprocess.run(  # noqa: PLW1510 - what it printed says more
            [*as_ordinary_user(), sys.executable, "-c", script],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        (root / "p1").chmod(0o755)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["polled"] == 1
    [warning] = answer["warnings"]
    assert "No permission" in warning
    assert "chmod" in warning


# Events that never come


class _Deaf:
    """Makes a backend lose its events, as on a disk that another machine writes to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make = make_backend

        def deaf(**options: Any) -> Any:
            backend = make(**options)
            wait = backend.wait

            def hear_nothing(timeout: float | None) -> list[Event]:
                wait(timeout)
                return []

            monkeypatch.setattr(backend, "wait", hear_nothing)
            return backend

        monkeypatch.setattr(watcher_module, "make_backend", deaf)


def test_the_safety_net_finds_what_events_missed(
    make_noticed: Callable[..., Noticed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container or on a share of unknown kind, nothing would ever reload."""
    _Deaf(monkeypatch)
    noticed = make_noticed(Options(safety_interval=0.05, poll_interval=0.05))
    root = noticed.root
    first, second = write(root / "a" / "m.py"), write(root / "b" / "m.py")
    noticed.watch(first, second, missing=[root / "new.py"])
    first.write_text("changed\n")
    noticed.until(first)
    used = noticed.watcher.diagnostics()
    assert used.missed == 1
    assert [tree.path for tree in used.polled] == [str(root)]
    second.write_text("changed\n")
    write(root / "new.py")
    noticed.until(second, root / "new.py")
    assert noticed.watcher.diagnostics().missed == 1
    [warning] = noticed.warnings
    assert "POLLING" in warning


@linux
def test_a_writer_that_keeps_its_file_open_is_no_lost_event(
    make_noticed: Callable[..., Noticed],
) -> None:
    """A program that writes slowly would have the user warned of a broken file system."""
    noticed = make_noticed(Options(safety_interval=0.05))
    module = write(noticed.root / "m.py")
    noticed.watch(module)
    with module.open("a") as file:
        file.write("more\n")
        file.flush()
        noticed.until(module)
        assert noticed.watcher.diagnostics().missed == 0
    assert noticed.warnings == []


def test_a_file_system_known_to_be_silent_is_scanned_from_the_start(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a network mount or a shared folder of a VM the first edit would take seconds."""
    _Deaf(monkeypatch)
    table = tmp_path / "mountinfo"
    table.write_text(
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"80 21 0:50 / {root} rw,relatime shared:9 - 9p host rw,trans=virtio\n"
    )
    monkeypatch.setattr(watcher_module, "Mounts", lambda: Mounts(str(table)))
    noticed = Noticed(root, Options(poll_interval=0.05, safety_interval=3600.0))
    try:
        modules = [write(root / f"p{i}" / "m.py") for i in range(3)]
        noticed.watch(*modules, globs=[(root / "t", "**/*.html")])
        for module in modules:
            module.write_text("changed\n")
        page = write(root / "t" / "deep" / "page.html")
        noticed.until(*modules, page)
        [warning] = noticed.warnings
        assert "9p" in warning
        [tree] = noticed.watcher.diagnostics().polled
        assert tree.path == str(root)
    finally:
        noticed.watcher.stop()


@linux
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting needs root")
def test_a_layer_changed_from_below_is_noticed(
    make_noticed: Callable[..., Noticed], overlay: tuple[Path, Path]
) -> None:
    """Edits made outside of a container, in a layer of its file system, would not reload."""
    merged, upper = overlay
    noticed = make_noticed(Options(safety_interval=0.05, poll_interval=0.05), merged)
    module = merged / "m.py"
    noticed.watch(module)
    (upper / "m.py").write_text("from below\n")
    noticed.until(module)
    assert noticed.watcher.diagnostics().missed == 1


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Mount a file system of layers; return it and its writable layer."""
    lower, upper, work, merged = (tmp_path / n for n in ("lower", "upper", "work", "merged"))
    for directory in (lower, upper, work, merged):
        directory.mkdir()
    (upper / "m.py").write_text("one\n")
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    command = ["mount", "-t", "overlay", "overlay", "-o", layers, str(merged)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this kernel mounts no overlay here")
    yield merged.resolve(), upper
    subprocess.run(["umount", "--lazy", str(merged)], check=True)


def test_mount_tables_are_read_as_the_kernel_writes_them(tmp_path: Path) -> None:
    """A mount point with a space in its name, or one inside another, would be misjudged."""
    table = tmp_path / "mountinfo"
    table.write_text(
        "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "22 21 0:40 / /mnt rw - nfs4 server:/x rw\n"
        "23 22 0:41 / /mnt/my\\040disk rw - tmpfs tmpfs rw\n"
        "24 21 0:42 / /home/u rw - fuse.sshfs host: rw\n"
        "25 21 0:43 / /over rw - nfs server:/y rw\n"
        "26 21 0:44 / /over rw - ext4 /dev/sdb rw\n"
    )
    mounts = Mounts(str(table))
    assert mounts.silent("/srv") is None
    assert mounts.silent("/mnt/project") == ("/mnt", "nfs4")
    assert mounts.silent("/mnt/my disk/project") is None
    assert mounts.silent("/mntx") is None
    assert mounts.silent("/home/u") == ("/home/u", "fuse.sshfs")
    assert mounts.silent("/over/a") is None
    assert Mounts(str(tmp_path / "none")).silent("/") is None


def test_polling_can_be_forbidden(
    make_noticed: Callable[..., Noticed],
) -> None:
    """``POLLING: False`` would still scan."""
    noticed = make_noticed(Options(polling=False, safety_interval=0.01, poll_interval=0.01))
    module = write(noticed.root / "m.py")
    noticed.watch(module)
    assert noticed.watcher._patience() is None
    module.write_text("two\n")
    noticed.until(module)
    assert noticed.watcher.diagnostics().polled == ()


def test_notifications_come_from_one_thread_and_stop_with_it(root: Path) -> None:
    """A reloader that was stopped would go on calling back."""
    names: list[str] = []
    done = threading.Event()

    def notify(_paths: frozenset[str]) -> None:
        names.append(threading.current_thread().name)
        done.set()

    watcher = Watcher(notify, Options(), warn=names.append, roots=[str(root)])
    module = write(root / "m.py")
    watcher.watch(Targets(files=frozenset([str(module)])))
    watcher.start()
    watcher.stop()
    watcher.stop()
    module.write_text("two\n")
    assert not names

    watcher = Watcher(notify, Options(), warn=names.append, roots=[str(root)])
    watcher.start()
    watcher.watch(Targets(files=frozenset([str(module)])))
    module.write_text("three\n")
    assert done.wait(DEADLINE)
    watcher.stop()
    assert set(names) == {"file-watcher"}
    wait_until(lambda: "file-watcher" not in {t.name for t in threading.enumerate()}, "the end")
