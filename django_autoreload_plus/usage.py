"""What the command lines of this package have in common."""

from __future__ import annotations

import argparse
import math
import os
import sys


def program_name() -> str:
    """The name by which this command was called, as its user would type it."""
    name = os.path.basename(sys.argv[0])
    return "python -m django_autoreload_plus" if name == "__main__.py" else name


def seconds(text: str) -> float:
    """Read a time, which may be zero; raises :class:`argparse.ArgumentTypeError`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value
