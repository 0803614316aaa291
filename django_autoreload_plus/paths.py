"""Absolute paths, also where the working directory has been deleted.

A shell, a test or a checkout of another branch may remove the folder in which a command
runs. The process goes on, and only :func:`os.getcwd` and what calls it raise.
"""

from __future__ import annotations

import os

#: What the kernel of Linux adds to the path of a folder that has been deleted.
_DELETED = " (deleted)"


def working_directory() -> str:
    """The working directory; the path that it had, if it has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        pass
    try:
        found = os.readlink("/proc/self/cwd").removesuffix(_DELETED)
    except OSError:
        found = ""
    return found if os.path.isabs(found) else os.sep


def absolute(path: str) -> str:
    """As :func:`os.path.abspath`, from :func:`working_directory`."""
    try:
        return os.path.abspath(path)
    except OSError:
        return os.path.normpath(os.path.join(working_directory(), path))


def real(path: str) -> str:
    """As :func:`os.path.realpath`, from :func:`working_directory`."""
    # Not absolute() first: it takes out "..", which may follow a link.
    return os.path.realpath(os.path.join(working_directory(), path))


def shown(path: str) -> str:
    """The path as it is told to people: the shortest that leads there from where they are.

    That is the directory in which the command was started: terminals and editors open it there.
    """
    try:
        relative = os.path.relpath(path, working_directory())
    except ValueError:
        # On another drive (Windows).
        return path
    return min(relative, path, key=len)
