"""The life of a frozen copy: what it must not do, how it ends, and what it leaves to others."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from checkpoints.places import KEEPS_ALL, Site, add_settings, add_view, before
from django_autoreload_plus.protocol.memory import private_memory
from harness import send_signals, wait_until

if TYPE_CHECKING:
    from harness import Process

BEFORE_PAGE = before("page")
VIEW = """
from django.http import HttpResponse

LEVEL = 0
READ = LEVEL


def page(request):
    return HttpResponse(f"level {LEVEL}")
"""


def level(server: Site, number: int) -> str:
    """Edit the page's module level; what it was resumed from."""
    mark = server.mark()
    server.edit("page.py", f"LEVEL = {number - 1}", f"LEVEL = {number}")
    server.answer("/page/", f"level {number}")
    return server.origin(mark)


def sockets_that_listen(process: Process) -> list[str]:
    """Return the listening sockets that a process holds."""
    found = []
    listening = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
    inodes = {line.split()[9] for line in listening if line.split()[3] == "0A"}
    # The process may go while it is looked at.
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if any(target == f"socket:[{inode}]" for inode in inodes):
                found.append(target)
    return found


def test_copies_are_named_quiet_and_hold_no_port(project: Path) -> None:
    """A developer would find nameless processes, or a port that stays taken."""
    add_view(project, "page", VIEW)
    with Site(project) as server:
        server.answer("/page/", "level 0")
        level(server, 1)
        level(server, 2)
        copies = server.copies("settings", "setup", "ready", one_of=BEFORE_PAGE)
        # Those at even distances come and go.
        stay = {"settings", "setup", "ready", *BEFORE_PAGE} & copies.keys()
        pids = set(copies.values())
        for process in server.processes():
            if process.pid in pids:
                assert not sockets_that_listen(process)
        server.wait_for_output(r"copies, with their own memory in MiB: .*ready \d+\.\d")
        send_signals(pids, signal.SIGINT, signal.SIGHUP)
        assert level(server, 3) in BEFORE_PAGE
        server.copies(*stay)
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
        assert "Traceback" not in server.output


#: More import time than between two copies, however much one costs on a busy machine.
SLOW = """
import time
END = time.perf_counter() + 2.5
while time.perf_counter() < END:
    pass
"""


def test_copies_at_even_distances_stand_before_the_projects_modules(
    project: Path, tmp_path: Path
) -> None:
    """Each start would pay for copies at places where nobody ever edits."""
    library = tmp_path / "lib/site-packages"
    library.mkdir(parents=True)
    for name in ("slow_library", "next_library"):
        (library / f"{name}.py").write_text(SLOW, encoding="utf-8")
    (project / "own_part.py").write_text("VALUE = 0\n", encoding="utf-8")
    order = f"{KEEPS_ALL}\nimport slow_library, next_library, own_part"
    add_settings(project, f"import sys\nsys.path.append({str(library)!r})\n{order}")
    with Site(project) as server:
        server.wait_for("/version/")
        copies = server.copies("at own_part")
        names = {label.partition("at ")[2] for label in copies if "at " in label}
        own = {path.stem for path in project.iterdir()}
        assert {name.partition(".")[0] for name in names} <= own


def test_the_memory_of_the_copies_is_bounded(project: Path) -> None:
    """A large project would fill the memory of a small machine."""
    limit = 20
    add_view(project, "page", VIEW)
    add_settings(project, f"AUTORELOAD_PLUS = {{'CHECKPOINT_MEMORY': {limit}}}")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        level(server, 1)
        told = server.wait_for_output(r"copies, with their own memory in MiB: .*; (\S+) together")
        assert float(told[1]) > limit, "nothing to be seen in so small a project"
        wait_until(
            lambda: sum(map(private_memory, server.copies().values())) <= limit * 2**20,
            "so little memory",
        )
        server.copies("ready")
        level(server, 2)


