"""Which file systems deliver no events for what other machines change."""

from __future__ import annotations

import os
import re

#: Changes made on the other side (server, host, other container) make no event here.
_SILENT = frozenset(
    {
        "9p", "afs", "ceph", "cifs", "coda", "drvfs", "gfs2", "glusterfs", "lustre", "ncpfs",
        "nfs", "nfs4", "ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
        "fakeowner",
    }
)  # fmt: skip


class Mounts:
    """The mount table of this process, as it was when last read."""

    def __init__(self, table: str = "/proc/self/mountinfo") -> None:
        self._mounts: list[tuple[str, str]] = []
        try:
            with open(table, encoding="utf-8", errors="surrogateescape") as file:
                self._mounts = [_parse(line) for line in file]
        except OSError:
            return  # Not Linux: the safety net finds out.
        # Later lines hide earlier ones at the same place.
        self._mounts.reverse()
        self._mounts.sort(key=lambda mount: len(mount[0]), reverse=True)

    def silent(self, directory: str) -> tuple[str, str] | None:
        """``(mount point, type)`` if ``directory`` lies on a file system without events."""
        point, kind = self._around(directory)
        return (point, kind) if kind in _SILENT or kind.startswith("fuse.") else None

    def kind(self, directory: str) -> str:
        """The type of the file system; ``""``: not known, as everywhere but on Linux."""
        return self._around(directory)[1]

    def _around(self, directory: str) -> tuple[str, str]:
        found = (mount for mount in self._mounts if _is_below(directory, mount[0]))
        return next(found, ("", ""))


def _parse(line: str) -> tuple[str, str]:
    left, _, right = line.partition(" - ")
    point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left.split(" ")[4])
    return point, right.split(" ", 1)[0]


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)
