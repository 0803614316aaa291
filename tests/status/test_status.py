"""The status of a running command, asked for from outside."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from command.sites import make_site, manage, site
from django_autoreload_plus import status
from django_autoreload_plus.protocol import status_socket
from django_autoreload_plus.protocol.reasons import KINDS
from harness import DEADLINE, NOT_INHERITED, DevServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "status.md"
#: Seconds for which the script edits, breaks and mends; set it to a minute or more by hand.
SCRIPT_TIME = float(os.environ.get("STATUS_SCRIPT_TIME", "4"))
STATUS = (sys.executable, "-m", "django_autoreload_plus", "--status")
#: A check that fails when its module says so.
CHECKS = """
from django.core import checks

BAD = False


@checks.register
def bad_cup(app_configs, **kwargs):
    return [checks.Error("the cup is cracked")] if BAD else []
"""
#: Shows what it has loaded.
WORK = """
import time, cup
open("shown", "w").write(cup.VALUE)
while True:
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """Return a server whose files every test leaves as they were."""
    files = {"shop/checks.py": CHECKS}
    urls = "import shop.checks\n"
    root = tmp_path_factory.mktemp("status") / "site"
    make_site(root, files)
    text = (root / "site_urls.py").read_text()
    (root / "site_urls.py").write_text(urls + text)
    with DevServer(root, env={"PYTHONUNBUFFERED": "1"}) as running:
        running.wait_for("/")
        yield running


def asked(server: DevServer, wait: float | None = DEADLINE) -> dict[str, Any]:
    """Ask as the command does, in this process."""
    (answer,) = status.ask(status.find([str(server.root)], server.pid), wait)
    assert isinstance(answer, dict)
    return answer


def run(
    *words: str, cwd: Path, command: Sequence[str] = STATUS
) -> subprocess.CompletedProcess[str]:
    """Run the status command."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return subprocess.run(
        [*command, *words],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=False,
    )


@dataclass
class Script:
    """Edits two files at random; ``value`` is what the page shows unless ``mistake``."""

    server: DevServer
    chosen: random.Random
    value: str = "one"
    mistake: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        self.views, self.urls = (
            self.server.path(name).read_text() for name in ("shop/views.py", "site_urls.py")
        )

    def body(self) -> None:
        """Change a function's body."""
        self.value = f"body {self.number}"
        self._save(self.views.replace("HttpResponse(VALUE)", f"HttpResponse({self.value!r})"))

    def module(self) -> None:
        """Change module-level code."""
        self.value = f"module {self.number}"
        self._save(self._good())

    def urls_of_the_site(self) -> None:
        """Change the URLconf, and mend the other file."""
        self._save(self._good())
        self.server.write("site_urls.py", f"{self.urls}\nNUMBER = {self.number}\n")

    def syntax(self) -> None:
        """Break it so that it does not compile."""
        self.mistake = "SyntaxError"
        self._save(self._good() + "\ndef broken(:\n")

    def raises(self) -> None:
        """Break it so that it cannot be imported."""
        self.mistake = "RuntimeError: spilt"
        self._save(self._good() + "\nraise RuntimeError('spilt')\n")

    def mends_at_once(self) -> None:
        """Break it, and mend it with another value."""
        self._save("def broken(:\n")
        self.module()

    def same(self) -> None:
        """Save what is there, or was."""
        self._save(self._good())

    def _good(self) -> str:
        return self.views.replace('"one"', repr(self.value))

    def _save(self, text: str) -> None:
        self.server.write("shop/views.py", text, atomic=self.chosen.random() < 0.5)

    def step(self) -> None:
        """Make an edit, ask, and compare with what is served."""
        self.number += 1
        self.mistake = ""
        edits = (self.body, self.module, self.urls_of_the_site, self.syntax, self.raises)
        edit = self.chosen.choice((*edits, self.mends_at_once, self.same))
        edit()
        code: int | None = None
        if self.number % 6 == 0:
            told = run("--json", "--wait", "30", cwd=self.server.root / "shop")
            code, answer = told.returncode, json.loads(told.stdout)
        else:
            answer = asked(self.server)
        page = self.server.get()
        context = edit.__name__, self.number, page.text[:200], answer["reloads"][-3:]
        assert answer["state"] == ("broken" if self.mistake else "live"), context
        assert code in (None, int(bool(self.mistake))), context
        if self.mistake:
            assert page.status == 500, context
            assert self.mistake in answer["failure"]["summary"], context
            assert self.mistake in answer["failure"]["text"], context
        else:
            assert answer["failure"] is None, context
            assert (page.status, page.text) == (200, self.value), context
        for reload in answer["reloads"]:
            assert {reason["code"] for reason in reload["reasons"]} <= KINDS.keys()


