"""Notes what a starting program asks the file system without opening: files, folders, listings.

Listings raise audit events. ``os.stat()`` and its relatives raise none, so these functions
of :mod:`os` are replaced while the program starts; ``os.path`` and :mod:`pathlib` use them.
The import system has its own and is not affected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from threading import get_ident
from types import CodeType, FrameType
from typing import Any

from ..own_code import PACKAGE_FOLDERS
from ..protocol import probes
from ..protocol.probes import Probe

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
#: The reloader's own code.
PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")
#: Kernel interfaces, of which nobody makes files.
_VIRTUAL = ("/dev/", "/proc/", "/sys/")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

#: How much of the answer the calling code can see.
_ALL, _EXISTENCE, _NOTHING, _PACKAGES = "all", "existence", "nothing", "packages"
#: Functions of the standard library that ask only whether something is there, and what kind.
_PREDICATES = frozenset(
    {
        "exists", "lexists", "isfile", "isdir", "islink", "isjunction", "ismount", "realpath",
        "_joinrealpath", "is_dir", "is_file", "is_symlink", "is_mount", "is_socket", "is_fifo",
        "is_block_device", "is_char_device", "is_junction", "resolve", "_realpath",
    }
)  # fmt: skip
_PATHS = ("genericpath.py", "posixpath.py", "ntpath.py", "pathlib.py", "pathlib/")
#: Where sources are read only to be shown, and where answers only say whether a cache is good.
_READ_NO_STATE = ("linecache.py", "traceback.py", "warnings.py", "tracemalloc.py")
_FROZEN = "<frozen "
_METADATA = ("importlib/metadata", "importlib_metadata", "pkg_resources")


class Probes:
    """The probes of one process, in order."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], str] = {}
        self._new: list[Probe] = []
        self._roles: dict[CodeType, tuple[bool, str]] = {}
        self._touched: set[str] = set()
        self._functions: list[Observed] = []
        self._listing = 0

    def install(self, inputs: dict[str, Callable[[tuple[Any, ...]], None]]) -> None:
        """Note from now on; ``inputs`` are listeners to audit events."""
        for folder in site_folders():
            self._note(folder, probes.INSTALLED, probes.ask(folder, probes.INSTALLED))
        for name in ("stat", "lstat", "access", "readlink"):
            observed = Observed(getattr(os, name), getattr(self, f"_{name}"))
            self._functions.append(observed)
            setattr(os, name, observed)
        inputs.update(dict.fromkeys(("os.listdir", "os.scandir"), self._listed))
        one = ("os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect")
        inputs.update(dict.fromkeys(one, self._touches))
        two = ("os.rename", "os.link", "os.symlink")
        inputs.update(dict.fromkeys(two, self._touches_two))
        inputs["open"] = self._opened

    def remove(self) -> None:
        """Note nothing any more. Who has kept one of the functions goes on with it."""
        for observed in self._functions:
            observed.note = None
            if getattr(os, observed.name) is observed:
                setattr(os, observed.name, observed.function)
        self._functions.clear()

    def collect(self) -> tuple[tuple[Probe, ...], tuple[Probe, ...]]:
        """Probes since the last call, and the answers that the program itself has changed."""
        touched, self._touched = self._touched, set()
        new, self._new = self._new, []
        changed = []
        if touched:
            for (path, how), answer in list(self._answers.items()):
                if path in touched and (now := probes.ask(path, how)) != answer:
                    self._answers[path, how] = now
                    changed.append(Probe(path, how, now))
        return tuple(new), tuple(changed)

    def add(self, path: str, how: str) -> None:
        """Note a probe on behalf of the program, with the answer as it is now."""
        self._add(Probe(path, how, probes.ask(path, how)))

    def has_missed(self, path: str) -> bool:
        """Whether nothing was there when the program probed it, so that it may be watched."""
        return "" in (self._answers.get((path, how)) for how in (probes.EXISTS, probes.STATUS))

    # -- functions ------------------------------------------------------------

    def _stat(self, result: Any, path: Any, *_: Any, **more: Any) -> None:
        kinds = (probes.EXISTS, probes.STATUS)
        if more.get("follow_symlinks") is False:
            kinds = (probes.ENTRY, probes.ENTRY_STATUS)
        self._status(result, path, more, *kinds)

    def _lstat(self, result: Any, path: Any, *_: Any, **more: Any) -> None:
        self._status(result, path, more, probes.ENTRY, probes.ENTRY_STATUS)

    def _readlink(self, result: Any, path: Any, *_: Any, **more: Any) -> None:
        if isinstance(result, (str, bytes)):
            result = f"link to {os.fsdecode(result)}"
        self._status(result, path, more, probes.ENTRY, probes.ENTRY)

    def _access(self, result: Any, path: Any, mode: int, *_: Any, **more: Any) -> None:
        how = f"{probes.ACCESS}{mode}"
        self._status("yes" if result is True else "", path, more, how, how)

    def _status(
        self, result: Any, path: Any, more: dict[str, Any], exists: str, everything: str
    ) -> None:
        if more.get("dir_fd") is not None or (name := _name(path)) is None:
            return
        role = self._role(sys._getframe(3))
        if role == _NOTHING:
            return
        how = everything if role == _ALL else exists
        if isinstance(result, OSError):
            result = probes.failed(result)
        elif not isinstance(result, str):
            try:
                result = probes.describe(result, name, how)
            except OSError as error:
                # A link, gone by now.
                result = probes.failed(error)
        self._note(name, how, result)

    # -- audit events ---------------------------------------------------------

    def _listed(self, args: tuple[Any, ...]) -> None:
        frame = sys._getframe(2)
        if frame.f_code.co_filename == _IMPORT_SYSTEM or self._listing == get_ident():
            return
        name = _name("." if args[0] is None else args[0])
        role = self._role(frame)
        if name is None or role == _NOTHING:
            return
        # To probe it here raises the event again.
        self._listing = get_ident()
        try:
            how = probes.INSTALLED if role == _PACKAGES else probes.NAMES
            self._note(name, how, probes.ask(name, how))
        finally:
            self._listing = 0

    def _opened(self, args: tuple[Any, ...]) -> None:
        if isinstance(args[2], int) and args[2] & _WRITES:
            self._touches(args)

    def _touches(self, args: tuple[Any, ...]) -> None:
        # Only what was probed matters, and of that only what is different afterwards.
        if (name := _name(args[0])) is not None:
            self._touched.add(name)

    def _touches_two(self, args: tuple[Any, ...]) -> None:
        self._touches(args[:1])
        self._touches(args[1:])

    # -- notes ----------------------------------------------------------------

    def _note(self, path: str, how: str, answer: str) -> None:
        if self._answers.get((path, how)) != answer and not path.startswith(_VIRTUAL):
            self._add(Probe(path, how, answer))

    def _add(self, probe: Probe) -> None:
        key = probe.path, probe.how
        if self._answers.get(key) != probe.answer:
            self._answers[key] = probe.answer
            self._new.append(probe)

    def _role(self, frame: FrameType | None) -> str:
        """How much of an answer the code that is responsible for the probe can see."""
        role = _ALL
        while frame is not None:
            known = self._roles.get(frame.f_code)
            if known is None:
                known = self._roles[frame.f_code] = _role_of(frame.f_code)
            is_helper, its_role = known
            if not is_helper:
                return its_role if its_role != _ALL else role
            role = _EXISTENCE if _EXISTENCE in (role, its_role) else role
            frame = frame.f_back
        return role


