"""Django's two reloader signals, sent by ours.

``autoreload_started`` lets apps ask for more to be watched; ``file_changed`` lets
them take a change so that no restart is needed.
"""

from __future__ import annotations

import gettext
import traceback
import weakref
from pathlib import Path
from typing import Any

from asgiref.local import Local
from django.utils import translation
from django.utils.autoreload import BaseReloader, autoreload_started, file_changed
from django.utils.translation import trans_real

from ..child.changes import change_receivers
from ..child.connection import Connection
from ..child.expressions import Expressions
from ..paths import working_directory
from ..protocol.messages import Handled, Used
from .templates import Templates
from .warmup import computed_languages

#: Modules whose receivers take whatever lies in a folder of templates or static files.
_BY_FOLDER = ("django.template.autoreload", "django_browser_reload.views")
_OWN_RECEIVERS = ("django.template.autoreload", "django.utils.translation.reloader")


class SupervisedReloader(BaseReloader):
    """The sender of the signals: collects what apps want to have watched."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._reported: tuple[set[tuple[str, str]], set[str]] = (set(), set())
        self._announced = False
        connection.framework.take_changes = self.take_changes

    def announce(self) -> None:
        """Send ``autoreload_started`` and pass on what the receivers asked for."""
        autoreload_started.send(sender=self)
        self._announced = True
        self.send_new()

    def send_new(self) -> None:
        """Tell the supervisor what is new in ``directory_globs`` and ``extra_files``."""
        globs = {(str(d), p) for d, patterns in self.directory_globs.items() for p in patterns}
        files = {str(Path(working_directory(), path)) for path in self.extra_files}
        # No file can have such a name.
        globs = {(directory, pattern) for directory, pattern in globs if "\0" not in directory}
        files = {path for path in files if "\0" not in path}
        new_globs, new_files = globs - self._reported[0], files - self._reported[1]
        if new_globs or new_files:
            self._reported = (globs, files)
            self._connection.watch_globs(sorted(new_globs), sorted(new_files))

    def watch_dir(self, path: Any, glob: str) -> None:
        """Watch the files below ``path`` that match ``glob``, from now on."""
        if "\0" in str(path):
            # No directory can have such a name, and since Python 3.13 looking there raises.
            return
        super().watch_dir(path, glob)
        if self._announced:
            self.send_new()

    def take_changes(self, paths: tuple[str, ...]) -> Handled:
        """Ask every receiver about every change; translations are reset in any case."""
        taken = [path for path in paths if self._taken(path)]
        translations = any(path.endswith(".mo") for path in paths)
        if translations:
            reset_translations()
            taken += [path for path in paths if path.endswith(".mo") and path not in taken]
        self.send_new()
        return Handled(0, tuple(taken), translations)

    def _taken(self, path: str) -> bool:
        try:
            results = file_changed.send(sender=self, file_path=Path(path))
        except Exception:  # noqa: BLE001 - receivers are the user's code
            traceback.print_exc()
            return False
        shaped = path in self._connection.tracker.read_at_start
        answers = [
            bool(answer)
            for receiver, answer in results
            # These go by the folder: that the file was read while starting, and what was made
            # of it, they cannot know.
            if not (shaped and _module_of(receiver) in _BY_FOLDER)
        ]
        answers += [bool(receiver(path)) for receiver in change_receivers]
        return any(answers)


def reset_translations() -> None:
    """Forget every catalogue that was read, in Django and in the standard library."""
    gettext._translations = {}  # type: ignore[attr-defined]
    trans_real._translations = {}  # type: ignore[attr-defined]
    trans_real._default = None  # type: ignore[attr-defined]
    trans_real._active = Local()  # type: ignore[attr-defined]
    # Which languages there are catalogues for.
    trans_real.reset_cache(setting="LANGUAGES")


class UsageTracker:
    """Tells the supervisor which languages, templates and expressions requests have used."""

    def __init__(self, connection: Connection, templates: Templates) -> None:
        self._connection = connection
        self._templates = templates
        self.expressions = Expressions()
        self._reported = {translation.get_language(), *connection.uses}

    def __call__(self) -> None:
        """Called after each request: cheap as long as there is no new one."""
        used = {*computed_languages(), *self._templates.used(), *self.expressions.used()}
        new = used - self._reported
        if new:
            self._reported |= new
            self._connection.send(Used(tuple(sorted(new))))


def somebody_asks() -> bool:
    """Whether anyone besides Django has asked about changed Python files."""
    return bool(change_receivers) or any(
        _module_of(entry[1]) not in _OWN_RECEIVERS for entry in file_changed.receivers
    )


def _module_of(receiver: Any) -> str:
    if isinstance(receiver, weakref.ReferenceType):
        receiver = receiver()
    return str(getattr(receiver, "__module__", ""))
