"""Reads the command line; nothing of the program is loaded for that."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..adapter.command_line import launch_of
from ..options import Options
from ..protocol.command_line import EntryError, interpreter_flags
from ..protocol.launch import Launch
from ..protocol.messages import ProjectInfo
from ..records import replace
from ..usage import program_name, seconds
from . import target

_USAGE = "%(prog)s [options] TARGET [args ...]"
_DESCRIPTION = """\
Run a Python program, and start it anew when its code changes.

TARGET is the path of a script, "-m" and a module, or the name of a Python program on the
PATH. All that follows it is the program's own:

  %(prog)s worker.py --queue mail
  %(prog)s -m package.bot
  %(prog)s celery -A project worker
  %(prog)s manage.py runserver

"--status" as the first option asks a running command what it does; "--status --help" tells more.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EntryError(message)


def read(words: Sequence[str]) -> Launch:
    """The program that the command line starts, and how.

    Raises :class:`~django_autoreload_plus.protocol.command_line.EntryError` for a command line
    that is wrong, and :class:`SystemExit` when it asked for the help or the version only.
    """
    parser = _parser()
    own, rest = _split(words, parser)
    given = vars(parser.parse_args(own))
    entry = target.find(rest, interpreter_flags(sys.argv, sys.orig_argv))
    verbosity = 2 if given.pop("verbose") else 1
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
        if value is not None
    }
    launch = launch_of(entry)
    return replace(
        launch,
        options=replace(Options(), **options),
        given=tuple(options),
        at_once=not launch.has_server,
        # A program that runs from its first line must not be run a second time as the parent.
        role_variables=launch.role_variables if launch.has_server else (),
        project=ProjectInfo(verbosity=verbosity),
    )


def _split(words: Sequence[str], parser: _Parser) -> tuple[Sequence[str], Sequence[str]]:
    """Our own options, and what follows them."""
    takes_value = {
        name for action in parser._actions if action.nargs is None for name in action.option_strings
    }
    index = 0
    while index < len(words) and _is_option(words[index]):
        index += 2 if words[index] in takes_value else 1
    own, rest = words[:index], words[index:]
    return own, rest[1:] if rest[:1] == ["--"] else rest


def _is_option(word: str) -> bool:
    if word in ("-", "--"):
        return False
    return word.startswith("--") or (word.startswith("-") and word[1] not in "mc")


def _parser() -> _Parser:
    parser = _Parser(
        prog=program_name(),
        usage=_USAGE,
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--watch", metavar="GLOB", action="append", help="more files that count as code")
    add("--ignore", metavar="GLOB", action="append", help="files that never cause a reload")
    _switch(parser, "--polling", "polling", "scan the files instead of using file events")
    add(
        "--grace",
        dest="grace_period",
        metavar="SECONDS",
        type=seconds,
        help="how long the old process may take to end (default: 5)",
    )
    add(
        "--stop-signal",
        metavar="NAME",
        type=_signal,
        help="what tells a program that is no server to end (default: SIGTERM)",
    )
    _switch(
        parser,
        "--no-checkpoints",
        "checkpoints",
        "keep no checkpoints (frozen copies) to start from",
    )
    _switch(parser, "--no-swap", "swap", "do not exchange changed function bodies")
    add("--verbose", action="store_true", help="tell why a reload took the way it took")
    add("--version", action="version", version=f"django-autoreload-plus {__version__}")
    return parser


def _switch(parser: _Parser, option: str, name: str, text: str) -> None:
    parser.add_argument(
        option, dest=name, action="store_const", const=not option.startswith("--no-"), help=text
    )


def _signal(text: str) -> str:
    name = text.upper()
    for known in (name, f"SIG{name}"):
        if known in signal.Signals.__members__:
            return known
    raise argparse.ArgumentTypeError(f"{text!r} is not the name of a signal")
