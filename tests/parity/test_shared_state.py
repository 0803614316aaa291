"""What a process writes into memory or files that it shares does not outlive a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from harness import output_of
from parity.reloaders import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

COUNTER = """
import mmap
PAGE = mmap.mmap(-1, 4096)
"""
VIEWS = """
from django.http import HttpResponse
from counter import PAGE

VALUE = "one"
READ = VALUE

def page(request):
    PAGE[0] += 1
    return HttpResponse(f"{VALUE} {PAGE[0]}")
"""
RAW_ARRAY = """
from multiprocessing.sharedctypes import RawArray
ARRAY = RawArray("i", 4)
"""
SHARED_MEMORY = """
from multiprocessing.shared_memory import SharedMemory
MEMORY = SharedMemory(create=True, size=10)
MEMORY.unlink()
"""
FILE = """
import mmap
from pathlib import Path
file = Path(__file__).with_name("map")
file.write_bytes(bytes(10))
with file.open("r+b") as opened:
    MAP = mmap.mmap(opened.fileno(), 10)
"""
OUTPUT = """
import os
from pathlib import Path
os.dup2(os.open(Path(__file__).with_name("out.log"), os.O_WRONLY | os.O_CREAT), 0)
"""
#: Ways to share, each with the reason that is shown for it.
WAYS = {
    "value": ("import multiprocessing as m\nV = m.Value('i')", r"memory is shared \(.+\)"),
    "raw array": (RAW_ARRAY, r"memory is shared \(pym-.+\)"),
    "lock": (
        "import multiprocessing as m\nLOCK = m.Lock()",
        r"memory is shared \(a semaphore or lock of multiprocessing\)",
    ),
    "shared_memory": (SHARED_MEMORY, r"memory is shared \(psm_.+\)"),
    "file": (FILE, r"memory is shared \(map\)"),
    "memfd": ("import os\nMEMORY = os.memfd_create('tea')", "memfd:tea is open for writing"),
    "temporary": (
        "import tempfile\nFILE = tempfile.TemporaryFile('a+')",
        r"\S+ is open for writing",
    ),
    "standard stream": (OUTPUT, "out.log is open for writing"),
}
#: Asks the rules, as before a copy is taken.
ASK = """
from django_autoreload_plus.child.fork.safety import Safety
safety = Safety()
import counter
print(safety.refusal())
"""
#: What only looks like it.
HARMLESS = """
import ctypes, mmap
from pathlib import Path
with open(__file__, "rb") as source:
    READ = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    PRIVATE = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_COPY)
GONE = mmap.mmap(-1, 10)
GONE.close()
CALLBACK = ctypes.CFUNCTYPE(None)(lambda: None)
LOG = Path(__file__).with_name("app.log").open("a")
"""


def test_shared_memory_begins_anew(parity_site: Callable[..., ParitySite]) -> None:
    """Counters, caches and queues in shared memory would never be empty again."""
    with parity_site({"views.py": VIEWS, "counter.py": COUNTER}, ready="import counter") as server:
        server.shows("one 1")
        for old, new in (("one", "two"), ("two", "three")):
            server.change("views.py", old, new)
            # Those of the old code have counted on.
            server.shows(f"{new} 1")


@pytest.mark.parametrize("name", WAYS)
def test_ways_of_sharing(tmp_path: Path, name: str) -> None:
    """Two processes would write to one memory, or take each other's locks."""
    counter, reason = WAYS[name]
    (tmp_path / "counter.py").write_text(counter, encoding="utf-8")
    assert re.match(reason, output_of(ASK, cwd=tmp_path))


def test_what_is_not_shared(tmp_path: Path) -> None:
    """A file mapped for reading or a callback from C would cost every fast reload."""
    with COPIES.maker(tmp_path)(
        {"counter.py": HARMLESS}, ready="import counter", env={"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
    ) as server:
        server.shows("one")
        mark = server.mark()
        server.change("views.py", "one", "two")
        server.shows("two")
        server.wait_for_output("from (setup|at|before)", since=mark)
        assert "no checkpoint" not in server.output
