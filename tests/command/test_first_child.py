"""The first child begins before its supervisor, and after the process that the user started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from harness import DevServer, free_ports

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there it begins early")

#: What only one process may have at a time, given up by ``atexit`` and by the end of the process.
HELD = """
import atexit as _atexit
import os as _os
import socket as _socket
import time as _time

def _give_up():
    _time.sleep(0.2)
    _os.remove({lock!r})

_os.close(_os.open({lock!r}, _os.O_WRONLY | _os.O_CREAT | _os.O_EXCL))
_atexit.register(_give_up)
HELD = _socket.socket()
HELD.bind(("127.0.0.1", {port}))
print("settings have run", flush=True)
"""


def test_what_the_first_process_holds_is_free(project: Path) -> None:
    """The child would fail on a port, or a lock, that the process before it still holds."""
    path = project / "config/settings.py"
    held = HELD.format(lock=str(project / "lock"), port=free_ports(1)[0])
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{held}", encoding="utf-8")
    with DevServer(project) as server:
        server.wait_for("/", lambda response: response.status == 200)
        assert server.output.count("settings have run") == len(["first process", "child"])
        assert "Traceback" not in server.output
