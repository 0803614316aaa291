"""``autoreload_report``: where the start-up time of this project goes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_autoreload_plus import autoreload
from django_autoreload_plus.adapter import measuring
from django_autoreload_plus.adapter.startup import report_launch


class Command(BaseCommand):
    """Starts the project in another process, as a rule before this class is even loaded."""

    help = "Starts the project once, and tells where the time goes, what edits cost, and why."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Those of :mod:`django_autoreload_plus.adapter.measuring`."""
        measuring.add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write it, and exit with its code."""
        if not autoreload.is_supported():
            raise CommandError("django-autoreload-plus does not work on this platform yet.")
        code = measuring.run(report_launch(sys.argv), argparse.Namespace(**options))
        if code:
            raise SystemExit(code)
