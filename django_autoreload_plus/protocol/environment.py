"""The environment that this process was started with.

What a program puts into :data:`os.environ` is inherited by every process it starts.
A kernel keeps what it gave to a new program: Linux shows it in ``/proc``, see
proc_pid_environ(5); macOS by ``sysctl(KERN_PROCARGS2)``.
"""

from __future__ import annotations

import os
import struct
import sys

#: From <sys/sysctl.h> of macOS.
_CTL_KERN, _KERN_PROCARGS2 = 1, 49
#: More than the kernel allows for both, in bytes.
_ARGUMENTS_SIZE = 1 << 21
#: A launcher of macOS leaves it to the interpreter, which takes it out at once.
_FOR_THE_INTERPRETER = b"__PYVENV_LAUNCHER__"


def at_start() -> dict[bytes, bytes] | None:
    """The variables as the kernel still has them.

    ``None`` where it does not show them, or where they have been overwritten: a program
    that sets its title for ``ps`` writes over them.
    """
    try:
        block = _macos_block() if sys.platform == "darwin" else _linux_block()
    except (OSError, AttributeError, ValueError, struct.error):
        return None
    return parse(block)


def parse(block: bytes) -> dict[bytes, bytes] | None:
    """Read ``NAME=value`` strings that end in NUL; ``None`` if that is not what it holds."""
    if not block:
        return {}
    variables: dict[bytes, bytes] = {}
    for entry in block.removesuffix(b"\0").split(b"\0"):
        name, separator, value = entry.partition(b"=")
        if not (name and separator):
            return None
        # As getenv(3) has it, the first one counts.
        variables.setdefault(name, value)
    variables.pop(_FOR_THE_INTERPRETER, None)
    return variables


def environment_in_arguments(data: bytes) -> bytes:
    """The part of what ``KERN_PROCARGS2`` gives that holds the environment.

    The number of arguments, the program's path, NULs up to a multiple of the word size,
    the arguments, the variables, an empty string.
    """
    (count,) = struct.unpack_from("=i", data)
    start = data.index(b"\0", 4)
    while data[start : start + 1] == b"\0":
        start += 1
    for _ in range(count):
        start = data.index(b"\0", start) + 1
    return data[start:].partition(b"\0\0")[0] if data[start : start + 1] != b"\0" else b""


def _linux_block() -> bytes:
    with open("/proc/self/environ", "rb") as file:
        return file.read()


def _macos_block() -> bytes:
    import ctypes

    names = (ctypes.c_int * 3)(_CTL_KERN, _KERN_PROCARGS2, os.getpid())
    size = ctypes.c_size_t(_ARGUMENTS_SIZE)
    buffer = ctypes.create_string_buffer(_ARGUMENTS_SIZE)
    if ctypes.CDLL(None).sysctl(names, 3, buffer, ctypes.byref(size), None, ctypes.c_size_t(0)):
        raise OSError("sysctl(KERN_PROCARGS2) failed")
    return environment_in_arguments(buffer.raw[: size.value])
