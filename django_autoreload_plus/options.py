"""The reloader's options, as plain data that both processes understand.

The Django adapter fills them from the ``AUTORELOAD_PLUS`` setting; a program
without Django passes them to :func:`django_autoreload_plus.autoreload.main`.
Durations are seconds, memory is MiB.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    #: How long an old child may finish the requests it is answering.
    grace_period: float = 5.0
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
    #: Keep frozen copies of the starting child to resume from. ``None``: where that is known
    #: to be safe, on Linux; ``True``: on macOS, too.
    checkpoints: bool | None = None
    #: At most so many frozen copies.
    checkpoint_limit: int = 8
    #: Private memory all frozen copies together may take, in MiB.
    checkpoint_memory: int = 512
    #: Modules whose open sockets are known to survive a fork, in addition to
    #: the built-in list.
    fork_safe: tuple[str, ...] = ()
    #: Exchange changed function bodies without importing the file again.
    swap: bool = True
    #: Let the last good code answer while the code on disk cannot start.
    keep_serving: bool = False
    #: A child that has not become ready after this time is reported as
    #: hanging; 0 switches the limit off.
    start_timeout: float = 120.0

    @property
    def most_copies(self) -> int:
        """How many frozen copies may be kept; 0: none are wanted."""
        return 0 if self.checkpoints is False else self.checkpoint_limit

    @property
    def checks_later(self) -> bool:
        """Whether system checks wait until the new code is live.

        The last good code can be kept only as long as no other has taken its place.
        """
        return self.checks == "after" and not self.keep_serving
