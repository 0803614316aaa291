"""Programs that are no servers: they run from their first line, and one process at a time."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

OURS = (sys.executable, "-u", "-m", "django_autoreload_plus")
#: Never calls anything of ours, and holds what only one process can have.
LOOP = """
import fcntl, signal, sys, time
lock = open("lock", "a")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
import part

def end(*_):
    time.sleep(0.2)
    print("given back", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
shown = 0
while True:
    if part.number() != shown:
        shown = part.number()
        print("works with", part.VALUE, shown, flush=True)
    time.sleep(0.01)
"""
PART = "VALUE = 1\n\ndef number():\n    return 1\n"
BOT = """
import asyncio
import part

async def main():
    try:
        print("works with", part.VALUE, flush=True)
        await asyncio.sleep(600)
    finally:
        print("says goodbye", flush=True)

asyncio.run(main())
"""
#: Deaf to every polite signal, and silent about what it does.
DEAF = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import part
print("works with", part.VALUE, flush=True)
read, _ = os.pipe()
os.read(read, 1)
"""


def program(
    root: Path, text: str, *options: str, part: str = PART, terminal: bool = False
) -> DevServer:
    """Return the program ``text`` beside a module ``part``."""
    (root / "part.py").write_text(part, encoding="utf-8")
    (root / "main.py").write_text(text, encoding="utf-8")
    return DevServer(root, command=(*OURS, *options, "main.py"), terminal=terminal)


def test_a_loop_at_module_level(tmp_path: Path) -> None:
    """A worker that is a plain script would be killed at its work, or never follow its code."""
    with program(tmp_path, LOOP) as it:
        it.wait_for_output("works with 1 1")
        it.edit("part.py", "return 1", "return 2")
        it.wait_for_output("given back\n(.*\n)*works with 1 2")
        it.edit("part.py", "VALUE = 1", "VALUE = 3")
        it.wait_for_output("given back\n(.*\n)*works with 3 2")
        it.edit("part.py", "VALUE = 3", "VALUE = (")
        it.wait_for_output("SyntaxError.* waiting for a fix")
        it.edit("part.py", "VALUE = (", "VALUE = 1 / 0")
        it.wait_for_output("ZeroDivisionError.* waiting for a fix")
        mark = it.mark()
        it.edit("part.py", "VALUE = 1 / 0", "VALUE = 4")
        it.wait_for_output("works with 4 2", since=mark)
        it.edit("main.py", "shown = 0", "sys.exit(4)")
        assert it.wait() == 4
        it.all_gone()
    assert "Temporarily unavailable" not in it.output
    assert it.output.count("given back") == 4


def test_a_bot_ends_by_the_signal_that_it_knows(tmp_path: Path) -> None:
    """A bot would be cut off in the middle of a message, at each save and at the end."""
    options = ("--stop-signal", "INT")
    with program(tmp_path, BOT, *options, terminal=True) as it:
        it.wait_for_output("works with 1")
        it.edit("part.py", "VALUE = 1", "VALUE = 2")
        it.wait_for_output("says goodbye\r?\n(.*\n)*works with 2")
        it.edit("part.py", "VALUE = 2", "VALUE = unknown")
        it.wait_for_output("NameError.* waiting for a fix")
        mark = it.mark()
        it.edit("part.py", "VALUE = unknown", "VALUE = 3")
        it.wait_for_output("works with 3", since=mark)
        it.interrupt()
        assert it.wait() == 0
        it.all_gone()
    assert "Traceback" not in it.output[it.output.index("works with 3") :]


def test_a_save_at_a_prompt_that_has_just_opened(tmp_path: Path) -> None:
    """Who looks into the first lines of a script would lose the prompt at the first save."""
    text = "import part, time\nbreakpoint()\nprint('works with', part.VALUE)\ntime.sleep(600)\n"
    with program(tmp_path, text, terminal=True) as it:
        it.wait_for_output(r"\(Pdb\) ")
        it.edit("part.py", "VALUE = 1", "VALUE = 2")
        it.wait_for_output("live when the prompt is left")
        it.type("p part.VALUE + 41\n")
        it.wait_for_output("42")
        mark = it.mark()
        it.type("c\n")
        it.wait_for_output(r"\(Pdb\) ", since=mark)
        it.type("c\n")
        it.wait_for_output("works with 2", since=mark)


#: Handles signals that a keyboard or another program sends, and ends by none of them.
SIGNALS = """
import signal, time

def tell(number, frame):
    print("got", signal.Signals(number).name, flush=True)

for number in (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, tell)
print("works", flush=True)
while True:
    time.sleep(0.01)
"""


def test_signals_belong_to_the_program(tmp_path: Path) -> None:
    r"""Ctrl-\ and ``kill -USR1`` would end the command of a program that waits for them."""
    with program(tmp_path, SIGNALS, terminal=True) as it:
        it.wait_for_output("works")
        for name in ("SIGUSR1", "SIGUSR2"):
            os.kill(it.pid, signal.Signals[name])
            it.wait_for_output(f"got {name}")
        it.type("\x1c")
        it.wait_for_output("got SIGQUIT")
        mark = it.mark()
        it.edit("main.py", '"works"', '"works again"')
        it.wait_for_output("live in", since=mark)
        assert it.output.count("got SIGQUIT") == 1
        mark = it.mark()
        it.edit("main.py", "signal.signal(number, tell)", "pass")
        # Until then the process before it may be there, which handles the signal.
        it.wait_for_output("live in", since=mark)
        it.type("\x1c")
        assert it.wait() == -signal.SIGQUIT
        it.all_gone()


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """New code would wait for ever for the old."""
    with program(tmp_path, DEAF, "--grace", "0.2") as it:
        it.wait_for_output("works with 1")
        it.edit("part.py", "VALUE = 1", "VALUE = 2")
        it.wait_for_output("works with 2")
        it.terminate()
        assert it.wait() == 0
        it.all_gone()


def test_a_start_that_hangs_is_ended_gently(tmp_path: Path) -> None:
    """A program would be killed while it starts, though it may have begun its work."""
    hang = f"{PART}import time\ntry:\n    print('hangs', flush=True)\n"
    hang += "    while True: time.sleep(1)\nfinally:\n    print('is told', flush=True)\n"
    options = ("--stop-signal", "INT")
    with program(tmp_path, BOT, *options, part=hang) as it:
        it.wait_for_output("hangs")
        it.write("part.py", PART)
        it.wait_for_output("is told\n(.*\n)*works with 1")


#: Leaves the work to another process, and knows nothing of signals.
POOL = """
import fcntl, multiprocessing, time

def work():
    import part
    lock = open("lock", "a")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("works with", part.VALUE, flush=True)
    time.sleep(600)

if __name__ == "__main__":
    import part
    multiprocessing.get_context("fork").Process(target=work).start()
    time.sleep(600)
"""


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    """Each save would leave a process behind, which goes on with old code for ever."""
    with program(tmp_path, POOL) as it:
        it.wait_for_output("works with 1")
        it.edit("part.py", "VALUE = 1", "VALUE = 2")
        it.wait_for_output("works with 2")
        it.terminate()
        assert it.wait() == 0
        it.all_gone()
    assert "Temporarily unavailable" not in it.output


#: Tells of every mistake itself, and ends with a code of its own.
COMMAND_LINE_TOOL = """
import sys, time, traceback
try:
    import part
except Exception:
    problem = traceback.format_exc()
else:
    problem = ""
if problem:
    print(problem)
    sys.exit(2)
print("works with", part.VALUE, flush=True)
while True:
    time.sleep(600)
"""


#: Starts a process when it is to end, as a master does whose worker the same Ctrl-C has ended.
STUBBORN = """
import signal, subprocess, sys, time

def begin_anew(*_):
    words = "import time; print('a new worker', flush=True); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", words])

signal.signal(signal.SIGINT, begin_anew)
print("works", flush=True)
while True:
    time.sleep(600)
"""


def test_what_a_killed_program_has_started_ends_with_it(tmp_path: Path) -> None:
    """A worker would go on, and hold the port, after the command has ended."""
    with program(tmp_path, STUBBORN, "--grace", "2") as it:
        it.wait_for_output("^works")
        it.interrupt()
        it.wait_for_output("a new worker")
        it.wait()
        it.all_gone()


def test_an_error_of_input_comes_from_the_line_that_asks(tmp_path: Path) -> None:
    """The reloader stands between the program and ``input()``, to know of a prompt."""
    with program(tmp_path, "input('Which one? ')\n") as it:
        it.wait_for_output(r"EOFError.*\n.* waiting for a fix")
        assert "prompts.py" not in it.output


def test_a_program_that_gives_up_waits_for_a_fix(tmp_path: Path) -> None:
    """Tools that catch every mistake would end the command at each of the developer's."""
    with program(tmp_path, COMMAND_LINE_TOOL) as it:
        it.wait_for_output("works with 1")
        it.edit("part.py", "VALUE = 1", "VALUE = unknown")
        it.wait_for_output(r"NameError.*\n(.*\n)*.*sys.exit\(2\) .* waiting for a fix")
        it.edit("part.py", "VALUE = unknown", "VALUE = 2")
        it.wait_for_output("works with 2")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sys.exit(5)", 5),
        ("sys.exit(3)", 3),
        ("sys.exit('no tea left')", 1),
        ("os._exit(3)", 3),
        ("print('done')", 0),
        ("os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import late", 6),
        ("threading.Timer(0.3, os._exit, [7]).start()", 7),
    ],
)
def test_its_end_is_that_of_the_command(tmp_path: Path, text: str, code: int) -> None:
    """A script around the command would take a failure for a success, or wait for ever."""
    (tmp_path / "late.py").write_text("raise SystemExit(6)\n", encoding="utf-8")
    with program(tmp_path, f"import os, sys, threading\n{text}\n") as it:
        assert it.wait() == code
        it.all_gone()
    assert it.output == {1: "no tea left\n", 0: "done\n"}.get(code, "")


#: Starts slowly, with a process of its own beside it.
SLOW = """
import subprocess, sys, time
import part
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("begins with", part.VALUE, flush=True)
import slow
print("works with", part.VALUE, flush=True)
time.sleep(600)
"""


def test_edits_while_a_program_with_processes_starts(tmp_path: Path) -> None:
    """Edits beside a process of the program would be taken for that one's, and be lost."""
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1)\n", encoding="utf-8")
    (tmp_path / "main.py").write_text(SLOW, encoding="utf-8")
    server = DevServer(tmp_path, command=(*OURS, "main.py"))
    server.write("part.py", "VALUE = 0\nREAD = VALUE\n")
    with server:
        for value in range(6):
            server.wait_for_output(f"begins with {value}")
            server.write("part.py", f"VALUE = {value + 1}\nREAD = VALUE\n")
        server.wait_for_output("works with 6")
