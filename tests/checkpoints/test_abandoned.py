"""Starts that are given up before anybody knows which process they are in."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from harness import DevServer

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("config/settings.py", "teas/models.py", "teas/views.py")


def test_the_command_ends_after_many_abandoned_starts(project: Path) -> None:
    """Ctrl-C would wait for ever for a process that has been gone for long."""
    chance = random.Random(5)
    good = {name: (project / name).read_text(encoding="utf-8") for name in FILES}
    with DevServer(project) as server:
        server.wait_for("/version/")
        for number in range(60):
            name = chance.choice(FILES)
            server.write(name, f"{good[name]}\nNUMBER = {number}\n")
            # The pace of a tool that writes file after file.
            time.sleep(chance.random() * 0.02)
        server.edit("teas/views.py", 'VERSION = "1"', 'VERSION = "2"')
        server.wait_for("/version/", lambda answer: answer.text == "version 2")
        server.interrupt()
        assert server.wait() == 0
