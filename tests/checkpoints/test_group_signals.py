from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_manager_ends_the_whole_group(project: Path) -> None:
    """Each frozen copy would print a traceback of its own."""
    with DevServer(project) as server:
        server.wait_for("/version/")
        since = server.mark()
        os.killpg(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        # What only waited for orders goes with the channel, at the lowest priority.
        server.all_gone()
        assert "Traceback" not in server.output[since:]
        assert "Error" not in server.output[since:]