def test_a_script_that_edits_breaks_and_mends(server: DevServer) -> None:
    """A coding agent would go on with code that is not what it has just saved."""
    script = Script(server, random.Random(7))
    try:
        end = time.monotonic() + SCRIPT_TIME
        while time.monotonic() < end or script.number < 12:
            script.step()
    finally:
        print(f"{script.number} edits")  # noqa: T201 - shown where it fails, or by hand
        server.write("shop/views.py", script.views)
        server.write("site_urls.py", script.urls)
    assert asked(server)["state"] == "live"


def test_every_key_is_documented(server: DevServer) -> None:
    """A tool could not rely on what it finds."""
    views = server.path("shop/views.py").read_text()
    server.write("shop/views.py", views + "\n1 / 0\n")
    broken = asked(server)
    server.write("shop/views.py", views)
    # Copies that are no longer needed end a moment after the answer.
    pids = {process.pid for process in server.processes()}
    answer = asked(server)
    pids |= {process.pid for process in server.processes()}
    document = DOCUMENT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \| ", document, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert answer.keys() | answer["reloads"][-1].keys() == documented
    nested = [answer["copies"][0], answer["watcher"], broken["failure"]]
    nested.append(answer["watcher"]["reason"])
    for part in nested:
        assert all(f"`{name}`" in document for name in part)
    assert answer["pid"] == server.pid
    assert answer["program"] in pids
    assert {copy["pid"] for copy in answer["copies"]} <= pids
    assert answer["watcher"]["reason"]["code"] == "AP301"
    assert broken["reloads"][-1]["way"] == "copy"
    code = "AP101" if sys.version_info >= (3, 12) else "AP140"
    assert [reason["code"] for reason in broken["reloads"][-1]["reasons"]] == [code]
    assert answer["reloads"][-1]["reasons"][0]["code"] == "AP311"


def test_checks_belong_to_the_decision(server: DevServer) -> None:
    """A failing check would turn up after an agent has been told that all is well."""
    server.edit("shop/checks.py", "BAD = False", "BAD = True")
    broken = run("--wait", cwd=server.root)
    server.edit("shop/checks.py", "BAD = True", "BAD = False")
    live = run("--wait", cwd=server.root)
    assert broken.returncode == 1
    assert broken.stdout.startswith("broken · ")
    assert "the cup is cracked" in broken.stdout
    assert live.returncode == 0
    assert live.stdout.startswith("live · ")
    assert "shop/checks.py" in live.stdout