def test_a_small_project_keeps_few_copies(project: Path) -> None:
    """All processes together would take three times the memory of the program."""
    add_view(project, "page", VIEW)
    add_settings(project, "AUTORELOAD_PLUS = {}")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        origin = level(server, 1)
        level(server, 2)
        known = {"settings", "setup", "ready", *BEFORE_PAGE}
        wait_until(lambda: server.copies("ready").keys() <= known, "few copies")
        assert level(server, 3) in BEFORE_PAGE, origin


def test_copies_vanish_with_a_killed_command(project: Path) -> None:
    """Each crash of the command would leave a dozen processes in memory for ever."""
    add_view(project, "page", VIEW)
    with Site(project) as server:
        server.answer("/page/", "level 0")
        level(server, 1)
        server.copies("settings")
        server.kill_parent()
        server.all_gone()


def test_a_killed_copy_is_done_without(project: Path) -> None:
    """A copy that the kernel ends when memory is short would be the end of the reloads."""
    add_view(project, "page", VIEW)
    with Site(project) as server:
        server.answer("/page/", "level 0")
        level(server, 1)
        origin = level(server, 2)
        assert origin in BEFORE_PAGE
        send_signals([server.copies(origin)[origin]], signal.SIGKILL)
        level(server, 3)
        copies = server.copies("setup", "ready")
        send_signals([copies["setup"], copies["ready"]], signal.SIGKILL)
        level(server, 4)
        send_signals(server.copies().values(), signal.SIGKILL)
        # What had been forked from one of them before may still go on from there.
        level(server, 5)
        level(server, 6)
        assert level(server, 7) != "start"
        dead = [p for p in server.processes(zombies=True) if p.state == "Z"]
        wait_until(lambda: not [p for p in dead if is_zombie(p)], "no zombie that stays")


def is_zombie(process: Process) -> bool:
    """Whether a process still waits to be reaped."""
    try:
        text = Path(f"/proc/{process.pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] == "Z"


#: Says when it ends, and in which process; the folder is gone when its object is.
HANDLERS = """
import atexit
import os
from pathlib import Path
import tempfile
import weakref

LOG = Path(__file__).with_name("ended.txt")
FOLDER = tempfile.TemporaryDirectory(prefix="autoreload-test-")


def ended(name):
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"{name}\\n")


class Thing:
    pass


THING = Thing()
atexit.register(ended, "early handler")
weakref.finalize(THING, ended, "early finalizer")
"""
USES_HANDLERS = """
import atexit
import os

from django.http import HttpResponse

import early

LEVEL = 0
READ = LEVEL
atexit.register(early.ended, f"late handler {LEVEL}")


def page(request):
    return HttpResponse(f"level {LEVEL} {early.FOLDER.name} {os.path.isdir(early.FOLDER.name)}")
"""


def test_exit_handlers_run_once_when_their_state_is_gone(project: Path) -> None:
    """A temporary folder would vanish at the first reload, or for ever stay behind."""
    (project / "early.py").write_text(HANDLERS, encoding="utf-8")
    # Loaded long before the page, whose reloads share it. (The settings are loaded by the first
    # process, too, which has handlers of its own.)
    app = project / "teas/apps.py"
    app.write_text(f"{app.read_text(encoding='utf-8')}\nimport early\n", encoding="utf-8")
    add_view(project, "page", USES_HANDLERS)
    log = project / "ended.txt"
    with Site(project) as server:
        folder = server.answer("/page/", "True").text.split()[2]
        for number in (1, 2, 3):
            level(server, number)
            assert server.get("/page/").text == f"level {number} {folder} True"
            # Each process that gave way has run what it registered itself, and nothing else.
            expected = [f"late handler {one}" for one in range(number)]
            wait_until(
                lambda expected=expected: log.exists() and read_lines(log) == expected,  # type: ignore[misc]
                expected,
            )
        server.interrupt()
        server.wait()
        server.all_gone()
        ended = sorted(read_lines(log))
        late = [f"late handler {number}" for number in range(4)]
        assert ended == ["early finalizer", "early handler", *late]
        assert not Path(folder).exists()


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()
