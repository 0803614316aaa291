"""What a start is given besides its files: the interpreter, and where it is run.

A virtual environment may be made anew under the running command, for another Python, and
the folder in which the command was started may be deleted and come back.
"""

from __future__ import annotations

import contextlib
import os

from ..records import dataclass

_CONFIGURATION = "pyvenv.cfg"


@dataclass(frozen=True)
class Conditions:
    """The interpreter and the working directory: a checkpoint of others cannot be resumed."""

    #: Device, inode, size and time of the interpreter; ``None``: it is not there.
    interpreter: tuple[int, ...] | None
    #: The configuration of its virtual environment.
    environment: bytes
    #: Device and inode of the working directory, also of one that was deleted.
    directory: tuple[int, ...] | None

    def change_since(self, former: Conditions) -> str:
        """What has been replaced, as a sentence; ``""``: nothing."""
        if self == former:
            return ""
        if self.directory != former.directory:
            return "the working directory has been replaced"
        return "the Python interpreter or its virtual environment has been replaced"


def present(executable: str) -> Conditions:
    """The conditions of a start at this moment."""
    interpreter: tuple[int, ...] | None = None
    with contextlib.suppress(OSError):
        info = os.stat(executable)
        interpreter = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
    directory: tuple[int, ...] | None = None
    with contextlib.suppress(OSError):
        info = os.stat(os.curdir)
        directory = (info.st_dev, info.st_ino)
    return Conditions(interpreter, _configuration(executable), directory)


def go_back_to(folder: str) -> None:
    """Where the working directory has been deleted, go into the one that has taken its place."""
    try:
        os.getcwd()
    except OSError:
        with contextlib.suppress(OSError):
            os.chdir(folder)


def _configuration(executable: str) -> bytes:
    folder = os.path.dirname(executable)
    for directory in (folder, os.path.dirname(folder)):
        with (
            contextlib.suppress(OSError),
            open(os.path.join(directory, _CONFIGURATION), "rb") as file,
        ):
            return file.read()
    return b""
