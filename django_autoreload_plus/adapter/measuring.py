"""The command ``autoreload_report``: its options, and what it prints."""

from __future__ import annotations

import argparse
import json
import os
import sys

from ..protocol import environment
from ..protocol.launch import Launch
from ..report.make import make
from ..report.start import ReportError
from ..report.text import as_data, as_text

_OUTPUT = "autoreload_report.html"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that :func:`run` understands."""
    parser.add_argument(
        "--output",
        metavar="FILE.html",
        help=f"where to write the page (default: {_OUTPUT}; none with --json)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(launch: Launch, options: argparse.Namespace) -> int:
    """Start the project, write the page and print the text; returns the exit code."""
    try:
        report = make(launch, _environment())
    except ReportError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    output = options.output or (None if options.json else _OUTPUT)
    if output is not None:
        from ..report.page import page

        try:
            with open(output, "w", encoding="utf-8") as file:
                file.write(page(report))
        except OSError as error:
            sys.stderr.write(f"The page cannot be written: {error}\n")
            return 1
    sys.stdout.write(f"{json.dumps(as_data(report)) if options.json else as_text(report)}\n")
    if output is not None and not options.json:
        sys.stdout.write(f"\nThe whole report: {os.path.abspath(output)}\n")
    return 0


def _environment() -> dict[str, str]:
    """As a child of the reloader gets it: that of the command, not what the settings made of it."""
    given = environment.at_start()
    if given is None:
        return dict(os.environ)
    return {os.fsdecode(name): os.fsdecode(value) for name, value in given.items()}
