"""Ctrl-C, signals, and what happens when the first process is killed."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from command.programs import program, waiting
from harness import HOST, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from harness import DevServer

#: Cleans up in every way a program may, slower than a second signal would arrive.
CAREFUL = """
import atexit, threading, time
from django_autoreload_plus import autoreload

def work():
    atexit.register(print, "exit handler ran", flush=True)
    try:
        print("working", flush=True)
        threading.Event().wait()
    finally:
        time.sleep(0.5)
        print("cleaned up", flush=True)

if __name__ == "__main__":
    autoreload.main(work)
"""

#: Tell whether it has ended, without waiting, and let the harness wait for it.
AT_ONCE = os.WEXITED | os.WNOHANG | os.WNOWAIT
#: Still importing, and holding a port.
SLOW_IMPORT = """
from django_autoreload_plus import autoreload
import socket, sys, time
if autoreload.is_child():
    held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    print("importing", flush=True)
    time.sleep(600)
autoreload.main(print)
"""


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    """Every working day would end with a traceback or a wrong exit code."""
    with waiting(tmp_path, terminal=True) as server:
        server.wait_for_output("working with 1.*\n")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
    assert server.output == "working with 1 () {}\n^C"


def test_ctrl_c_lets_the_program_clean_up(tmp_path: Path) -> None:
    """Data that a program saves when it ends would be lost."""
    with program(tmp_path, {"program.py": CAREFUL}, terminal=True) as server:
        server.wait_for_output("working")
        server.interrupt()
        assert server.wait() == 0
    assert "cleaned up\nexit handler ran" in server.output
    assert "Traceback" not in server.output


def test_a_lone_interrupt_is_passed_on(tmp_path: Path) -> None:
    """A process manager that stops programs by SIGINT would leave the child running."""
    with program(tmp_path, {"program.py": CAREFUL}) as server:
        server.wait_for_output("working")
        os.kill(server.pid, signal.SIGINT)
        assert server.wait() == 0
    assert "cleaned up\nexit handler ran" in server.output


def test_termination_is_passed_on(tmp_path: Path) -> None:
    """``docker stop`` would wait for its timeout and then kill."""
    with program(tmp_path, {"program.py": CAREFUL}) as server:
        server.wait_for_output("working")
        server.terminate()
        assert server.wait() == 0
        server.all_gone()
    assert "cleaned up\nexit handler ran" in server.output


def test_closed_terminal_ends_everything(tmp_path: Path) -> None:
    """Each closed terminal window would leave a server behind."""
    with waiting(tmp_path) as server:
        server.wait_for_output("working with 1")
        os.kill(server.pid, signal.SIGHUP)
        assert server.wait() == -signal.SIGHUP
        server.all_gone()


def importing(tmp_path: Path) -> DevServer:
    """Return a program that hangs in an import, on a terminal."""
    command = ("python", "program.py", "{port}")
    return program(tmp_path, {"program.py": SLOW_IMPORT}, command=command, terminal=True)


def test_ctrl_c_while_importing(tmp_path: Path) -> None:
    """A start that takes long could not be given up without a traceback."""
    with importing(tmp_path) as server:
        server.wait_for_output("importing")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
    assert "Traceback" not in server.output


def test_ctrl_c_that_the_program_hears_first(tmp_path: Path) -> None:
    """On a busy machine Ctrl-C would look like a program that failed, now and then."""
    with importing(tmp_path) as server:
        server.wait_for_output("importing")
        os.kill(server.pid, signal.SIGSTOP)
        server.interrupt()
        wait_until(lambda: len(server.running()) == 1, "the end of the program")
        os.kill(server.pid, signal.SIGCONT)
        assert server.wait() == 0
    assert "Traceback" not in server.output


def test_ctrl_c_while_a_mistake_is_being_described(tmp_path: Path) -> None:
    """Our own traceback would stand below the developer's, now and then."""
    text = """
import sys, time
from django_autoreload_plus import autoreload

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.endswith("from_exception"):
            print("is being described", flush=True)
            time.sleep(600)

sys.meta_path.insert(0, Slow())
if autoreload.is_child():
    raise ValueError
autoreload.main(print)
"""
    with program(tmp_path, {"program.py": text}, terminal=True) as server:
        server.wait_for_output("is being described")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
    assert "Traceback" not in server.output


def test_ctrl_c_while_broken(tmp_path: Path) -> None:
    """A command that waits for a fix could not be ended."""
    with waiting(tmp_path, terminal=True) as server:
        server.wait_for_output("working with 1")
        server.write("part.py", "VALUE = (\n")
        server.wait_for_output("waiting for a fix")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("text", [CAREFUL, SLOW_IMPORT], ids=["running", "importing"])
def test_killed_parent_takes_everything_with_it(tmp_path: Path, text: str) -> None:
    """An orphan would keep the port, and the next start would fail."""
    with program(
        tmp_path, {"program.py": text}, command=("python", "program.py", "{port}")
    ) as server:
        server.wait_for_output("working|importing")
        server.kill_parent()
        server.all_gone()
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind((HOST, server.port))
            again.listen()


def test_program_that_ignores_its_end_is_killed(tmp_path: Path) -> None:
    """A program that hangs while it ends would hang the command with it."""
    text = CAREFUL.replace("time.sleep(0.5)", "time.sleep(600)")
    with program(tmp_path, {"program.py": text}, terminal=True) as server:
        server.wait_for_output("working")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()


def test_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    """The developer's impatience would be ignored."""
    text = CAREFUL.replace("time.sleep(0.5)", "print('slow', flush=True); time.sleep(600)")
    with program(tmp_path, {"program.py": text}, terminal=True) as server:
        server.wait_for_output("working")
        server.interrupt()
        server.wait_for_output("slow")
        server.interrupt()
        assert server.wait() == 0


def test_exit_handlers_may_take_their_time(tmp_path: Path) -> None:
    """A program that ended by itself would be killed before it has saved its work."""
    text = """
import atexit, time, threading
from django_autoreload_plus import autoreload

def last():
    threading.Event().wait(5.5)
    print("saved", flush=True)

def work():
    threading.Thread(target=last).start()

autoreload.main(work)
"""
    with program(tmp_path, {"program.py": text}) as server:
        assert server.wait() == 0
    assert "saved" in server.output


def test_a_signal_at_the_very_end_prints_nothing(tmp_path: Path) -> None:
    """A traceback of the supervisor's own loop would stand below the last line now and then."""
    for _ in range(5):
        with waiting(tmp_path) as server:
            server.wait_for_output("working with 1")
            os.kill(server.pid, signal.SIGTERM)
            while os.waitid(os.P_PID, server.pid, AT_ONCE) is None:
                os.kill(server.pid, signal.SIGCHLD)
                # Often enough to meet the moment, not so often that nothing else is done.
                time.sleep(0.0002)
            assert server.wait() == 0
            # (So many signals at once may fill the loop's pipe, which is another matter.)
            assert "Broken pipe" not in server.output
