"""Jobs that run after a reload, when the new code is live already."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import SystemCheckError
from django.db import connections

from ..child.connection import Connection
from ..child.main import describe
from ..failure import from_exception
from ..protocol.messages import Failed, Say
from .landmarks import LANDMARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.core.management.base import BaseCommand

#: The first requests after a save come first, the checks after them.
_HEAD_START = 0.2
#: A request that takes longer, such as a stream, is not waited for; in seconds.
_PATIENCE = 3.0


class Background:
    """A thread for what can wait until the first requests after a save have been answered."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._jobs: list[Callable[[], None]] = []

    def add(self, job: Callable[[], None]) -> None:
        """Do this too, after what was added before; it is the user's code, and may raise."""
        if not self._jobs:
            self._link.after_serving.append(self._start)
        self._jobs.append(job)

    def _start(self) -> None:
        threading.Thread(target=self._run, name="autoreload-background", daemon=True).start()

    def _run(self) -> None:
        time.sleep(_HEAD_START)
        self._link.under_way.await_none(_PATIENCE)
        for job in self._jobs:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the user's code
                self._link.send(Failed(describe(self._link, error)))
                return


class BackgroundChecks:
    """Runs a command's checks, and says only what is wrong."""

    def __init__(self, command: Any, link: Connection) -> None:
        self._command = command
        self._link = link
        self._output = io.StringIO()

    def run(self, *, migrations_only: bool) -> None:
        """Run the checks in this thread; those for migrations alone if ``migrations_only``."""
        out = io.StringIO()
        command = self._copy(out)
        try:
            if not migrations_only:
                command.check()
            command.check_migrations()
        except SystemCheckError as error:
            self._link.send(Failed(from_exception.from_check(str(error), landmarks=LANDMARKS)))
            return
        except Exception:  # noqa: BLE001 - checks are the user's code
            import traceback

            traceback.print_exc(file=out)
        finally:
            connections.close_all()
        self._link.send(Say(out.getvalue()))

    def as_printed(self) -> AbstractContextManager[None]:
        """The command runs its checks itself: what it prints need not be said again."""
        output = self._output
        self._link.after_serving.append(
            lambda: self._link.send(Say(output.getvalue(), printed=True))
        )
        return _copied_output(self._command, output)

    def _copy(self, out: io.StringIO) -> BaseCommand:
        command: BaseCommand = type(self._command)(stdout=out, stderr=out)
        command.style = self._command.style
        command.requires_system_checks = "__all__"
        return command


@contextlib.contextmanager
def _copied_output(command: Any, output: io.StringIO) -> Iterator[None]:
    before = command.stdout, command.stderr
    command.stdout, command.stderr = (_CopiedOutput(stream, output) for stream in before)
    try:
        yield
    finally:
        command.stdout, command.stderr = before


class _CopiedOutput:
    """A command's output, of which a copy is kept."""

    def __init__(self, stream: Any, output: io.StringIO) -> None:
        self._stream = stream
        self._output = output

    def write(self, msg: str = "", *args: Any, **kwargs: Any) -> None:
        self._output.write(msg if msg.endswith("\n") else f"{msg}\n")
        self._stream.write(msg, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