class Observed:
    """Stands for a built-in function, and tells of each call, as long as ``note`` is set.

    Like a built-in function, and unlike one of Python, it does not become a method of a class
    that keeps it.
    """

    def __init__(self, function: Any, note: Callable[..., None]) -> None:
        self.function = function
        self.name: str = function.__name__
        self.note: Callable[..., None] | None = note

    def __call__(self, *args: Any, **more: Any) -> Any:
        """Call the function."""
        note = self.note
        if note is None or not args:
            return self.function(*args, **more)
        try:
            result = self.function(*args, **more)
        except OSError as error:
            note(error, *args, **more)
            raise
        note(result, *args, **more)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return _function, (self.name,)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.function)

    # As a member of os.supports_fd and its like.
    def __hash__(self) -> int:
        return hash(self.function)

    def __eq__(self, other: object) -> bool:
        return other is self or bool(self.function == other)

    def __repr__(self) -> str:
        return repr(self.function)


def _function(name: str) -> Any:
    return getattr(os, name)


def site_folders() -> list[str]:
    """Where packages are installed."""
    return [folder for folder in sys.path if folder.endswith(PACKAGE_FOLDERS)]


def _role_of(code: CodeType) -> tuple[bool, str]:
    """Whether code only passes an answer on, and what it makes of it."""
    path = code.co_filename
    if path.startswith(PACKAGE) or path == _IMPORT_SYSTEM:
        return False, _NOTHING
    if any(part in path for part in _METADATA):
        return False, _PACKAGES
    is_frozen = path.startswith(_FROZEN)
    if not (is_frozen or path.startswith(_LIBRARY)):
        return False, _ALL
    # Which modules are frozen depends on the version: linecache is since 3.15.
    inside = f"{path[len(_FROZEN) : -1]}.py" if is_frozen else path.removeprefix(_LIBRARY)
    if inside in _READ_NO_STATE:
        return False, _NOTHING
    if is_frozen or inside.startswith(_PATHS):
        return True, _EXISTENCE if code.co_name in _PREDICATES else _ALL
    return False, _ALL


def _name(path: Any) -> str | None:
    if isinstance(path, int):
        return None
    try:
        name = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError, OSError):
        return None
    return None if "\0" in name else name
