"""Source lines around a place, as they are on the disk now."""

from __future__ import annotations

import linecache
import os
import stat
import tokenize
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A larger file is generated or minified: nobody reads an excerpt of it.
MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_LINE_CHARACTERS = 400


class SourceReader:
    """Reads each file once, never raises; secrets in the lines are masked."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def lines(self, path: str, module_globals: Mapping[str, Any] | None = None) -> list[str]:
        """All lines of ``path`` without line ends; ``[]`` if unreadable.

        ``module_globals`` belong to a frame in that file: a loader found there
        gives the source of a module in an archive.
        """
        if path not in self._files:
            text = _from_disk(path)
            if text is None:
                text = _from_loader(path, module_globals)
            self._files[path] = mask_secrets(text).split("\n") if text else []
        return self._files[path]

    def around(
        self,
        path: str,
        line: int,
        context: int,
        module_globals: Mapping[str, Any] | None = None,
    ) -> tuple[tuple[int, str], ...]:
        """``line`` and up to ``context`` numbered lines on either side."""
        lines = self.lines(path, module_globals)
        if not 1 <= line <= len(lines):
            return ()
        first, last = max(1, line - context), min(len(lines), line + context)
        found = [
            (number, lines[number - 1][:MAX_LINE_CHARACTERS]) for number in range(first, last + 1)
        ]
        while found and found[-1][0] > line and not found[-1][1].strip():
            found.pop()
        while found and found[0][0] < line and not found[0][1].strip():
            found.pop(0)
        return tuple(found)


def _from_disk(path: str) -> str | None:
    try:
        status = os.stat(path)
        # Opening a pipe or a device could wait for ever.
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return ""
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError):
        return None
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    except SyntaxError:
        encoding = "utf-8"
    text = content.decode(encoding, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_loader(path: str, module_globals: Mapping[str, Any] | None) -> str:
    try:
        lines = linecache.getlines(path, None if module_globals is None else dict(module_globals))
    except Exception:  # noqa: BLE001 - a loader may be anybody's code
        return ""
    return "".join(lines)
