"""Records, in order, what shapes a starting process.

Three sources, because none of them sees everything: a finder in front of all
others hears of every module before it is looked for (also of those that do not
exist), an audit hook sees files that are opened, and a look through
``sys.modules`` finds what was loaded by other means.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from itertools import takewhile
from types import FrameType, ModuleType
from typing import Any

from ..protocol.messages import Loaded, LoadedFile
from .fresh import FreshFinder

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC
#: The standard library.
_INTERPRETER = os.path.dirname(os.__file__)
#: Programs make names with it up, but no file can have one.
_NUL = "\0"
#: Kernel interfaces: reading them says nothing about a file a user could edit.
_VIRTUAL = ("/dev/", "/proc/", "/sys/")


@dataclass(frozen=True)
class Lookup:
    """A module was looked for."""

    name: str
    path: Sequence[str] | None
    time: int


@dataclass
class Record:
    """What was seen since the last report."""

    lookups: list[Lookup] = field(default_factory=list)
    reads: dict[str, int] = field(default_factory=dict)
    writes: set[str] = field(default_factory=set)


class Tracker:
    """The finder, the audit hook and the scan of one process."""

    def __init__(self) -> None:
        self._record = Record()
        self._reported: set[str] = set()
        self._reported_missing: set[str] = set()
        self._written: set[str] = set()
        self._unresolved: list[Lookup] = []
        self._scanned: dict[str, int] = {}
        #: The last finished module in ``sys.modules`` at the last look.
        self._newest = ""
        self._late: dict[str, Callable[[], None]] = {}
        #: Reads count only while starting; a request that reads a file is not
        #: code that was loaded.
        self.starting = True
        #: Called (from any thread) when there is something new to report.
        self.notify: Callable[[], None] | None = None
        #: Called with a file that is about to be written and is watched, or may soon be:
        #: said at once, so that it is known before the write is seen.
        self.tell_written: Callable[[str], None] | None = None
        #: Called with every name before it is looked for.
        self.before_import: Callable[[str], None] | None = None
        #: Finds changed files by their source alone.
        self.fresh: FreshFinder | None = None
        #: Sources that were read as data, not only imported.
        self.sources_read: set[str] = set()
        #: Further listeners to audit events, by event name.
        self.listeners: dict[str, Callable[[tuple[Any, ...]], None]] = {}

    def install(self) -> None:
        """Begin to record. The audit hook stays for the life of the process."""
        sys.meta_path.insert(0, self)
        sys.addaudithook(self._audit)

    def call_after_import(self, name: str, callback: Callable[[], None]) -> None:
        """Run ``callback`` at the first import that follows module ``name``."""
        self._late[name] = callback

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Note that ``name`` is looked for, and let the others find it."""
        if self._late:
            self._run_late()
        if self.before_import is not None:
            self.before_import(name)
        self._record.lookups.append(Lookup(name, path, time.time_ns()))
        if self.notify is not None:
            self.notify()
        return self.fresh.find_spec(name, path, target) if self.fresh is not None else None

    @property
    def is_waiting(self) -> bool:
        """Whether a module was neither found nor missing at the last :meth:`collect`."""
        return bool(self._unresolved)

    def collect(self, *, scan: bool = True) -> Loaded:
        """Everything since the last call, as a report.

        ``scan``: look at every module in ``sys.modules``, not only at those that came
        since. That touches them all; after a fork it costs a copy of much of the memory.
        """
        record, self._record = self._record, Record()
        files: list[LoadedFile] = []
        missing: list[str] = []
        self._resolve(record.lookups, files, missing)
        for path, when in record.reads.items():
            self._add(files, path, when, "")
        self._scan(files, [*sys.modules] if scan else self._new_names())
        return Loaded(tuple(files), tuple(missing), (), tuple(sorted(record.writes)))

    def _resolve(self, lookups: list[Lookup], files: list[LoadedFile], missing: list[str]) -> None:
        retry, self._unresolved = self._unresolved, []
        for lookup in (*retry, *lookups):
            module = sys.modules.get(lookup.name)
            if module is not None:
                self._add_module(files, lookup.name, module, lookup.time)
                self._add_missing(missing, hiding_places(lookup, module))
                continue
            spec = _find(lookup)
            if spec is not None and spec.origin and spec.has_location:
                # Found, but not there: it raised, or is being created.
                self._add(files, spec.origin, lookup.time, lookup.name)
            elif not self.starting and lookup not in retry:
                self._unresolved.append(lookup)
            elif spec is None:
                self._add_missing(missing, candidates(lookup))

    def _new_names(self) -> list[str]:
        """The names at the end of ``sys.modules`` that came since the last look.

        The import system moves a module to the end when it is finished. All names, if
        the last finished one was taken out, so that nobody can say which are new.
        """
        # In one call, which no other thread that imports can interrupt.
        names = [*takewhile(self._newest.__ne__, reversed(sys.modules))]
        return names[::-1]

    def _scan(self, files: list[LoadedFile], names: Sequence[str]) -> None:
        self._newest = next(filter(_is_finished, reversed(names)), self._newest)
        for name in names:
            module = sys.modules.get(name)
            if module is not None and self._scanned.get(name) != id(module):
                self._scanned[name] = id(module)
                self._add_module(files, name, module, 0)

    def _add_module(
        self, files: list[LoadedFile], name: str, module: ModuleType, when: int
    ) -> None:
        for path in module_files(module):
            self._add(files, path, when, name)

    def _add(self, files: list[LoadedFile], path: str, when: int, module: str) -> None:
        try:
            path = os.path.abspath(path)
        except OSError:
            return
        if path not in self._reported and _NUL not in path:
            self._reported.add(path)
            files.append(LoadedFile(path, when, module))

    def _add_missing(self, missing: list[str], paths: Iterator[str]) -> None:
        for path in paths:
            if path not in self._reported_missing and _NUL not in path:
                self._reported_missing.add(path)
                missing.append(path)

    def _run_late(self) -> None:
        for name in [name for name in self._late if _is_finished(name)]:
            self._late.pop(name)()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            self._opened(*args)
        elif event == "sqlite3.connect":
            self._note_write(args[0])
        elif event == "os.rename":
            self._note_write(args[0])
            self._note_write(args[1])
        elif event in self.listeners:
            self.listeners[event](args)

    # Otherwise the interpreter reports no call that happens inside the hook to any
    # tool, the user's finalizers among them (see sys.addaudithook).
    _audit.__cantrace__ = True  # type: ignore[attr-defined]

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        if _writes(mode, flags):
            self._note_write(path)
        elif self.starting or _is_catalogue(path):
            self._note_read(path)

    def _note_read(self, path: Any) -> None:
        name = _path_text(path)
        frame = sys._getframe(3)
        if name is None or name.startswith(_VIRTUAL) or frame.f_code.co_filename == _IMPORT_SYSTEM:
            return
        if name.endswith(".py") and not _formats_a_message(frame):
            self.sources_read.add(name)
        self._record.reads.setdefault(name, time.time_ns())
        if self.notify is not None:
            self.notify()

    def _note_write(self, path: Any) -> None:
        name = _path_text(path)
        if name is None or name in self._written or "/__pycache__/" in name:
            return
        is_source = name.endswith(".py")
        if name.endswith(".pyc") or (is_source and not self.starting):
            return
        self._written.add(name)
        if self.tell_written is not None and (is_source or name in self._reported):
            self.tell_written(name)
            return
        self._record.writes.add(name)
        if self.notify is not None:
            self.notify()


