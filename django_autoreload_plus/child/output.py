"""Has each line of the program's output written at once, also into a pipe or a file."""

from __future__ import annotations

import sys
from typing import Any


def write_lines_at_once() -> None:
    """Write out what standard output buffers after each line, as on a terminal.

    A program that serves has no end at which a full buffer would be written. Nothing else
    changes for it, and nothing at all for the programs that it starts. Where writing fails
    (a full disk, a pipe whose reader has gone) the buffer is left alone from then on: the
    program fails when it is full, as it does without us, and not at its first line.
    """
    stdout: Any = sys.stdout
    # Absent where the descriptor is closed; of another class where the interpreter was
    # embedded.
    if getattr(stdout, "line_buffering", True):
        return
    write = stdout.write

    def write_and_flush(text: str, /) -> Any:
        written = write(text)
        if "\n" in text and stdout.__dict__.get("write") is write_and_flush:
            try:
                stdout.flush()
            except (OSError, ValueError):
                del stdout.write
        return written

    stdout.write = write_and_flush
