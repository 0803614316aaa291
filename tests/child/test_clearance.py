"""Before which acts a starting process asks whether it is alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness import output_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The audit hook stays for the life of a process, so each case has one of its own.
PROBE = """
import fcntl, json, os, socket, sqlite3, subprocess, sys, tempfile, threading

from django_autoreload_plus.child.clearance import Clearance
from django_autoreload_plus.child.tracker import Tracker

asked = []

def ask(act, database):
    asked.append(act)
    return {alone}

open("there", "w").close()
os.mkdir("folder")
sqlite3.connect("data").execute("CREATE TABLE tea (name)")
port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
tracker = Tracker()
clearance = Clearance(tracker, ask)
tracker.install()
clearance.install()
found = {{}}
for name, act in json.loads(sys.argv[1]).items():
    asked.clear()
    try:
        exec(act)
    except OSError:
        # Taken: that is what the question was about.
        pass
    found[name] = [*asked]
print(json.dumps(found))
"""
EXCLUSIVE = {
    "tcp": ("socket.socket().bind(('127.0.0.1', port))", "socket.bind"),
    "udp": (
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('127.0.0.1', port))",
        "socket.bind",
    ),
    "ipv6": ("socket.socket(socket.AF_INET6).bind(('::1', port))", "socket.bind"),
    "unix": ("socket.socket(socket.AF_UNIX).bind('socket')", "socket.bind"),
    "abstract": ("socket.socket(socket.AF_UNIX).bind('\\0tea' + os.getcwd())", "socket.bind"),
    "flock": ("fcntl.flock(open('there'), fcntl.LOCK_SH)", "fcntl.flock"),
    "lockf": ("fcntl.lockf(open('there', 'a'), fcntl.LOCK_EX)", "fcntl.lockf"),
    "os.lockf": (
        "f = open('there', 'a')\nos.lockf(f.fileno(), os.F_TLOCK, 0)",
        "os.lockf",
    ),
    "record": (
        (
            "import struct\nfcntl.fcntl(open('there', 'a'), fcntl.F_SETLK, "
            "struct.pack('hhqqi', fcntl.F_WRLCK, 0, 0, 0, 0))"
        ),
        "fcntl.fcntl",
    ),
    "exclusive": ("open('there', 'x')", "open"),
    "descriptor": ("os.open('there', os.O_CREAT | os.O_EXCL | os.O_WRONLY)", "open"),
    "folder": ("os.mkdir('folder')", "os.mkdir"),
    "link": ("os.link('there', 'there')", "os.link"),
    "symlink": ("os.symlink('x', 'there')", "os.symlink"),
    "database": ("sqlite3.connect('data')", "sqlite3.connect"),
    "database by address": ("sqlite3.connect('file:data?mode=ro', uri=True)", "sqlite3.connect"),
    "program": ("subprocess.run(['true'])", "subprocess.Popen"),
    "shell": ("os.system('true')", "os.system"),
    "spawn": (
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
        "os.posix_spawn",
    ),
    "fork": ("os.fork() or os._exit(0)", "os.fork"),
    "multiprocessing": (
        (
            "import multiprocessing.util\n"
            # What is to be done after an import is done before the next one.
            "import wave\n"
            "multiprocessing.util.spawnv_passfds(b'/bin/true', ['true'], [])"
        ),
        "multiprocessing",
    ),
    "thread": (
        (
            "t = threading.Thread(target=lambda: socket.socket().bind(('127.0.0.1', port)))\n"
            "t.start()\nt.join()"
        ),
        "socket.bind",
    ),
}
SHARED = """
socket.socket().bind(("127.0.0.1", 0))
socket.socketpair()
held = open("there", "a")
fcntl.fcntl(held, fcntl.F_GETFL)
open("new", "x").close()
tempfile.TemporaryFile()
tempfile.TemporaryDirectory()
os.makedirs("folder", exist_ok=True)
import pathlib
pathlib.Path("folder").mkdir(exist_ok=True)
sqlite3.connect(":memory:")
sqlite3.connect("not there yet")
"""


def probe(folder: Path, acts: Mapping[str, str], *, alone: bool = False) -> dict[str, list[str]]:
    """Return before which acts a process has asked, each time."""
    printed = output_of(PROBE.format(alone=alone), json.dumps(acts), cwd=folder)
    asked: dict[str, list[str]] = json.loads(printed.splitlines()[-1])
    return asked


def test_asks_before(tmp_path: Path) -> None:
    """The new process would fail at what the old one still holds."""
    asked = probe(tmp_path, {name: act for name, (act, _) in EXCLUSIVE.items()})
    # The program that is to be run is named behind the event.
    events = {name: [act.partition(" ")[0] for act in acts] for name, acts in asked.items()}
    missing = [name for name, (_, event) in EXCLUSIVE.items() if event not in events[name]]
    assert not missing


def test_asks_nothing_about_what_all_may_have(tmp_path: Path) -> None:
    """Every project would lose the overlap of the old and the new process."""
    assert probe(tmp_path, {"shared": SHARED}) == {"shared": []}


def test_asks_once_when_alone(tmp_path: Path) -> None:
    """Every process that is started would cost a question, also when all is answered."""
    run = "subprocess.run(['true'])"
    acts = {"first": run, "second": run, "hook": "assert 'socket.bind' not in tracker.acts"}
    asked = probe(tmp_path, acts, alone=True)
    assert asked == {"first": ["subprocess.Popen true"], "second": [], "hook": []}


def test_a_forked_process_asks_nobody(tmp_path: Path) -> None:
    """It would speak over its parent's channel."""
    act = (
        "if not os.fork():\n    os.system('true')\n    os._exit(len(asked) - 1)\n"
        "assert os.wait()[1] == 0"
    )
    assert probe(tmp_path, {"fork": act}) == {"fork": ["os.fork"]}
