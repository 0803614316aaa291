"""``python -m django_autoreload_plus TARGET``, and ``autoreload-plus``: the supervisor.

The same file is what ``manage.py runserver`` turns itself into, run by its path.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_autoreload_plus.protocol.launch import Launch


def main() -> int:
    """Run the program that the command line names; returns the exit code."""
    if not __package__:
        # Run by its path: make the package importable as what it is, without
        # leaving its insides (or its parent) on the path of anything imported.
        here = os.path.dirname(os.path.abspath(__file__))
        if sys.path and os.path.abspath(sys.path[0] or ".") == here:
            del sys.path[0]
        sys.path.insert(0, os.path.dirname(here))
        from django_autoreload_plus.supervisor.main import main as supervise

        del sys.path[0]
    else:
        from .supervisor.main import main as supervise
    if sys.argv[1:2] == ["--status"]:
        from django_autoreload_plus import status

        return status.main(sys.argv[2:])
    return supervise(sys.argv[1:], _read)


def _read(words: Sequence[str]) -> Launch:
    # Not needed by a command that becomes the supervisor with its launch in the environment.
    from django_autoreload_plus.cli.arguments import read

    return read(words)


if __name__ == "__main__":
    sys.exit(main())
