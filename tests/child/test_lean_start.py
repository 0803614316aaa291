"""A program finds few modules loaded that it did not import itself."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from harness import DevServer, write_file

if TYPE_CHECKING:
    from pathlib import Path

LIST = "import sys\nprint('found', *sorted(sys.modules), flush=True)\n"
#: What a socket, messages in JSON, data classes and the record of imports bring with them.
MOST = 68


def test_a_program_finds_few_modules(tmp_path: Path) -> None:
    """Forgotten imports would go unnoticed until the program runs without the reloader."""
    write_file(tmp_path / "program.py", LIST)
    alone = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    command = (sys.executable, "-m", "django_autoreload_plus", "program.py")
    with DevServer(tmp_path, command=command) as server:
        found = server.wait_for_output("^found (.*)$")[1].split()
    ours = [name for name in found if name.partition(".")[0] == "django_autoreload_plus"]
    extra = sorted({*found} - {*alone.stdout.split()} - {*ours})
    assert len(extra) <= MOST, extra
    # Submodules that programs use without importing them, since somebody else usually does.
    assert not {*extra} & {"importlib.util", "logging.handlers", "concurrent.futures", "subprocess"}
