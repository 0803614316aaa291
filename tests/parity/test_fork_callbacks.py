"""What a program registers for forked processes is not run by a reload."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.child.fork.at_fork import DEPENDING, KNOWN
from harness import output_of, write_file
from parity.reloaders import COPIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

KEEP = """
import os

RUN = []
os.register_at_fork(
    before=lambda: RUN.append("before"),
    after_in_parent=lambda: RUN.append("parent"),
    after_in_child=lambda: RUN.append("child"),
)
"""
VIEWS = """
from django.http import HttpResponse
import keep

VALUE = "one"
READ = VALUE

def page(request):
    return HttpResponse(f"{VALUE} {keep.RUN}")
"""
#: Asks the rule, as before a copy is taken.
ASK = """
from django_autoreload_plus.child.fork.at_fork import AtFork
at_fork = AtFork()
at_fork.install()
import {module}
print(at_fork.reason(()))
at_fork.remove()
import os
assert type(os.register_at_fork) is type(id)
"""
#: Imports a module as the import system does one in C: it registers without a frame of its own.
IMPORTER = """
import functools, operator, os, sys, types
from importlib.machinery import ModuleSpec

class InC:
    @staticmethod
    def find_spec(name, *_):
        return ModuleSpec(name, InC) if name == "in_c" else None

    @staticmethod
    def create_module(spec):
        module = types.ModuleType("in_c")
        module.begin = functools.partial(os.register_at_fork, after_in_child=list)
        return module

    exec_module = operator.methodcaller("begin")

sys.meta_path.insert(0, InC)
import in_c
"""
#: Registers as that module of Python's does since 3.15, which bears the name of the import system.
PYTHONS_OWN = """
import importlib.metadata, os

code = compile("os.register_at_fork(after_in_child=list)", importlib.metadata.__file__, "exec")
exec(code, {"__name__": "importlib.metadata", "os": os})
"""


def test_no_function_runs(parity_site: Callable[..., ParitySite]) -> None:
    """A client would reconnect, a generator be seeded, or a warning be printed at each reload."""
    # Early, so that copies would be taken after it.
    files = {"views.py": VIEWS, "keep.py": KEEP}
    with parity_site(files, settings="\nimport keep\n") as server:
        server.shows("one []")
        server.change("views.py", '"one"', '"two"')
        server.shows("two []")
        server.change("views.py", "{VALUE} {", "{VALUE}, {")
        server.shows("two, []")


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("keep", r"keep registered a function for forked processes while starting \(keep.py, "),
        ("logging, random, threading, concurrent.futures.thread, asyncio", "None"),
        ("pythons_own", "None"),
        *((known, "None") for known in sorted(KNOWN)),
        # A version of it that nothing is known of.
        ("filelock", "filelock registered a function for forked processes"),
        ("importer", "importer registered a function for forked processes"),
    ],
)
def test_who_registers(tmp_path: Path, module: str, reason: str) -> None:
    """Every project would lose its fast reloads to Python's own modules, or none would."""
    files = {"keep": KEEP, "importer": IMPORTER, "pythons_own": PYTHONS_OWN}
    files |= dict.fromkeys([*KNOWN, *DEPENDING], KEEP)
    for name, text in files.items():
        write_file(tmp_path / f"{name}.py", text)
    assert re.match(reason, output_of(ASK.format(module=module), cwd=tmp_path))


def test_a_library_that_is_named(tmp_path: Path) -> None:
    """Who knows that a library's functions change nothing would still be reloaded slowly."""
    settings = '\nAUTORELOAD_PLUS["FORK_SAFE"] = ["keep"]\nimport keep\n'
    views = VIEWS.replace("keep.RUN", "len(keep.RUN) >= 0")
    with COPIES.maker(tmp_path)(
        {"views.py": views, "keep.py": KEEP},
        settings=settings,
        env={"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"},
    ) as server:
        server.shows("one True")
        server.change("views.py", '"one"', '"two"')
        server.shows("two True")
        assert "AP234" not in server.output
