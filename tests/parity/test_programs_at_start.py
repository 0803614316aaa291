"""The answer of a program that was run while starting is asked for anew at each reload."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from harness import write_file
from parity.reloaders import COPIES, EXCHANGED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

VIEWS = """
from django.conf import settings
from django.http import HttpResponse

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {settings.WORD}")
"""
ANSWER = 'import subprocess\nWORD = subprocess.check_output(["cat", "word"], text=True)'
#: Each another way to run one.
WAYS = {
    "shell": 'os.popen("LANG=C cat word").close()',
    "system": 'os.system("cat word")',
    "spawn": 'os.waitpid(os.posix_spawn("/bin/cat", ["cat", "word"], os.environ), 0)',
    "fork": """
if not (child := os.fork()):
    os._exit(0)
os.waitpid(child, 0)
""",
}
TALKATIVE = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}


def test_a_program_run_by_the_settings(
    parity_site: Callable[..., ParitySite], tmp_path: Path
) -> None:
    """A version shown by ``git rev-parse`` would be that of the first start for ever."""
    (tmp_path / "word").write_text("first")
    with parity_site({"views.py": VIEWS}, settings=ANSWER) as server:
        server.shows("one first")
        (tmp_path / "word").write_text("second")
        server.change("views.py", "one", "two")
        server.shows("two second")
        (tmp_path / "word").write_text("third")
        # Of a body alone, which would otherwise be exchanged.
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, third")


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_to_run_a_program(tmp_path: Path, way: str) -> None:
    """What a shell, a fork or a spawned program answered would stay as it was."""
    (tmp_path / "word").write_text("first")
    reason = "settings forked a process" if way == "fork" else "the program cat was run"
    with COPIES.maker(tmp_path)(settings=WAYS[way], env=TALKATIVE) as server:
        server.shows("one")
        server.wait_for_output(rf"no checkpoint .+: {reason} while starting \(settings.py, line ")
        mark = server.mark()
        server.change("views.py", "one", "two")
        server.shows("two")
        server.wait_for_output("from (at )?settings", since=mark)


def test_programs_that_are_said_to_be_steady(tmp_path: Path) -> None:
    """Who runs a program of no consequence, or a library that does, would lose fast reloads."""
    (tmp_path / "word").write_text("first")
    settings = f"""
AUTORELOAD_PLUS = {{"STEADY": ["cat"]}}
import ctypes.util, platform, uuid
ctypes.util.find_library("c"), platform.processor(), uuid.getnode()
{ANSWER}
"""
    with COPIES.maker(tmp_path)({"views.py": VIEWS}, settings=settings, env=TALKATIVE) as server:
        server.shows("one first")
        (tmp_path / "word").write_text("second")
        mark = server.mark()
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("one, first")
        server.wait_for_output(EXCHANGED, since=mark)


QUERIES = """
import subprocess

def answer(command):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, cwd=BASE_DIR, shell=isinstance(command, str)
        ).stdout.strip()
    except FileNotFoundError:
        return "missing"

GIT = answer(["git", "version"])[:3] + answer([sys.executable, "--version"])[:2]
WORD = " ".join([GIT, answer("git log -1 --format=%s 2>/dev/null"), answer(["./teller"])])
"""


def test_questions_whose_answers_can_be_compared(tmp_path: Path) -> None:
    """Who shows the commit, or uses a library that asks for git's version, would reload slowly."""
    _git(tmp_path, "init", "-q", "-b", "main")
    _git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    site = COPIES.maker(tmp_path)
    with site({"views.py": VIEWS}, settings=QUERIES, env=TALKATIVE) as server:
        server.shows("one gitPy first missing")
        mark = server.mark()
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("one, gitPy first missing")
        server.wait_for_output(EXCHANGED, since=mark)
        _git(tmp_path, "commit", "-q", "--allow-empty", "-m", "second")
        server.change("views.py", "{VALUE}, {", "{VALUE} {")
        server.shows("one gitPy second missing")
        assert "the old process ends first" not in server.output
        write_file(tmp_path / "teller", "#!/bin/sh\necho told\n")
        (tmp_path / "teller").chmod(0o755)
        server.change("views.py", "{VALUE} {", "{VALUE}; {")
        server.shows("one; gitPy second told")


def _git(folder: Path, *words: str) -> None:
    git = ("git", "-c", "user.name=tea", "-c", "user.email=tea@example.org")
    subprocess.run([*git, *words], cwd=folder, check=True)