def test_clients_that_send_rubbish_or_nothing(server: DevServer) -> None:
    """A tool that misbehaves could stop every reload."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(8):
            for text in (b"", b"\n", b"[1]\n", b"{", b"\xff" * 9000, b'{"wait": true}\n'):
                ((_place, client),) = status.find([str(server.root)], server.pid)
                stack.enter_context(client)
                clients.append(client)
                with contextlib.suppress(OSError):
                    client.sendall(text)
        server.edit("shop/views.py", '"one"', '"through"')
        assert asked(server)["state"] == "live"
        assert server.get().text == "through"
    server.edit("shop/views.py", '"through"', '"one"')
    assert asked(server)["state"] == "live"


def test_broken_models_do_not_stop_the_command(server: DevServer) -> None:
    """The status could not be asked for just when it matters."""
    server.write("shop/models.py", "1 / 0\n")
    told = run("--wait", "--json", cwd=server.root, command=manage("autoreload_status"))
    server.path("shop/models.py").unlink()
    assert (told.returncode, told.stderr) == (1, "")
    assert json.loads(told.stdout)["failure"]["summary"].startswith("ZeroDivisionError")
    told = run("--wait", "-v1", cwd=server.root, command=manage("autoreload_status"))
    assert (told.returncode, told.stderr) == (0, "")
    told = run("--wait", "soon", cwd=server.root, command=manage("autoreload_status"))
    assert told.returncode == 2
    assert "argument --wait: 'soon' is not a number of seconds" in told.stderr


def test_scanned_files_and_several_commands(server: DevServer) -> None:
    """Where files are scanned the answer could be older than the save."""
    server.write("work.py", WORK)
    server.write("cup.py", "VALUE = 'one'\n")
    words = (sys.executable, "-m", "django_autoreload_plus", "--polling", "work.py")
    with DevServer(server.root, command=words) as worker:
        wait_until(lambda: len(told_by_all(server.root)) == 2, "both are there")
        # Both are asked, as both belong to the project.
        server.write("cup.py", "VALUE = 'other'\n")
        server.edit("shop/views.py", '"one"', '"other"')
        answers = told_by_all(server.root, "--wait")
        assert [answer["state"] for answer in answers] == ["live", "live"]
        assert {answer["pid"] for answer in answers} == {server.pid, worker.pid}
        assert server.get().text == "other"
        # One that does nothing for a second is taken to work: here it is just slow, perhaps.
        wait_until(lambda: server.path("shown").read_text() == "other", "the other value")
        for text in ("VALUE = 'a'\n", "VALUE = (\n", "VALUE = 'b'\n"):
            server.write("cup.py", text)
            (answer,) = told_by_all(server.root, "--wait", "--pid", str(worker.pid))
            assert answer["state"] == ("broken" if "(" in text else "live")
        wait_until(lambda: server.path("shown").read_text() == "b", "the last value")
        assert answer["watcher"]["name"] == "polling"
        assert answer["watcher"]["reason"]["code"] == "AP302"
        # Passed over when it was killed; the next one removes what is left.
        gone = worker.pid
        worker.kill_parent()
        worker.all_gone()
        assert socket_of(gone)
        assert [answer["pid"] for answer in told_by_all(server.root)] == [server.pid]
        assert run("--pid", str(gone), cwd=server.root).returncode == 2
        worker.start()
        wait_until(lambda: len(told_by_all(server.root)) == 2, "both are there")
        assert not socket_of(gone)
        path = socket_of(worker.pid)
        assert path
        worker.interrupt()
        worker.wait()
        assert not path.exists()
    server.edit("shop/views.py", '"other"', '"one"')
    for name in ("work.py", "cup.py", "shown"):
        server.path(name).unlink()
    assert asked(server)["state"] == "live"


def told_by_all(folder: Path, *words: str) -> list[dict[str, Any]]:
    """Ask every command of a project."""
    told = run("--json", *words, cwd=folder)
    return [json.loads(line) for line in told.stdout.splitlines()]


def socket_of(pid: int) -> Path | None:
    """Return the socket of a command, if there is one."""
    return next((Path(p.path) for p in status_socket.endpoints() if p.pid == pid), None)


def test_a_start_that_takes_its_time(tmp_path: Path) -> None:
    """An answer while the program starts, or starts anew, would be about something older."""
    go = tmp_path / "go"
    waits = f"\nimport time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n"
    words = (sys.executable, "-m", "django_autoreload_plus", "manage.py", "runserver", "{address}")
    server = site(tmp_path / "site", settings=waits, command=words)
    with server:
        wait_until(lambda: socket_of(server.pid) is not None, "it can be asked")
        assert asked(server, None)["state"] == "starting"
        told = run("--wait", "0.3", cwd=server.root)
        assert (told.returncode, told.stdout) == (3, "")
        assert re.fullmatch(r"Not everything .* within 0\.3 seconds\.\n", told.stderr)
        answers: list[dict[str, Any]] = []
        asking = threading.Thread(target=lambda: answers.append(asked(server)))
        asking.start()
        # Not loaded yet, and what is under way is not given up for it.
        server.edit("shop/views.py", '"one"', '"early"')
        go.touch()
        asking.join(DEADLINE)
        assert answers[0]["state"] == "live"
        assert server.get().text == "early"
        # A start under way is given up, and a mistake takes its place.
        go.unlink()
        server.edit("site_settings.py", "USE_TZ = True", "USE_TZ = 1")
        wait_until(lambda: asked(server, None)["state"] == "starting", "another start")
        asking = threading.Thread(target=lambda: answers.append(asked(server)))
        asking.start()
        server.write("shop/views.py", "def (:\n")
        asking.join(DEADLINE)
        assert answers[1]["state"] == "broken"
        server.terminate()
        server.wait()
    told = run("--wait", cwd=server.root)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "No command of this project is running under django-autoreload-plus.\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--jsno", "unrecognized arguments: --jsno"),
        ("--wait soon", "argument --wait: 'soon' is not a number of seconds"),
        ("--wait 0", "argument --wait: there is no time to wait"),
        ("--pid one", "argument --pid: invalid int value: 'one'"),
    ],
)
def test_a_wrong_command_line(tmp_path: Path, words: str, sentence: str) -> None:
    """Who mistypes an option would have to look for what is wrong below other lines."""
    told = run(*words.split(), cwd=tmp_path)
    assert (told.returncode, told.stdout, told.stderr) == (2, "", f"error: {sentence}\n")


def test_a_folder_that_others_can_enter_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another user could pretend to be the command, or ask it."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory() as parent:
        monkeypatch.setenv("XDG_RUNTIME_DIR", parent)
        folder = Path(status_socket.candidates()[0])
        assert folder.parent == Path(parent)
        folder.mkdir()
        folder.chmod(0o755)
        listening, path = status_socket.listen([parent], os.getpid())
        status_socket.remove(listening, path)
        assert Path(path).parent != folder
        folder.chmod(0o700)
        listening, path = status_socket.listen([parent], os.getpid())
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert status_socket.is_of_this_user(client)
        status_socket.remove(listening, path)
        assert Path(path).parent == folder
        assert not folder.exists()


def test_a_module_that_was_imported_just_before(server: DevServer) -> None:
    """What a request has imported for the first time would be edited unseen."""
    views = server.path("shop/views.py").read_text()
    lazy = views.replace("HttpResponse(VALUE)", "HttpResponse(__import__('shop.late').late.VALUE)")
    server.write("shop/late.py", "VALUE = '0'\n")
    for number in range(4):
        server.write("shop/views.py", f"{lazy}\nNUMBER = {number}\n")
        assert asked(server)["state"] == "live"
        assert server.get().text == f"{number}"
        server.write("shop/late.py", f"VALUE = '{number + 1}'\n")
        assert asked(server)["state"] == "live"
        assert server.get().text == f"{number + 1}"
    server.write("shop/views.py", views)
    server.path("shop/late.py").unlink()
    assert asked(server)["state"] == "live"


#: By what is added to the settings: how a changed body gets live then, and the codes why.
OBSTACLES = {
    "AUTORELOAD_PLUS = {'SWAP': False}": ("copy", ["AP141"]),
    "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()": (
        "copy",
        ["AP142", "AP206"],
    ),
    "AUTORELOAD_PLUS = {'CHECKPOINTS': False}": ("start", ["AP201"]),
}


def test_why_a_reload_was_not_faster(server: DevServer) -> None:
    """Nobody could find out what to change for fast reloads."""
    settings = server.path("site_settings.py").read_text()
    views = server.path("shop/views.py").read_text()
    told = {}
    try:
        for number, line in enumerate(OBSTACLES):
            server.write("site_settings.py", f"{settings}\n{line}\n")
            assert asked(server)["state"] == "live"
            server.write("shop/views.py", views.replace('"slow "', f'"slow {number} "'))
            answer = asked(server)
            last = answer["reloads"][-1]
            told[line] = (last["way"], [reason["code"] for reason in last["reasons"]])
    finally:
        server.write("site_settings.py", settings)
        server.write("shop/views.py", views)
    assert asked(server)["state"] == "live"
    assert told == OBSTACLES
