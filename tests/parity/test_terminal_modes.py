"""The terminal and a debugger's prompt: what a save and the signals of the keyboard do to them."""

from __future__ import annotations

import contextlib
import socket
import termios
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from harness import DEADLINE, HOST, wait_until
from parity.reloaders import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parity.reloaders import ParitySite, Reloader

#: Each a prompt, what is answered there, and the next prompt with what leaves it.
SHOW = "print('it is', value)"
SHELLS = {
    "import code; code.interact(local=globals())": (">>> ", f"{SHOW}\n", ">>> ", "\x04"),
    "import IPython; IPython.embed(colors='NoColor')": (
        *(r"In .*\[1\]", f"{SHOW}\r"),
        *(r"In .*\[2\]", "exit\r"),
    ),
    # It draws on a screen of its own, on which a test cannot read.
    "import pudb; pudb.set_trace(); sys = 1": (r"\[\?1049h", "", "", ""),
}
PDB = r"\(Pdb\) "
VIEWS = """
import sys, termios, tty
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    if "raw" in request.GET:
        tty.setraw(0)
        modes = termios.tcgetattr(0)
        modes[3] &= ~(termios.ECHO | termios.ISIG | termios.ICANON)
        modes[6][termios.VINTR] = b"\\x07"
        termios.tcsetattr(0, termios.TCSANOW, modes)
        print("raw", flush=True)
        sys.stdin.read(1)
    if "debug" in request.GET:
        breakpoint()
        sys.audit('tea')
    if "shell" in request.GET:
        exec(request.GET["shell"], {"value": VALUE})
    if "twice" in request.GET:
        breakpoint()
        sys.audit('tea')
    return HttpResponse(VALUE)
"""


def test_all_modes_are_put_back(tmp_path: Path, our_reloader: Reloader) -> None:
    """Ctrl-C, line editing or the ends of lines would not work after a save."""
    site = our_reloader.maker(tmp_path)({"views.py": VIEWS}, terminal=True)
    with site as server:
        server.shows("one")
        before = termios.tcgetattr(server._output_end)
        since = server.mark()
        with ask(server, "raw"):
            server.wait_for_output("raw", since=since)
            server.change("views.py", '"one"', '"two"')
            server.shows("two")
            wait_until(lambda: termios.tcgetattr(server._output_end) == before, "the modes")
        server.interrupt()
        assert server.wait() == 0
        assert termios.tcgetattr(server._output_end) == before


@contextlib.contextmanager
def ask(server: ParitySite, query: str) -> Iterator[Callable[[], str]]:
    """Ask for the page, and leave the answer for later: it is what the yielded function returns."""
    with socket.create_connection((HOST, server.port), DEADLINE) as browser:
        browser.sendall(f"GET /?{query} HTTP/1.0\r\n\r\n".encode())
        # Not by a file made of it, which would keep the connection open where reading fails.
        yield lambda: b"".join(iter(lambda: browser.recv(65536), b"")).decode()


