#!/usr/bin/env python
"""The tea room's command line."""

import os
import sys
from pathlib import Path

DATABASE = Path(__file__).resolve().with_name("db.sqlite3")


def has_database() -> bool:
    """Tell whether there is one; any command that merely looks for it leaves an empty file."""
    return DATABASE.exists() and DATABASE.stat().st_size > 0


def create_database() -> None:
    """Migrate and fill the demo's database, once in the life of a checkout.

    This is done by a process of its own: the one that will serve starts as it
    always does, and nothing that a reload would repeat has happened in it.
    """
    import subprocess

    try:
        subprocess.run([sys.executable, __file__, "migrate", "--verbosity=0"], check=True)
    except BaseException:
        # Half a database would not be mended by the next start.
        DATABASE.unlink(missing_ok=True)
        raise


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["runserver"] and not has_database():
        create_database()

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
