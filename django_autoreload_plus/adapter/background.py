"""System checks after a reload: when the new code is live already."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import SystemCheckError
from django.db import connections

from ..child import failures
from ..child.link import Link
from ..protocol.messages import Failed, Say

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

#: The first requests after a save come first, the checks after them.
_HEAD_START = 0.2


class BackgroundChecks:
    """Runs a command's checks in a thread, and says only what is wrong."""

    def __init__(self, command: Any, link: Link) -> None:
        self._command = command
        self._link = link

    def when_serving(self) -> None:
        """Run once the process serves."""
        self._link.after_serving = self._start

    def _start(self) -> None:
        threading.Thread(target=self._run, name="autoreload-checks", daemon=True).start()

    def _run(self) -> None:
        time.sleep(_HEAD_START)
        out = io.StringIO()
        command = self._copy(out)
        try:
            command.check()
            command.check_migrations()
        except SystemCheckError as error:
            self._link.say(Failed(failures.from_check(str(error))))
            return
        except Exception:  # noqa: BLE001 - checks are the user's code
            import traceback

            traceback.print_exc(file=out)
        finally:
            connections.close_all()
        if out.getvalue().strip():
            self._link.say(Say(out.getvalue()))

    def _copy(self, out: io.StringIO) -> BaseCommand:
        command: BaseCommand = type(self._command)(stdout=out, stderr=out)
        command.style = self._command.style
        command.requires_system_checks = "__all__"
        return command
