"""How a program without Django ends, and what its shell is told."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

from command.programs import program, waiting

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """
import os, signal, sys, atexit
from django_autoreload_plus import autoreload
import counter

def work():
    {body}

autoreload.main(work)
"""
#: Counts the starts in a file, since no process outlives a start.
COUNTER = """
import os
with open(os.path.join(os.path.dirname(__file__), "starts"), "a") as file:
    file.write("x")
COUNT = os.path.getsize(file.name)
"""


def files(body: str) -> dict[str, str]:
    """Return a program with ``body`` as the body of its main function."""
    return {"program.py": MAIN.format(body=body), "counter.py": COUNTER}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("pass", 0),
        ("sys.exit()", 0),
        ("sys.exit(0)", 0),
        ("sys.exit(5)", 5),
        ("sys.exit('no tea left')", 1),
        ("os._exit(7)", 7),
    ],
)
def test_exit_code_is_passed_on(tmp_path: Path, body: str, code: int) -> None:
    """A script around the command would take a failure for a success."""
    with program(tmp_path, files(body)) as server:
        assert server.wait() == code
        if "tea" in body:
            server.wait_for_output("no tea left")
    assert server.output.count("no tea left") == ("tea" in body)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGUSR1])
def test_death_by_a_signal_is_passed_on(tmp_path: Path, number: signal.Signals) -> None:
    """A shell could not tell a crash from an ordinary end."""
    body = f"os.kill(os.getpid(), {int(number)})"
    with program(tmp_path, files(body)) as server:
        assert server.wait() == -number


@pytest.mark.parametrize(
    "ask",
    ["sys.exit(3)", "os._exit(3)", "autoreload.restart()", "sys.exit(autoreload.RESTART_CODE)"],
)
def test_program_restarts_itself(tmp_path: Path, ask: str) -> None:
    """Programs written for Django's reloader could no longer ask for a restart."""
    body = (
        "sys.stdout.write(f'start {counter.COUNT}\\n')\n"
        f"    if counter.COUNT < 4: {ask}\n"
        "    sys.exit(9)"
    )
    with program(tmp_path, files(body)) as server:
        assert server.wait() == 9
    # The first was the process that became the supervisor.
    assert re.findall(r"start (\d)", server.output) == ["2", "3", "4"]
    assert "nothing changed" not in server.output


def test_code_3_while_importing_is_no_request(tmp_path: Path) -> None:
    """A module that exits with code 3 would be started in an endless loop."""
    text = (
        "from django_autoreload_plus import autoreload\n"
        "if autoreload.is_child():\n    import counter, tea\n"
        "autoreload.main(lambda: print('well', flush=True))\n"
    )
    tea = {"counter.py": COUNTER, "tea.py": "raise SystemExit(3)\n"}
    with program(tmp_path, {"program.py": text, **tea}) as server:
        server.wait_for_output("waiting for a fix")
        assert (tmp_path / "starts").read_text() == "x"
        server.write("tea.py", "BREWED = True\n")
        assert server.wait() == 0
        server.wait_for_output("well")
    # A slow start has left a copy behind, between the one module and the other.
    assert (tmp_path / "starts").read_text() in ("x", "xx")


def test_uncaught_exception_while_running_waits_for_a_fix(tmp_path: Path) -> None:
    """One mistake would end the command, and with it the developer's rhythm."""
    with program(tmp_path, files("raise RuntimeError('cold tea')")) as server:
        server.wait_for_output("RuntimeError: cold tea")
        server.wait_for_output("waiting for a fix")
        server.edit("program.py", "raise RuntimeError('cold tea')", "sys.exit(4)")
        assert server.wait() == 4


def test_arguments_reach_the_function(tmp_path: Path) -> None:
    """``main(func, args, kwargs)`` and ``run_with_reloader`` would lose what they were given."""
    body = "from django_autoreload_plus import autoreload\n"
    ask = body + "def work(*a, **k):\n    print('got', a, k, flush=True)\n"
    with program(
        tmp_path / "a", {"program.py": ask + "autoreload.main(work, [1], {'b': 2})"}
    ) as one:
        assert one.wait() == 0
        assert "got (1,) {'b': 2}" in one.output
    last = "autoreload.run_with_reloader(work, 1, b=2)"
    with program(tmp_path / "b", {"program.py": ask + last}) as two:
        assert two.wait() == 0
        assert "got (1,) {'b': 2}" in two.output


def test_output_has_nothing_of_ours(tmp_path: Path) -> None:
    """A program's output could no longer be read by another program."""
    with program(tmp_path, files("print('tea', flush=True)")) as server:
        assert server.wait() == 0
    assert server.output == "tea\n"


def test_waiting_program_is_quiet(tmp_path: Path) -> None:
    """The reloader would chat although nothing has changed."""
    with waiting(tmp_path) as server:
        server.wait_for_output("working with 1.*\n")
        assert server.output == "working with 1 () {}\n"
