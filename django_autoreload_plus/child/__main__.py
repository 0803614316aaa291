"""Where a child begins: run by its path, with the program's own command line.

Starting here rather than in the program means that the very first import of the
program is seen, and that whatever it raises reaches the supervisor.
"""

from __future__ import annotations

import os
import sys


def _begin() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    if sys.path and os.path.abspath(sys.path[0] or ".") == here:
        del sys.path[0]
    sys.path.insert(0, root)
    from django_autoreload_plus.protocol.launch import parent_from_environment

    role = parent_from_environment()
    if role is None:
        from django_autoreload_plus.child import main
    else:
        from django_autoreload_plus.child import parent_main

    # The package is loaded and finds its other modules by itself; the program
    # must see the path it would have seen without us.
    del sys.path[0]
    if role is None:
        main.main(sys.argv[1:])
    else:
        parent_main.main(sys.argv[1:], role)


if __name__ == "__main__":
    _begin()
