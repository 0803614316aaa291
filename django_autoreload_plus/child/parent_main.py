"""One life of a process that the supervisor starts to play the parent."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from ..protocol.command_line import Entry, interpreter_flags
from ..protocol.launch import ParentLaunch
from . import output, parent_role, program, recursion_limit
from .tracker import Tracker


def main(words: Sequence[str], launch: ParentLaunch) -> None:
    """Run the program up to the point where it would start the process that serves."""
    flags = interpreter_flags(sys.argv, sys.orig_argv)
    role = parent_role.play(launch.channel)
    if launch.plugin:
        # Nothing is recorded: this process is never resumed, and loads nothing anew.
        hook = Tracker()
        hook.call_after_import(launch.plugin_after, lambda: _load(launch.plugin))
        sys.meta_path.insert(0, hook)
    output.write_lines_at_once()
    recursion_limit.install()
    entry = Entry.parse(words, flags)
    program.set_words(entry)
    try:
        program.run(entry)
    except KeyboardInterrupt:
        # Ctrl-C has reached all processes of the command.
        sys.exit(0)
    finally:
        role.leave()


def _load(name: str) -> None:
    importlib.import_module(name).play_parent()