def test_a_save_waits_for_the_debugger(tmp_path: Path) -> None:
    """Who looks into a request with pdb would lose it at the first mistake that is mended."""
    way = replace(COPIES, options='{"GRACE_PERIOD": 0.1}')
    site = way.maker(tmp_path)({"views.py": VIEWS}, terminal=True)
    with site as server:
        server.shows("one")
        before = termios.tcgetattr(server._output_end)
        with ask(server, "debug") as answer:
            server.wait_for_output(PDB)
            server.change("views.py", '"one"', '"two"')
            server.wait_for_output("views.py changed · .*live when the prompt is left")
            # Broken, and saved twice: nothing of that is said over the prompt.
            server.change("views.py", '"two"', '"two')
            since = server.type_at(PDB, "n\n")
            server.wait_for_output(PDB, since=since)
            server.change("views.py", '"two', '"three"')
            since = server.type_at(PDB, "p VALUE\n", since)
            since = server.wait_for_output("^'one'", since=since).end()
            since = server.type_at(PDB, "c\n", since)
            assert answer().endswith("one")
            server.shows("three")
        assert server.output.count("prompt is left") == 1
        assert "SyntaxError" not in server.output
        with ask(server, "debug&twice") as answer:
            server.wait_for_output(PDB, since=since)
            server.change("views.py", '"three"', '"four"')
            server.wait_for_output("prompt is left", since=since)
            since = server.type_at(PDB, "c\n", since)
            server.wait_for_output(PDB, since=since)
            server.shows("four")
            # The old process has no more than a moment for its answer, unless it is looked into.
            time.sleep(0.3)
            # The line editor's: who types would have no history, and no Ctrl-D.
            assert not termios.tcgetattr(server._output_end)[3] & termios.ICANON
            since = server.type_at(PDB, "p VALUE\n", since)
            since = server.wait_for_output("^'three'", since=since).end()
            since = server.type_at(PDB, "c\n", since)
            assert answer().endswith("three")
        wait_until(lambda: termios.tcgetattr(server._output_end) == before, "the modes")
        with ask(server, "debug"):
            server.wait_for_output(PDB, since=since)
            server.interrupt()
            assert server.wait() == 0
        assert termios.tcgetattr(server._output_end) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_save_waits_for_other_prompts(tmp_path: Path, shell: str) -> None:
    """Who looks around in a request would lose what has been found out."""
    pytest.importorskip(shell.split()[1].rstrip(";"))
    prompt, typed, next_prompt, leaves = SHELLS[shell]
    site = COPIES.maker(tmp_path)({"views.py": VIEWS}, terminal=True)
    with site as server:
        server.shows("one")
        since = server.mark()
        with ask(server, f"shell={quote(shell)}") as answer:
            server.wait_for_output(prompt, since=since)
            server.change("views.py", '"one"', '"two"')
            server.wait_for_output("prompt is left", since=since)
            if not leaves:
                return
            since = server.type_at(prompt, typed, since)
            since = server.wait_for_output("it is one", since=since).end()
            server.type_at(next_prompt, leaves, since)
            assert answer().endswith("one")
            server.shows("two")
        server.interrupt()
        assert server.wait() == 0


def test_a_save_waits_for_a_question(tmp_path: Path) -> None:
    """What is typed at ``input()`` would be lost; or a reader of commands would never reload."""
    commands = "import threading; threading.Thread(target=input, daemon=True).start()"
    site = COPIES.maker(tmp_path)({"views.py": VIEWS}, terminal=True)
    with site as server:
        server.shows("one")
        since = server.mark()
        with ask(server, f"shell={quote('print(input(chr(63)))')}") as answer:
            server.wait_for_output(r"\?", since=since)
            server.change("views.py", '"one"', '"two"')
            server.wait_for_output("prompt is left", since=since)
            server.type_at("[?] *$", "typed\n", since)
            assert answer().endswith("one")
            server.shows("two")
        since = server.mark()
        with ask(server, f"shell={quote(commands)}") as answer:
            assert answer().endswith("two")
            server.change("views.py", '"two"', '"three"')
            server.shows("three")
        assert "prompt is left" not in server.output[since:]
        server.interrupt()
        assert server.wait() == 0


def test_a_question_while_starting(our_reloader: Reloader, tmp_path: Path) -> None:
    """Who forgot an ``input()`` in a module could not take it out again."""
    site = our_reloader.maker(tmp_path)({"views.py": VIEWS}, terminal=True)
    with site as server:
        server.shows("one")
        since = server.mark()
        server.edit("views.py", 'VALUE = "one"', 'VALUE = input("which? ")')
        server.wait_for_output("which[?]", since=since)
        server.edit("views.py", 'VALUE = input("which? ")', 'VALUE = "two"')
        server.shows("two")
        server.interrupt()
        assert server.wait() == 0


def press_until(server: ParitySite, pattern: str) -> None:
    """Press Ctrl-C until it is heard: a key is lost while the prompt sets the terminal's modes."""
    since = server.mark()
    for _ in range(5):
        server.interrupt()
        with contextlib.suppress(AssertionError):
            server.wait_for_output(pattern, since=since, timeout=5)
            return
    server.wait_for_output(pattern, since=since)


def test_signals_at_a_prompt_in_the_only_thread(tmp_path: Path) -> None:
    """Ctrl-C would end the command instead of the line; SIGTERM would have to kill."""
    ending = "\nimport atexit\natexit.register(print, 'handlers have run', flush=True)\n"
    site = COPIES.maker(tmp_path)(
        {"views.py": VIEWS + ending}, terminal=True, options=("--nothreading",)
    )
    with site as server:
        server.shows("one")
        with ask(server, "debug"):
            server.wait_for_output(PDB)
            press_until(server, r"--KeyboardInterrupt--\n\(Pdb\)")
            server.terminate()
            assert server.wait() == 0
            server.all_gone()
    assert "handlers have run" in server.output