def module_files(module: object) -> Iterator[str]:
    """The files a module was made from (none for built-in ones)."""
    if not isinstance(module, ModuleType):
        return
    spec = module.__dict__.get("__spec__")
    if spec is None:
        if isinstance(file := module.__dict__.get("__file__"), str):
            yield _source_of(file)
        return
    archive = getattr(getattr(spec, "loader", None), "archive", None)
    if isinstance(archive, str):
        yield archive
    elif getattr(spec, "has_location", False) and isinstance(spec.origin, str):
        yield _source_of(spec.origin)


def candidates(lookup: Lookup) -> Iterator[str]:
    """The places where a module that was not found could still appear."""
    tail = lookup.name.rpartition(".")[2]
    try:
        folders = list(sys.path if lookup.path is None else lookup.path)
    except (TypeError, KeyError):
        # A namespace package's path asks its parent, which may be gone.
        return
    for folder in folders:
        # Programs put other things into sys.path than its type allows.
        if isinstance(folder, str) and not os.path.isfile(folder or "."):  # type: ignore[redundant-expr]
            base = os.path.join(os.path.abspath(folder), tail)
            yield f"{base}.py"
            yield os.path.join(base, "__init__.py")
            yield from (f"{base}{suffix}" for suffix in EXTENSION_SUFFIXES[:1])


def hiding_places(lookup: Lookup, module: ModuleType) -> Iterator[str]:
    """The places in the project where a module would be found before this one.

    Libraries and the interpreter's own folders are left out: nobody writes there
    by hand, and there are many.
    """
    file = getattr(module, "__file__", None)
    if lookup.path is not None or not isinstance(file, str):
        return
    for folder in sys.path:
        if not isinstance(folder, str):
            continue  # type: ignore[unreachable] # programs do put other things there
        base = os.path.join(os.path.abspath(folder), lookup.name)
        if os.path.dirname(file) in (base, os.path.dirname(base)):
            return
        if not (base.startswith(_INTERPRETER) or "-packages" in base or os.path.isfile(folder)):
            yield f"{base}.py"
            yield os.path.join(base, "__init__.py")


def _find(lookup: Lookup) -> ModuleSpec | None:
    try:
        return PathFinder.find_spec(lookup.name, lookup.path)
    except Exception:  # noqa: BLE001 - path hooks are the user's code
        return None


def _is_finished(name: str) -> bool:
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):
        return False
    spec = module.__dict__.get("__spec__")
    return spec is not None and not getattr(spec, "_initializing", False)


def _source_of(file: str) -> str:
    """The ``.py`` beside bytecode that was loaded without one, where it exists."""
    if file.endswith((".pyc", ".pyo")) and os.path.exists(file[:-1]):
        return file[:-1]
    return file


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & _WRITES)


def _is_catalogue(path: Any) -> bool:
    """Translations are read at their first use, and are watched all the same."""
    return isinstance(path, (str, os.PathLike)) and os.fspath(path)[-3:] == ".mo"


def _path_text(path: Any) -> str | None:
    try:
        name = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError, OSError):
        return None
    return None if _NUL in name else name


def _formats_a_message(frame: FrameType) -> bool:
    """Whether a source is only read to print its lines in a warning or traceback."""
    current: FrameType | None = frame
    for _ in range(6):
        if current is None:
            return False
        if current.f_globals.get("__name__") in ("warnings", "traceback"):
            return True
        current = current.f_back
    return False
