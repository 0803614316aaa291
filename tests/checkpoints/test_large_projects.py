"""What large projects do while they start, and what must not cost them fast reloads."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from checkpoints.places import Site, add_settings, add_view, before
from django_autoreload_plus.paths import shown
from harness import CAN_SWAP, DevServer, send_signals, wait_until

HANDLERS = """
import logging

class Quiet(logging.Handler):
    def emit(self, record):
        pass
"""
#: The handler's module is imported by the first statement after the settings, which take long
#: enough for a copy behind them.
SETTINGS = """
import ctypes, signal, sys, time

time.sleep(0.25)

LOGGING = {
    "version": 1,
    "handlers": {"quiet": {"class": "quiet_handlers.Quiet"}},
    "loggers": {"teas": {"handlers": ["quiet"]}},
}
LIBC = ctypes.CDLL(None)
LIBC.signal(signal.SIGHUP, ctypes.cast(LIBC.abs, ctypes.c_void_p))
LIBC.signal(signal.SIGTERM, ctypes.cast(LIBC.abs, ctypes.c_void_p))
sys.path.append(str(BASE_DIR / "site-packages"))
"""
PAGE = """
import signal

from django.http import HttpResponse

import tea_library

try:
    import optional_tea as tea
except ImportError:
    tea = None

def page(request):
    with open("/proc/self/status") as status:
        caught = next(line.split()[1] for line in status if line.startswith("SigCgt"))
    in_c = bool(int(caught, 16) >> signal.SIGHUP - 1 & 1)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return HttpResponse(
        f"{tea_library.name()}, {in_c}, {sorted(blocked)}, {tea and tea.NAME}"
    )
"""
#: Each module of this kind takes long enough to get a copy before the next one.
CLEANS_UP = """
import atexit, time

time.sleep(0.15)
atexit.register(print, "cleaned up {number}")
"""


def test_a_project_with_everything(project: Path) -> None:
    """Weblate's logging and signals, or an edit of a library, would make each reload slow."""
    (project / "quiet_handlers.py").write_text(HANDLERS, encoding="utf-8")
    (project / "optional_tea.py").write_text("NAME = 'Assam'\n", encoding="utf-8")
    library = project / "site-packages" / "tea_library.py"
    library.parent.mkdir()
    library.write_text("def name():\n    return 'one'\n", encoding="utf-8")
    add_settings(project, f"{SETTINGS}\nAUTORELOAD_PLUS = {{'CHECKPOINT_MEMORY': 512}}")
    add_view(project, "page", PAGE)
    with Site(project) as server:
        server.answer("/page/", "one, True, [], Assam")
        # Refused while logging was being configured, and taken soon after.
        copies = server.copies("settings", "apps", "setup", "ready")
        # What waits for orders hears nothing of what the terminal sends, then or later.
        waiting = (
            process.pid
            for process in server.processes()
            if process.pid in copies.values() or "ready to resume" in process.command
        )
        send_signals(waiting, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
        since = server.mark()
        server.edit("site-packages/tea_library.py", "one", "two")
        server.answer("/page/", "two, True, [], Assam")
        assert server.origin(since) != "start"
        assert "was not edited" not in server.output
        assert server.copies("settings", "apps", "ready")["apps"] == copies["apps"]
        # The very first request after a file has gone.
        server.path("optional_tea.py").unlink()
        assert server.get("/page/").text == "two, True, [], None"
        # Django looks for the models of an app, and then imports them.
        # The second start goes on from the copy that stands before them.
        for old, new in (("Teas and tastings.", "Teas."), ("Teas.", "Tea.")):
            since = server.mark()
            server.edit("teas/models.py", f'"{old}', f'"{new}')
            origin = server.origin(since)
            # One copy before them, not two: it is taken when nothing else is under way.
            wait_until(
                lambda: len(before("teas.models") & server.copies("settings", "ready").keys()) == 1,
                "a copy before the models",
            )
        assert origin in before("teas.models")


@pytest.mark.skipif(not CAN_SWAP, reason="values are never exchanged there")
def test_handlers_that_run_at_exit_do_not_push_copies_out(project: Path) -> None:
    """With certifi and Pillow loaded, an edit of the URLconf would import the settings, too."""
    for number in range(4):
        (project / f"cleans{number}.py").write_text(
            CLEANS_UP.format(number=number), encoding="utf-8"
        )
    imports = "\n".join(f"import cleans{number}" for number in range(4))
    add_view(project, "page", VIEW.format(imports=imports))
    add_settings(project, 'AUTORELOAD_PLUS = {"CHECKPOINT_LIMIT": 4}')
    with Site(project) as server:
        server.answer("/page/", "VALUE 0")
        for number in range(2):
            since = server.mark()
            server.edit("page.py", f"VALUE {number}", f"VALUE {number + 1}")
            server.answer("/page/", f"VALUE {number + 1}")
            server.origin(since)
            assert "cleaned up" not in server.output
        since = server.mark()
        server.edit("config/urls.py", "import page", "import page, json")
        assert server.origin(since) in ("setup", *before("config.urls"))
        since = server.mark()
        server.interrupt()
        server.wait()
        server.all_gone()
        for number in range(4):
            assert server.output.count(f"cleaned up {number}") >= 1


VIEW = """
from django.http import HttpResponse

{imports}

def page(request):
    return HttpResponse("VALUE 0")
"""


def test_refusals_of_the_first_start_are_told(project: Path) -> None:
    """``--verbosity 2`` would not say why the first reload is slow."""
    add_settings(project, "import socket\nHELD = socket.socket()")
    with DevServer(project, options=("--verbosity", "2")) as server:
        server.wait_for("/version/")
        server.wait_for_output(r"no checkpoint apps: a socket is open")


def test_paths_are_told_as_seen_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No terminal or editor opens them by a click otherwise."""
    package = tmp_path / "library" / "shop"
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert shown(str(package / "urls.py")) == str(Path("../library/shop/urls.py"))
    assert shown("/a.py") == "/a.py"
    package.mkdir(parents=True)
    monkeypatch.chdir(package)
    assert shown(str(package / "orders/views.py")) == str(Path("orders/views.py"))
