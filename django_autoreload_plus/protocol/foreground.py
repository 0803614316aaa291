"""Whether this process is one of those that the keys of a terminal reach."""

from __future__ import annotations

import contextlib
import os
import sys


def is_in_foreground() -> bool:
    """Whether Ctrl-C at the terminal reaches this process, as every one of its group.

    A second SIGINT would cut short the clean-up that the first one began.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if os.tcgetpgrp(stream.fileno()) == os.getpgrp():
                return True
    return False
