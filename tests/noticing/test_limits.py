# The tools are found on the path, like everywhere in a shell.
"""When events are used up, lost or missing: the scan takes over, is told of, and loses nothing."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from noticing.site import Site, add_beat, add_view, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")

VIEWS = "teas/views.py"
#: Scans are frequent, so that no test waits long for one.
SCANS = {"POLL_INTERVAL": 0.1, "SAFETY_INTERVAL": 0.2}
#: The kernel keeps so many events for a reader that is not reading.
QUEUE = 16_384


def limited(place: Path, limit: str, number: int) -> Site:
    """Return a server whose user may not have more than this of the system."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare to lower a limit with")
    lower = f"echo {number} > /proc/sys/user/{limit}"
    if subprocess.run(["unshare", "-Ur", "sh", "-c", lower], check=False).returncode:
        pytest.skip("this kernel lets no user namespace lower its own limits")
    run = f'{lower} && exec "$0" manage.py runserver "$1"'
    command = ["unshare", "-Ur", "sh", "-c", run, sys.executable, "{address}"]
    return Site(place, command=command)


def edited_everywhere(site: Site) -> None:
    """Assert that edits of the project's files are noticed, wherever they are."""
    site.edit(VIEWS, 'VERSION = "1"', 'VERSION = "2"')
    site.comes_to_show("version 2")
    site.edit("config/settings.py", "SITE_NAME = ", 'SITE_NAME = "Limited" or ')
    site.comes_to_show("Limited", "/")
    site.path("teas/locale/de/LC_MESSAGES/django.mo").unlink()
    site.wait_for_output("translations reset")


@pytest.mark.parametrize(
    ("limit", "number", "name"),
    [
        ("max_inotify_watches", 5, "fs.inotify.max_user_watches"),
        ("max_inotify_instances", 0, "fs.inotify.max_user_instances"),
    ],
)
def test_nothing_left_at_the_start(place: Path, limit: str, number: int, name: str) -> None:
    """On a system with many editors open, some edits would silently not reload."""
    configure(place, **SCANS)
    with limited(place, limit, number) as site:
        site.ready()
        edited_everywhere(site)
        warnings = [line for line in site.output.splitlines() if "sudo sysctl" in line]
        assert len(warnings) == 1, warnings
        assert name in warnings[0]
        assert "scanning" in warnings[0]


def test_nothing_left_later(place: Path) -> None:
    """A module that is imported when the limit is reached would be edited in vain."""
    configure(place, **SCANS)
    for number in range(30):
        (place / f"part{number}").mkdir()
        (place / f"part{number}/one.py").write_text("ONE = 1", encoding="utf-8")
    add_view(
        place,
        "import importlib\n"
        "def text():\n"
        "    parts = [importlib.import_module(f'part{n}.one').ONE for n in range(30)]\n"
        "    return f'ones {parts};'",
    )
    with Site(place, options=["--verbosity", "2"]) as site:
        site.ready()
        found = site.wait_for_output(r"inotify, (\d+) watches")
    with limited(place, "max_inotify_watches", int(found[1]) + 4) as site:
        site.ready()
        assert "sudo sysctl" not in site.output
        site.shows("ones [1, 1,", "/shown/")
        site.wait_for_output("max_user_watches.* sudo sysctl")
        for number in (0, 29):
            site.write(f"part{number}/one.py", f"ONE = {number + 5}")
        site.comes_to_show(", 34];", "/shown/")
        site.shows("ones [5, 1,", "/shown/")
        assert site.output.count("sudo sysctl") == 1


