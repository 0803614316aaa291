"""A process id that a program keeps is that of the process that serves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from harness import output_of
from parity.reloaders import COPIES, EXCHANGED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

KEEP = """
import os
from pathlib import Path
PID = os.getpid()
Path(__file__).with_name("server.pid").write_text(str(PID))
"""
VIEWS = """
import os
from pathlib import Path
from django.http import HttpResponse
import keep

VALUE = "one"
READ = VALUE

def page(request):
    written = int(Path(keep.__file__).with_name("server.pid").read_text())
    return HttpResponse(f"{VALUE} {[keep.PID, written] == [os.getpid()] * 2}")
"""
#: Ways to learn the id, each with the reason that is shown for it.
WAYS = {
    "name": ("from os import getpid\nPID = getpid()", "keep asked for the process id"),
    "parent": ("import os\nPID = os.getppid()", "keep asked for the id of the parent process"),
    "thread": (
        "import threading\nPID = threading.get_native_id()",
        "keep asked for the native id of a thread",
    ),
    "multiprocessing": (
        "import multiprocessing\nPID = multiprocessing.current_process().pid",
        "keep asked for the process id",
    ),
}
#: Asks the rule, as before a copy is taken.
ASK = """
from django_autoreload_plus.child.fork.process_ids import ProcessIds
process_ids = ProcessIds()
process_ids.install()
import keep
print(process_ids.reason(()))
"""
#: What asks for the id and keeps none.
HARMLESS = """
import logging, random, tempfile, uuid
logging.getLogger("tea").warning("kettle on")
tempfile.NamedTemporaryFile().close()
uuid.uuid4()
random.random()
"""


def test_an_id_kept_at_import(parity_site: Callable[..., ParitySite]) -> None:
    """A script that signals the process named in its pid file would hit another one."""
    # Early, so that copies would be taken after it.
    with parity_site({"views.py": VIEWS, "keep.py": KEEP}, settings="\nimport keep\n") as server:
        server.shows("one True")
        server.change("views.py", "one", "two")
        server.shows("two True")
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, True")


@pytest.mark.parametrize("name", WAYS)
def test_ways_of_asking(tmp_path: Path, name: str) -> None:
    """An id that was asked for in another way would be that of a process that has gone."""
    keep, reason = WAYS[name]
    (tmp_path / "keep.py").write_text(keep, encoding="utf-8")
    answer = output_of(ASK, cwd=tmp_path)
    assert re.match(rf"{reason} while starting \(keep.py, line 2\)", answer)


def test_libraries_that_keep_no_id(tmp_path: Path) -> None:
    """One log record written while starting would cost every fast reload."""
    # Afterwards the functions are the interpreter's own again.
    views = VIEWS.replace("[keep.PID, written] == [os.getpid()] * 2", "type(os.getpid) is type(id)")
    views = views.replace("    written = ", "    # ")
    with COPIES.maker(tmp_path)(
        {"keep.py": HARMLESS, "views.py": views},
        ready="import keep",
        env={"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"},
    ) as server:
        server.shows("one True")
        mark = server.mark()
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("one, True")
        server.wait_for_output(EXCHANGED, since=mark)
        assert "no checkpoint" not in server.output
