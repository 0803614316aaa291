"""How ``runserver`` ends, at every stage, and what becomes of the terminal."""

from __future__ import annotations

import http.client
import os
import signal
import termios
import threading
from typing import TYPE_CHECKING

import pytest

from command.sites import URLS, VIEWS, is_page, site
from harness import DEADLINE, send_signals, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from harness import DevServer

MORE = """
def stop(request):
    breakpoint()
    return HttpResponse("went on " + VALUE)

def mute(request):
    import subprocess
    subprocess.run(["stty", "-echo"])
    return HttpResponse("mute")

def leave(request):
    os._exit(int(request.GET["code"]))

import os.path
while os.path.exists("hold"):
    open("held", "w").close()
    time.sleep(0.005)
"""
MORE_URLS = """
urlpatterns += [
    path("stop/", views.stop), path("mute/", views.mute), path("leave/", views.leave)
]
"""
FILES = {"shop/views.py": VIEWS + MORE, "site_urls.py": URLS + MORE_URLS}
SHORT = "AUTORELOAD_PLUS = {'GRACE_PERIOD': 0.5}\n"
PDB = r"\(Pdb\) "


def reloading(root: Path, **options: Any) -> DevServer:
    """Return a server whose views can do more, and whose old processes are not waited for."""
    return site(root, files=FILES, settings=SHORT, **options)


def begin_to_start(server: DevServer) -> None:
    """Hold the first start up."""
    wait_until(server.path("held").exists, "a start that is held up")


def serve(server: DevServer) -> None:
    """Serve, idle."""
    is_page(server, "one")


def break_code(server: DevServer) -> None:
    """Serve the error page."""
    is_page(server, "one")
    server.write("shop/views.py", "1 / 0\n")
    server.wait_for_output("waiting for a fix")


def begin_to_reload(server: DevServer) -> None:
    """Hold a reload up."""
    is_page(server, "one")
    server.path("hold").touch()
    server.edit("shop/views.py", '"one"', '"two"')
    wait_until(server.path("held").exists, "a reload that is held up")


def answer_slowly(server: DevServer) -> None:
    """Have a request in flight."""
    is_page(server, "one")

    def ask() -> None:
        try:
            server.get("/slow/")
        except Exception:  # noqa: BLE001 - whatever the end of the server does to it
            return

    threading.Thread(target=ask, daemon=True).start()
    wait_until(server.path("slow-began").exists, "the request's arrival")


STAGES = [begin_to_start, serve, break_code, begin_to_reload, answer_slowly]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_end_at_every_stage(tmp_path: Path, stage: Callable[[DevServer], None]) -> None:
    """The command could not be ended, or would leave processes and a used port behind."""
    ways: list[tuple[Callable[[DevServer], None], int]] = [
        (lambda server: server.interrupt(), 0),
        (lambda server: server.terminate(), 0),
        (lambda server: os.kill(server.pid, signal.SIGHUP), -signal.SIGHUP),
        (lambda server: os.kill(server.pid, signal.SIGKILL), -signal.SIGKILL),
    ]
    with reloading(tmp_path, terminal=True) as server:
        for number, (end, code) in enumerate(ways):
            server.write("shop/views.py", FILES["shop/views.py"])
            for name in ("hold", "held", "slow-began"):
                server.path(name).unlink(missing_ok=True)
            if stage is begin_to_start:
                server.path("hold").touch()
            if number:
                server.start()
            mark = server.mark()
            stage(server)
            before = server.output[mark:].count("Traceback")
            end(server)
            assert server.wait() == code
            server.all_gone()
            assert server.output[mark:].count("Traceback") == before


@pytest.mark.parametrize("stops", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_killed_without_a_terminal(
    tmp_path: Path, stage: Callable[[DevServer], None], *, stops: bool
) -> None:
    """Copies, spares and starts would stay for ever: no terminal tells them of its end."""
    with reloading(tmp_path) as server:
        if stage is begin_to_start:
            server.path("hold").touch()
        stage(server)
        processes = [process.pid for process in server.processes()]
        if stops:
            send_signals(processes, signal.SIGSTOP)
        server.kill_parent()
        if stops:
            send_signals((pid for pid in processes if pid != server.pid), signal.SIGCONT)
        server.all_gone()


def is_echoing(server: DevServer) -> bool:
    """Whether what is typed on the server's terminal can be seen."""
    return bool(termios.tcgetattr(server._output_end)[3] & termios.ECHO)


def test_echo_is_mended(tmp_path: Path) -> None:
    """After a debugger was cut short nobody would see what is typed any more."""
    with reloading(tmp_path, terminal=True) as server:
        is_page(server, "one")
        server.get("/mute/")
        assert not is_echoing(server)
        server.edit("shop/views.py", '"one"', '"two"')
        assert server.get("/").text == "two"
        wait_until(lambda: is_echoing(server), "echo on the terminal")
        server.get("/mute/")
        server.interrupt()
        assert server.wait() == 0
        assert is_echoing(server)


def test_breakpoint_in_a_view(tmp_path: Path) -> None:
    """The most common way to debug would not work, or a save would wreck the terminal."""
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(server.get("/stop/").text)
        except Exception as error:  # noqa: BLE001 - a cut connection is one of the outcomes
            answers.append(type(error).__name__)

    with reloading(tmp_path, terminal=True) as server:
        is_page(server, "one")
        for value in ("one", "two"):
            thread = threading.Thread(target=ask, daemon=True)
            mark = server.mark()
            thread.start()
            mark = server.type_at(PDB, "VALUE * 3\n", mark)
            mark = server.wait_for_output(f"'{value * 3}'", since=mark).end()
            if value == "one":
                server.type_at(PDB, "c\n", mark)
                thread.join(DEADLINE)
                assert answers == ["went on one"]
                server.edit("shop/views.py", '"one"', '"two"')
                assert server.get("/").text == "two"
        # Others are answered while the prompt is open.
        assert server.get("/").text == "two"
        server.edit("shop/views.py", '"two"', '"three"')
        server.wait_for_output("live when the prompt is left", since=mark)
        server.type_at(PDB, "c\n", mark)
        assert server.get("/").text == "three"
        thread.join(DEADLINE)
        assert answers[1] == "went on two"
        wait_until(lambda: is_echoing(server), "echo on the terminal")
        # The new process has the keyboard: its prompt answers.
        thread = threading.Thread(target=ask, daemon=True)
        mark = server.mark()
        thread.start()
        mark = server.type_at(PDB, "VALUE * 2\n", mark)
        mark = server.wait_for_output("'threethree'", since=mark).end()
        server.type_at(PDB, "c\n", mark)
        thread.join(DEADLINE)
        assert answers[2] == "went on three"
        server.interrupt()
        assert server.wait() == 0


def test_a_program_that_ends_itself(tmp_path: Path) -> None:
    """Code 3 would no longer mean a restart, or another code be hidden from the shell."""
    with reloading(tmp_path) as server:
        is_page(server, "one")
        for code in (3, 7):
            with pytest.raises(http.client.RemoteDisconnected):
                server.get(f"/leave/?code={code}")
            if code == 3:
                is_page(server, "one")
                server.wait_for_output("started again · live in")
        assert server.wait() == 7
