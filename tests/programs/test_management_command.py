"""``manage.py autoreload COMMAND``: a management command that follows its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from command.sites import make_site, manage
from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

#: A queue worker: does its work in a loop, finishes what it is at, and tells who it is.
WORKER = """
import signal, sys, time
from django.core.management.base import BaseCommand, CommandError
from shop import tasks

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--queue", default="default")

    def handle(self, **options):
        if options["queue"] == "wrong":
            raise CommandError("no such queue")
        self.stdout.write(f"{sys.argv[1:]} {options['queue']}")
        self.ends = False
        signal.signal(signal.SIGTERM, self.end)
        while not self.ends:
            self.stdout.write(f"works with {tasks.VALUE}")
            while not self.ends:
                time.sleep(0.01)
        self.stdout.write("has finished")

    def end(self, *args):
        self.ends = True
"""
CHECK = """VALUE = 1
from django.core import checks

@checks.register
def check(**kwargs):
    return [checks.Error("too little tea")]
"""
FILES = {
    "shop/tasks.py": "VALUE = 1\n",
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/work.py": WORKER,
}


def command(root: Path, *words: str) -> DevServer:
    """Return ``manage.py words`` in a new site."""
    site = make_site(root, FILES)
    return DevServer(site, command=manage(*words), env={"PYTHONUNBUFFERED": "1"})


def test_a_worker(tmp_path: Path) -> None:
    """A queue worker would go on with old code until somebody remembers it."""
    with command(tmp_path, "autoreload", "work", "--queue", "mail") as it:
        it.wait_for_output(r"\['work', '--queue', 'mail'\] mail")
        it.wait_for_output("works with 1")
        it.write("shop/tasks.py", "VALUE = 2\n")
        it.wait_for_output("has finished\n(.*\n)*works with 2")
        it.write("shop/tasks.py", "VALUE = 1 / 0\n")
        it.wait_for_output("ZeroDivisionError.* waiting for a fix")
        # What a command says by an exit code is said about the new code.
        it.write("shop/tasks.py", CHECK)
        it.wait_for_output("too little tea")
        it.wait_for_output("SystemExit.* waiting for a fix|sys.exit.* waiting for a fix")
        mark = it.mark()
        it.write("shop/tasks.py", "VALUE = 3\n")
        it.wait_for_output("works with 3", since=mark)
        it.terminate()
        assert it.wait() == 0
        it.all_gone()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("autoreload", "wrok"), 1, "Unknown command: 'wrok'. Did you mean work?"),
        (("autoreload",), 2, "the following arguments are required: COMMAND\n"),
        (
            ("autoreload", "--grace", "3", "work"),
            2,
            "autoreload: error: unrecognized arguments: --g",
        ),
        (("autoreload", "autoreload", "work"), 1, "this command is started anew already"),
        (("autoreload", "--help"), 0, "such as a worker, and starts it anew"),
        (("autoreload", "work", "--help"), 0, "--queue"),
        (("autoreload", "work", "--queue"), 2, "--queue: expected one argument"),
        (("autoreload", "--no-color", "work", "--queue=wrong"), 1, "CommandError: no such queue"),
        (("autoreload", "-v2", "--trace", "--", "work", "--queue"), 2, "--queue: expected one arg"),
    ],
)
def test_a_wrong_command_line(tmp_path: Path, words: tuple[str, ...], code: int, says: str) -> None:
    """A mistyped command would wait for an edit that cannot mend it."""
    with command(tmp_path, *words) as it:
        assert it.wait() == code
    assert says in it.output
    assert "Traceback" not in it.output
