"""The memory of a process, read without a trace."""

from __future__ import annotations

import sys

import pytest

from harness import output_of

_PROGRAM = """
import os, sys
from django_autoreload_plus.protocol import memory
before = {*sys.modules}
found = memory.own_pages(os.getpid()), memory.private_memory(os.getpid())
print(all(found), sorted({*sys.modules} - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_reading_it_loads_nothing() -> None:
    """It is read in the user's process, which would hold a module that no fresh start has."""
    assert output_of(_PROGRAM).split(maxsplit=1)[1] == "[]\n"
