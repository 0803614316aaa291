"""Where there are no Unix sockets, as on Windows, nothing gets worse."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from command.programs import checkout, program
from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

    from harness import Response

#: Takes away what Windows lacks, from every process that finds this module.
LACKING = """
import asyncio, os, select, selectors, signal, socket, subprocess, sys, tempfile
del socket.SCM_RIGHTS, socket.AF_UNIX, os.fork, select.poll, selectors.PollSelector
del signal.SIGCHLD, signal.SIGHUP, signal.SIGIO, signal.SIGRTMAX, signal.setitimer
sys.modules["fcntl"] = sys.modules["termios"] = sys.modules["resource"] = None
"""


def test_django_reloads_itself(project: Path, tmp_path: Path) -> None:
    """A project shared with somebody on Windows could not be served there."""
    (tmp_path / "sitecustomize.py").write_text(LACKING, encoding="utf-8")
    search = os.pathsep.join([str(tmp_path), str(checkout())])
    with DevServer(project, env={"PYTHONPATH": search}) as server:
        server.wait_for("/version/")
        server.wait_for_output("does not work on this platform yet: Django's own reloader is used")
        server.edit("teas/views.py", 'VERSION = "1"', 'VERSION = "2"')

        def is_followed(answer: Response) -> bool:
            if answer.text == "version 1":
                # Django's reloader misses an edit made before its first look at the files.
                server.path("teas/views.py").touch()
            return answer.text == "version 2"

        server.wait_for("/version/", is_followed)
    assert server.output.count("does not work on this platform") == 1


def test_a_program_is_told(tmp_path: Path) -> None:
    """A program's author would get a traceback from somewhere deep inside."""
    source = "from django_autoreload_plus import autoreload\nautoreload.main(print)\n"
    files = {"sitecustomize.py": LACKING, "program.py": source}
    with program(tmp_path, files, env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{checkout()}"}) as it:
        assert it.wait() == 1
    assert "NotImplementedError: django-autoreload-plus needs Unix sockets" in it.output


def test_the_command_line_is_told(tmp_path: Path) -> None:
    """The same for a program that is run by the module: a traceback, or a wait without an end."""
    files = {"sitecustomize.py": LACKING, "program.py": "print('runs')\n"}
    search = f"{tmp_path}{os.pathsep}{checkout()}"
    command = (sys.executable, "-m", "django_autoreload_plus", "program.py")
    with program(tmp_path, files, command=command, env={"PYTHONPATH": search}) as it:
        assert it.wait() == 1
    assert it.output.startswith("error: django-autoreload-plus needs Unix sockets")
