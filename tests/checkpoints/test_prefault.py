"""The memory that a waiting process is given before it is needed."""

from __future__ import annotations

import mmap
import os
import sys
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site
from checkpoints.test_safety import BEFORE_PAGE, hazardous, set_level
from django_autoreload_plus.child.frozen import fork
from django_autoreload_plus.protocol.memory import PAGE, own_pages
from django_autoreload_plus.supervisor.checkpoints.prefault import make_own
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells of pages")

PAGES = 300
TEXT = b"".join(b"page %03d" % number + b" " * (PAGE - 8) for number in range(PAGES))


@pytest.fixture
def shared() -> Iterator[tuple[mmap.mmap, int]]:
    """Return memory that a process of its own shares with us, and the id of that process."""
    memory = mmap.mmap(-1, PAGES * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = TEXT
    orders, order = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(order)
        os.read(orders, 1)
        os._exit(0 if memory[:] == TEXT else 1)
    os.close(orders)
    yield memory, pid
    os.close(order)
    assert os.waitpid(pid, 0)[1] == 0, "the memory of the other process changed"


def pages_of(runs: tuple[tuple[int, int], ...]) -> set[int]:
    """Return the address of each page."""
    return {start + number * PAGE for start, count in runs for number in range(count)}


def test_written_pages_are_own_pages(shared: tuple[mmap.mmap, int]) -> None:
    """The wrong pages would be prepared."""
    memory, _ = shared
    before = pages_of(own_pages(os.getpid()))
    for number in (3, 4, 5, 200):
        memory[number * PAGE] = b"P"[0]
    new = pages_of(own_pages(os.getpid())) - before
    pattern = {0, PAGE, 2 * PAGE, 197 * PAGE}
    assert any({page + step for step in pattern} <= new for page in new)


def test_a_waiting_process_gets_pages_of_its_own(shared: tuple[mmap.mmap, int]) -> None:
    """A save would wait for the kernel to copy them, or worse, find other contents."""
    memory, pid = shared
    mine = pages_of(own_pages(os.getpid()))
    for number in range(100, 250):
        memory[number * PAGE] = b"p"[0]
    # Where the other process was alone before, and where we have just become so.
    written = pages_of(own_pages(os.getpid())) - mine
    start = min(page for page in written if {page + n * PAGE for n in range(150)} <= written)
    wanted = ((start - 100 * PAGE, 50),)
    assert not pages_of(wanted) & pages_of(own_pages(pid))
    for _ in make_own(pid, wanted):
        pass
    assert pages_of(wanted) <= pages_of(own_pages(pid))


def test_a_process_that_is_gone_is_no_error() -> None:
    """A spare that is killed in the meantime would end the command."""
    pid = fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert own_pages(pid) == ()
    assert list(make_own(pid, ((PAGE, 1000),))) == []


def waiting(server: Site, labels: set[str]) -> list[int]:
    """Return how many pages each process has for itself that waits below one of the copies."""
    copies = {pid for label, pid in server.copies().items() if label in labels}
    return [
        len(pages_of(own_pages(process.pid)))
        for process in server.processes()
        if process.parent in copies and process.command == "autoreload: ready to resume"
    ]


def test_the_second_edit_of_a_module_finds_its_memory_prepared(project: Path) -> None:
    """What most developers do next would be the slowest of all edits of that file."""
    hazardous(project, "")
    with Site(project) as server:
        server.answer("/page/", "level 0")
        set_level(server, 1)
        # Just made, it has some 500; going on, it would write to three times as many.
        wait_until(
            lambda: any(number > 1000 for number in waiting(server, BEFORE_PAGE)),
            "a process with memory of its own",
        )
