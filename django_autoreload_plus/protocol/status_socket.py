"""Where a running command can be asked for its status: a socket of the same user's.

It lies in a folder that only this user can enter. Its name tells the folders of the project, as
digests, and the process id of the command.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import struct
from collections.abc import Iterable, Iterator

from ..paths import absolute, real
from ..records import dataclass

#: Raised when a key of the answer changes its meaning or goes; new keys may come at any time.
VERSION = 1
#: Until it listens, a socket has a name that begins so.
_HIDDEN = "."
#: Another command that ends may remove the folder just before it is used.
_TRIES = 3


@dataclass(frozen=True)
class Endpoint:
    """One socket; nobody needs to listen there any more."""

    path: str
    pid: int
    #: The :func:`key` of each folder of the project.
    keys: tuple[str, ...]


def is_supported() -> bool:
    """Whether this platform has such sockets."""
    return hasattr(socket, "AF_UNIX") and hasattr(os, "getuid")


def key(folder: str) -> str:
    """A digest of the path of a folder, for the names of sockets."""
    path = os.fsencode(real(folder))
    return hashlib.blake2b(path, digest_size=6).hexdigest()


def name(folders: Iterable[str], pid: int) -> str:
    """The name of the socket of a command."""
    return f"{'-'.join(dict.fromkeys(map(key, folders)))}.{pid}"


def candidates() -> list[str]:
    """The folders in which sockets may be, the best one first; they need not exist."""
    user = os.getuid()
    parents = (
        os.environ.get("XDG_RUNTIME_DIR"),
        # Whoever asks may have another environment.
        f"/run/user/{user}",
        os.environ.get("TMPDIR"),
        "/tmp",  # noqa: S108 - what is in there is checked
    )
    known = dict.fromkeys(absolute(parent) for parent in parents if parent)
    return [os.path.join(parent, f"autoreload-plus-{user}") for parent in known]


def is_private(folder: str) -> bool:
    """Whether it is a folder of this user's that nobody else can enter."""
    try:
        info = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o077


def endpoints() -> Iterator[Endpoint]:
    """All sockets of this user's commands."""
    for folder in filter(is_private, candidates()):
        for entry in sorted(os.listdir(folder)):
            keys, _, pid = entry.rpartition(".")
            if pid.isdecimal() and keys and not entry.startswith(_HIDDEN):
                yield Endpoint(os.path.join(folder, entry), int(pid), tuple(keys.split("-")))


def listen(folders: Iterable[str], pid: int) -> tuple[socket.socket, str]:
    """A new socket that listens, and its path, to be given to :func:`remove` at the end.

    Raises :class:`OSError` where it cannot be made.
    """
    wanted = name(folders, pid)
    error = OSError("there is no folder for it")
    for folder in candidates() * _TRIES:
        try:
            return _listen(folder, wanted)
        except OSError as problem:
            error = problem
    raise error


def remove(listening: socket.socket, path: str) -> None:
    """Close the socket, and remove its name."""
    listening.close()
    with contextlib.suppress(OSError):
        os.unlink(path)
        # Not empty while there are other commands.
        os.rmdir(os.path.dirname(path))


def remove_dead() -> None:
    """Remove what commands have left behind that were killed."""
    for endpoint in endpoints():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.setblocking(False)
            try:
                connection.connect(endpoint.path)
            except ConnectionRefusedError:
                with contextlib.suppress(OSError):
                    os.unlink(endpoint.path)
            except OSError:
                # It is busy, or has just gone.
                pass


def _listen(folder: str, wanted: str) -> tuple[socket.socket, str]:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    if not is_private(folder):
        raise PermissionError(f"{folder} is open to others")
    path, hidden = (os.path.join(folder, begin + wanted) for begin in ("", _HIDDEN))
    listening = socket.socket(socket.AF_UNIX)
    try:
        # A process of this id, now gone, may have been killed in between.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden)
        listening.bind(hidden)
        listening.listen()
        # Not before: what refuses connections is taken for dead.
        os.rename(hidden, path)
    except OSError:
        listening.close()
        raise
    return listening, path


def is_of_this_user(connection: socket.socket) -> bool:
    """Whether the process at the other end belongs to this user, or to root.

    Where the system does not tell, the folder has to be enough.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = struct.Struct("3i")
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    _pid, user, _group = credentials.unpack(data)
    return user in (os.getuid(), 0)