def test_more_events_than_the_queue_holds(place: Path) -> None:
    """An edit among the ten thousand writes of a build would be lost."""
    with Site(place) as site:
        site.ready()
        supervisor = site.pid
        os.kill(supervisor, signal.SIGSTOP)
        try:
            for number in range(QUEUE // 3 + 100):
                path = site.path(f"teas/built{number % 2}")
                path.touch()
                path.unlink()
            site.edit(VIEWS, 'VERSION = "1"', 'VERSION = "2"')
        finally:
            os.kill(supervisor, signal.SIGCONT)
        site.comes_to_show("version 2")
        site.edit(VIEWS, 'VERSION = "2"', 'VERSION = "3"')
        site.shows("version 3")
        assert site.reloads() == [VIEWS, VIEWS]


def test_a_directory_without_permission(place: Path) -> None:
    """Edits in a folder with tight permissions would not reload."""
    configure(place, **SCANS)
    (place / "tight").mkdir()
    (place / "tight/__init__.py").write_text("LEVEL = 1", encoding="utf-8")
    (place / "tight/read.txt").write_text("1", encoding="utf-8")
    add_view(
        place,
        "LEVEL = open('tight/read.txt').read()\ndef text(): return f'level {LEVEL};'",
    )
    (place / "tight").chmod(0o311)
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root, and no setpriv to give up root's privileges")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    command = [*prefix, sys.executable, "manage.py", "runserver", "{address}"]
    try:
        with Site(place, command=command) as site:
            site.ready()
            site.wait_for_output("No permission to watch .*/tight.*chmod u\\+rx")
            site.write("tight/read.txt", "2")
            site.comes_to_show("level 2;", "/shown/")
            assert site.output.count("No permission") == 1
    finally:
        (place / "tight").chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_changes_from_outside(layers: tuple[Path, Path]) -> None:
    """Edits made outside of a container, or on a share of unknown kind, would not reload."""
    merged, upper = layers
    configure(merged, **SCANS)
    with Site(merged) as site:
        site.ready()
        for number in (1, 2, 3):
            text = (upper / VIEWS).read_text(encoding="utf-8")
            # Below the mounted file system, which hears nothing of it.
            (upper / VIEWS).write_text(
                text.replace(f'VERSION = "{number}"', f'VERSION = "{number + 1}"'),
                encoding="utf-8",
            )
            site.comes_to_show(f"version {number + 1}")
        assert site.output.count("changed without a file event") == 1
        site.wait_for_output(r'without a file event; scanning .*"POLLING": True')


@pytest.fixture
def layers(tmp_path: Path, project: Path) -> Iterator[tuple[Path, Path]]:
    """Mount the project as a file system of layers; return it and its writable layer."""
    lower, work, merged = (tmp_path / name for name in ("lower", "work", "merged"))
    for directory in (lower, work, merged):
        directory.mkdir()
    add_beat(project)
    stack = f"lowerdir={lower},upperdir={project},workdir={work}"
    command = ["mount", "-t", "overlay", "overlay", "-o", stack, str(merged)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this kernel mounts no overlay here")
    yield merged, project
    subprocess.run(["umount", "--lazy", str(merged)], check=True)


def test_a_write_through_memory(place: Path) -> None:
    """A program that maps a file and stays would write it unseen."""
    configure(place, **SCANS)
    (place / "limits.txt").write_text("1", encoding="utf-8")
    add_view(place, "LIMIT = open('limits.txt').read()\ndef text(): return f'limit {LIMIT};'")
    with Site(place) as site:
        site.ready()
        with (place / "limits.txt").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
            for value in (2, 3):
                mapped[0:1] = str(value).encode()
                mapped.flush()
                site.comes_to_show(f"limit {value};", "/shown/")


def test_scanning_because_the_settings_say_so(place: Path) -> None:
    """On a share that is known to be silent, the first edit would be the slowest."""
    configure(place, POLLING=True, **SCANS)
    with Site(place, options=["--verbosity", "2"]) as site:
        site.ready()
        site.wait_for_output("watching .*: polling, 0 watches, 1 thread, .*scanned")
        edited_everywhere(site)
        site.write("teas/admin.py", "")
        site.wait_for_output("teas/admin.py changed · live in")
        assert "event" not in re.sub(r"; event [\d.]+", "", site.output)
