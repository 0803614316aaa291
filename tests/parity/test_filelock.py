"""A lock of filelock works in no process but the one that made it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from harness import CAN_SWAP, output_of
from parity.reloaders import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parity.reloaders import ParitySite

#: Locks while it is imported, and lets go.
CACHE = """
from filelock import SoftFileLock

with SoftFileLock("cache.lock"):
    VALUE = "cached"
"""
KEEPS = """
from filelock import FileLock

LOCK = FileLock("kept.lock")
"""
VIEWS = """
from django.http import HttpResponse
from filelock import FileLock, SoftFileLock
{imports}

VALUE = "one"

def page(request):
    with {lock} as lock:
        return HttpResponse(f"{{VALUE}} {{lock.is_locked}}")
"""
#: Asks the rule, as before a copy is taken.
ASK = """
from django_autoreload_plus.child.fork.at_fork import AtFork
at_fork = AtFork()
at_fork.install()
import filelock

class Path:
    def __fspath__(self):
        print(at_fork.reason(()))
        return "made.lock"

{statements}
print(at_fork.reason(()))
"""
REFUSED = "a lock of filelock exists (made.lock), and would work in no other process (AP234)"
KINDS = (
    "filelock.FileLock",
    "filelock.SoftFileLock",
    "filelock.ReadWriteLock",
    "filelock.SoftReadWriteLock",
    "filelock.AsyncReadWriteLock",
    "filelock.AsyncFileLock",
)


@contextlib.contextmanager
def edited(
    parity_site: Callable[..., ParitySite], files: dict[str, str], module: str
) -> Iterator[ParitySite]:
    """Serve a site whose settings import a module, and reload it twice: the locks work."""
    site = parity_site(
        files, settings=f"\nimport {module}\n", env={"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
    )
    with site as server:
        server.shows("one True")
        server.change("views.py", '"one"', '"two"')
        server.shows("two True")
        server.change("urls.py", "urlpatterns", "import json\nurlpatterns")
        server.shows("two True")
        yield server


def test_locks_of_requests(parity_site: Callable[..., ParitySite]) -> None:
    """Each project with huggingface_hub, tldextract or virtualenv would have no copies."""
    views = VIEWS.format(imports="", lock='SoftFileLock("of-request.lock")')
    with edited(parity_site, {"views.py": views, "cache.py": CACHE}, "cache") as server:
        assert "AP234" not in server.output
        if server.reloader is COPIES:
            server.wait_for_output("from ready" if CAN_SWAP else "from (at |setup|before )")


def test_a_lock_that_is_kept(parity_site: Callable[..., ParitySite]) -> None:
    """It raises an error in a process that was forked after it was made."""
    views = VIEWS.format(imports="import keeps", lock="keeps.LOCK")
    with edited(parity_site, {"views.py": views, "keeps.py": KEEPS}, "keeps") as server:
        if server.reloader is COPIES:
            server.wait_for_output("a lock of filelock exists")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_lock(tmp_path: Path, kind: str) -> None:
    """A kind that is not seen would raise errors after a reload."""
    statements = f'lock = {kind}("made.lock")\nprint(at_fork.reason(()))\ndel lock'
    assert output_of(ASK.format(statements=statements), cwd=tmp_path) == f"{REFUSED}\nNone\n"


def test_a_lock_that_is_being_made(tmp_path: Path) -> None:
    """It is not among those that exist, and filelock refuses every fork meanwhile."""
    said = output_of(ASK.format(statements="filelock.FileLock(Path())"), cwd=tmp_path)
    assert "filelock registered a function for forked processes" in said
    assert said.endswith("\nNone\n")
