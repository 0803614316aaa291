"""``autoreload COMMAND``: any management command, started anew when its code changes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_autoreload_plus import autoreload
from django_autoreload_plus.adapter.startup import program_launch


class Command(BaseCommand):
    """Becomes the supervisor, as a rule before this class is even loaded (``startup.py``)."""

    help = (
        "Runs a management command, such as a worker, and starts it anew when its code changes. "
        "A command that ends by itself ends this one with its exit code."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """The command and all its arguments."""
        parser.add_argument("command", metavar="COMMAND", help="the name of the command")
        rest = parser.add_argument(
            "args", metavar="args", nargs=argparse.REMAINDER, help="its own arguments"
        )
        # Else argparse says that they are missing, too.
        rest.required = False

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run it under the supervisor."""
        if not autoreload.is_supported():
            raise CommandError("django-autoreload-plus does not work on this platform yet.")
        if autoreload.is_child():
            raise CommandError("this command is started anew already: leave autoreload out.")
        launch = program_launch(sys.argv)
        if launch is None:
            raise CommandError("autoreload can be used on the command line only.")
        autoreload.become_supervisor(launch)
