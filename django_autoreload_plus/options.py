"""The reloader's options, as plain data that both processes understand.

Django's adapter fills them from the ``AUTORELOAD_PLUS`` setting; any other program
passes them to :func:`django_autoreload_plus.autoreload.main`.
Durations are seconds, memory is MiB.
"""

from __future__ import annotations

from . import editors
from .records import dataclass


@dataclass(frozen=True)
class Options:
    """Everything a user can set."""

    #: Extra globs whose files count as code; relative ones start at the
    #: working directory of the command.
    watch: tuple[str, ...] = ()
    #: Globs of files that never cause a reload.
    ignore: tuple[str, ...] = ()
    #: Quiet time awaited before a start that no checkpoint makes cheap.
    debounce: float = 0.015
    #: How long an old child may finish the requests it is answering, or may take to end.
    grace_period: float = 5.0
    #: The signal that tells an old process to end, by its name; a server at the gate needs none.
    stop_signal: str = "SIGTERM"
    #: ``True``: always scan instead of using file events; ``False``: never
    #: fall back to scanning; ``None``: decide per file system.
    polling: bool | None = None
    #: Time between two scans of what has to be polled.
    poll_interval: float = 1.0
    #: Time between two rounds of the safety net that looks for missed changes.
    safety_interval: float = 3.0
    #: ``"after"``: at a reload, system checks run once the new code is live;
    #: ``"before"``: they run before it serves, in Django's order.
    checks: str = "after"
    #: Keep checkpoints of the starting child to resume from. ``None``: where that is known
    #: to be safe, on Linux; ``True``: on macOS, too.
    checkpoints: bool | None = None
    #: At most so many checkpoints.
    checkpoint_limit: int = 8
    #: Private memory all checkpoints together may take, in MiB; ``None``: so much that all
    #: processes of the command take at most 1.6 times as much as two that run the program.
    checkpoint_memory: int | None = None
    #: Modules whose open sockets are known to survive a fork, in addition to
    #: the built-in list.
    fork_safe: tuple[str, ...] = ()
    #: Sources of data whose answers while starting do not change: databases, by alias (a
    #: SQLite file by its name), modules that connect to other programs, and programs.
    steady: tuple[str, ...] = ()
    #: Libraries to import before anything of the program: once, for all processes.
    preload: tuple[str, ...] = ()
    #: Exchange changed function bodies without importing the file again.
    swap: bool = True
    #: Let the last good code answer while the code on disk cannot start.
    keep_serving: bool = False
    #: A child that has not become ready after this time is reported as
    #: hanging; 0 switches the limit off.
    start_timeout: float = 120.0
    #: The editor that the error page opens files in: its name, or a template for its URL;
    #: ``""``: none; ``None``: the one that the environment names.
    editor: str | None = None

    def __post_init__(self) -> None:
        """:class:`ValueError`: a link of that kind cannot be made."""
        instead = editors.expected(self.editor)
        if instead is not None:
            raise ValueError(f"editor must be {instead}, not {self.editor!r:.60}")

    @property
    def most_copies(self) -> int:
        """How many checkpoints may be kept; 0: none are wanted."""
        return 0 if self.checkpoints is False else self.checkpoint_limit

    @property
    def for_watcher(self) -> tuple[object, ...]:
        """The options of which a change needs another watcher."""
        return self.watch, self.ignore, self.polling, self.poll_interval, self.safety_interval

    @property
    def checks_later(self) -> bool:
        """Whether system checks wait until the new code is live.

        The last good code can be kept only as long as no other has taken its place.
        """
        return self.checks == "after" and not self.keep_serving
