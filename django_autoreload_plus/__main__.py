"""``python -m django_autoreload_plus manage.py runserver``: the supervisor.

The same file is what ``manage.py runserver`` turns itself into, run by its path.
"""

from __future__ import annotations

import os
import sys


def _run() -> int:
    if not __package__:
        # Run by its path: make the package importable as what it is, without
        # leaving its insides (or its parent) on the path of anything imported.
        here = os.path.dirname(os.path.abspath(__file__))
        if sys.path and os.path.abspath(sys.path[0] or ".") == here:
            del sys.path[0]
        sys.path.insert(0, os.path.dirname(here))
        from django_autoreload_plus.supervisor import run

        del sys.path[0]
    else:
        from .supervisor import run
    return run.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(_run())
