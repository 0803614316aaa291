"""The files that modules were made from, and which of them are one and the same."""

from __future__ import annotations

import os


class Files:
    """Files by their names; two names may lead to one file, by a link."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._unseen: list[str] = []
        self._by_number: dict[tuple[int, int], str] = {}
        self._aliases: dict[str, str] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._names

    def add(self, path: str) -> None:
        """A module was made from this file."""
        if path not in self._names:
            self._names.add(path)
            self._unseen.append(path)

    def alias(self, path: str) -> str | None:
        """Another name by which the same file was added, if there is one."""
        self.read_inodes()
        return self._aliases.get(path)

    def read_inodes(self) -> None:
        """Note device and inode of the files added since the last call; a microsecond each."""
        while self._unseen:
            path = self._unseen.pop()
            try:
                info = os.stat(path)
            except (OSError, ValueError):
                continue
            other = self._by_number.setdefault((info.st_dev, info.st_ino), path)
            if other != path:
                self._aliases[path], self._aliases[other] = other, path
