"""Hints for the user when noticing changes needs help: cause and cure, once each."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..options import Options


class Hints:
    """Turns failures into messages; every cause is mentioned once."""

    def __init__(self, warn: Callable[[str], None], options: Options) -> None:
        self._warn = warn
        self._interval = options.poll_interval
        self._may_scan = options.polling is not False
        self._said: set[str] = set()

    def _once(self, cause: str, text: str) -> None:
        if cause not in self._said:
            self._said.add(cause)
            self._warn(text)

    def no_backend(self, error: OSError) -> None:
        """Say that the system has no source of events left to give."""
        if error.errno == errno.EMFILE:
            cause = "The limit of inotify instances (fs.inotify.max_user_instances) is used up"
            cure = "sudo sysctl fs.inotify.max_user_instances=1024"
        else:
            cause = f"File events are not available ({error.strerror or error})"
            cure = ""
        self._once("backend", self._scanning(cause, "all files", cure))

    def no_watch(self, directory: str, error: OSError) -> None:
        """Say that one directory cannot be watched."""
        if error.errno == errno.ENOSPC:
            cause = "The limit of inotify watches (fs.inotify.max_user_watches) is used up"
            cure = "sudo sysctl fs.inotify.max_user_watches=524288"
            self._once("watches", self._scanning(cause, "the directories beyond it", cure))
        elif error.errno == errno.E2BIG:
            cause = "The watched globs cover more directories than can be watched"
            cure = 'narrow the "WATCH" globs or the template directories'
            self._once("too many", self._scanning(cause, "the rest", cure))
        elif error.errno in (errno.EACCES, errno.EPERM):
            cause = f"No permission to watch {directory}"
            self._once(directory, self._scanning(cause, "it", f"chmod u+rx {directory}"))
        else:
            cause = f"{directory} cannot be watched ({error.strerror or error})"
            self._once(f"errno {error.errno}", self._scanning(cause, "it", ""))

    def silent(self, mount_point: str, kind: str) -> None:
        """Say that a file system is known to deliver no events."""
        cause = f"{mount_point} is a {kind} file system, which delivers no file events"
        cure = "keep the project on a local file system for faster reloads"
        self._once(mount_point, self._scanning(cause, "it", cure))

    def missed(self, path: str, tree: str) -> None:
        """Say that the safety net found a change that no event had reported."""
        cause = f"{path} changed without a file event"
        cure = 'set "POLLING": True if this file system is shared with another machine'
        self._once(tree, self._scanning(cause, tree, cure))

    def _scanning(self, cause: str, what: str, cure: str) -> str:
        if not self._may_scan:
            text = f'{cause}, and "POLLING" is False; edits of {what} are not noticed.'
            return f"{text} To cure it: {cure}" if cure else text
        text = f"{cause}; scanning {what} every {self._interval:g} s instead."
        return f"{text} To cure it: {cure}" if cure else text
