"""``autoreload_status``: what a running ``runserver`` of this project is doing."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from django_autoreload_plus import status
from django_autoreload_plus.paths import absolute


class Command(BaseCommand):
    """Asks the running command; needs nothing of the project itself."""

    help = "Shows what a running reloader of this project is doing, and why."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Those of :mod:`django_autoreload_plus.status`."""
        status.add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print it, and exit with its code."""
        folder = os.path.dirname(absolute(sys.argv[0]))
        code = status.run(argparse.Namespace(**options), [folder])
        if code:
            raise SystemExit(code)
