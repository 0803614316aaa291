"""Records, in order, what shapes a starting process.

Three sources, because none of them sees everything: a finder in front of all
others is asked for every module (also for those that do not exist), an audit hook
sees files that are opened, and a scan of ``sys.modules`` finds what was loaded by other means.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from itertools import takewhile
from types import FrameType, ModuleType
from typing import Any

from ..clock import now_ns
from ..paths import absolute
from ..protocol.messages import Loaded, LoadedFile
from ..records import dataclass, field
from ..swap.support import watcher
from .modules import Lookup, candidates, find, is_finished, module_files, shadowing_candidates
from .probes import PACKAGE, Probes
from .source_loader import SourceOnlyFinder

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC
#: Audit events by which debuggers, profilers and coverage tools come.
_TRACERS = frozenset({"sys.settrace", "sys.setprofile"})
_MONITOR = "sys.monitoring.register_callback"
#: Programs make names with it up, but no file can have one.
_NUL = "\0"
#: Kernel interfaces: reading them says nothing about a file a user could edit.
_VIRTUAL = ("/dev/", "/proc/", "/sys/")


@dataclass
class Record:
    """Events since the last report."""

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
        #: The last finished module in ``sys.modules`` at the last scan.
        self._newest = ""
        self._late: dict[str, Callable[[], None]] = {}
        #: Reads count only while starting; a request that reads a file is not
        #: code that was loaded.
        self.starting = True
        #: Whether a read counts although the start is over.
        self.shapes_module: Callable[[], bool] = lambda: False
        #: Called (from any thread) when there is something new to report.
        self.notify: Callable[[], None] | None = None
        #: Called with a file that is about to be written and is watched, or may soon be:
        #: said at once, so that it is known before the write is seen.
        self.tell_written: Callable[[str], None] | None = None
        #: Called with every name before it is looked for.
        self.before_import: Callable[[str], None] | None = None
        #: Finds changed files by their source alone.
        self.fresh: SourceOnlyFinder | None = None
        #: Files that were read as data while starting: they have shaped this process.
        self.read_at_start: set[str] = set()
        #: Sources that were read as data, not only imported.
        self.sources_read: set[str] = set()
        #: Called with each file that the starting program is about to read as data.
        self.begins_to_read: Callable[[str], None] = lambda _path: None
        #: Called with the arguments of each audit event ``subprocess.Popen``.
        self.begins_to_run: Callable[..., None] = lambda *_args: None
        #: Further listeners to audit events, by event name.
        self.listeners: dict[str, Callable[[tuple[Any, ...]], None]] = {}
        #: Listeners for what a start takes from outside, besides those.
        self.inputs: dict[str, Callable[[tuple[Any, ...]], None]] = {}
        #: What the program asks the file system without opening a file.
        self.probes = Probes()

        #: The audit hook: no method, which could not be given an attribute.
        self._hook = partial(self._audit)
        #: Called before acts that may have to wait, by audit event; empty when none has to.
        self.acts: dict[str, Callable[[tuple[Any, ...]], None]] = {}

    def install(self) -> None:
        """Begin to record. The audit hook stays for the life of the process."""
        sys.meta_path.insert(0, self)
        self._may_be_traced(watcher() is None)
        sys.addaudithook(self._hook)

    def detach(self) -> None:
        """Report nothing any more, in a process that the program has forked."""
        self.notify = self.tell_written = self.before_import = None
        self.acts = {}
        self.listeners.clear()

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
        self._record.lookups.append(Lookup(name, path, now_ns()))
        if self.notify is not None:
            self.notify()
        return self.fresh.find_spec(name, path, target) if self.fresh is not None else None

    @property
    def changed(self) -> tuple[str, ...]:
        """Files that are not to be loaded from bytecode."""
        return () if self.fresh is None else self.fresh.paths

    @property
    def last_lookup(self) -> int:
        """When a module was looked for last; 0: not since the last report."""
        lookups = self._record.lookups
        return lookups[-1].time if lookups else 0

    def lookups(self) -> list[str]:
        """The modules that were looked for since the last report."""
        return [lookup.name for lookup in self._record.lookups]

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
        written = tuple(sorted(record.writes))
        return Loaded(tuple(files), tuple(missing), (), written, *self.probes.collect())

    def _resolve(self, lookups: list[Lookup], files: list[LoadedFile], missing: list[str]) -> None:
        retry, self._unresolved = self._unresolved, []
        for lookup in (*retry, *lookups):
            module = sys.modules.get(lookup.name)
            if module is not None:
                # Not looked at again by the scan.
                self._scanned[lookup.name] = id(module)
                self._add_module(files, lookup.name, module, lookup.time)
                self._add_missing(missing, shadowing_candidates(lookup, module))
                continue
            spec = find(lookup)
            if spec is not None and spec.origin and spec.has_location:
                # Found, but not there: it raised, or is being created.
                self._add(files, spec.origin, lookup.time, lookup.name)
            elif not self.starting and lookup not in retry:
                self._unresolved.append(lookup)
            elif spec is None:
                self._add_missing(missing, candidates(lookup))

    def _new_names(self) -> list[str]:
        """The names at the end of ``sys.modules`` that came since the last scan.

        The import system moves a module to the end when it is finished. All names, if
        the last finished one was taken out, so that nobody can say which are new.
        """
        # In one call, which no other thread that imports can interrupt.
        names = [*takewhile(self._newest.__ne__, reversed(sys.modules))]
        return names[::-1]

    def _scan(self, files: list[LoadedFile], names: Sequence[str]) -> None:
        self._newest = next(filter(is_finished, reversed(names)), self._newest)
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
        path = absolute(path)
        if path not in self._reported and _NUL not in path:
            self._reported.add(path)
            files.append(LoadedFile(path, when, module))

    def _add_missing(self, missing: list[str], paths: Iterator[str]) -> None:
        for path in paths:
            if path not in self._reported_missing and _NUL not in path:
                self._reported_missing.add(path)
                missing.append(path)

    def _run_late(self) -> None:
        for name in [name for name in self._late if name in sys.modules and is_finished(name)]:
            self._late.pop(name)()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        act = self.acts.get(event)
        if act is not None:
            act(args)
        if event == "open":
            self._opened(*args)
        elif event == "sqlite3.connect":
            self._note_write(args[0])
        elif event == "os.rename":
            self._note_write(args[0])
            self._note_write(args[1])
        elif event == "subprocess.Popen":
            self.begins_to_run(*args)
        elif event in _TRACERS or (event == _MONITOR and watcher() is not None):
            self._may_be_traced(False)
        if event in self.listeners:
            self.listeners[event](args)
        if event in self.inputs:
            self.inputs[event](args)

    def _may_be_traced(self, answer: bool) -> None:  # noqa: FBT001 - a callback
        """Whether tools are told what runs inside the hook, asked for before each call of it.

        Our own has to be, for the user's finalizers may run there. Others would report the
        hook as a part of the program, or wait for ever for a lock that they hold when they
        raise the event; that they are there is a reason against swaps in any case.
        """
        self._hook.__cantrace__ = answer  # type: ignore[attr-defined] # see sys.addaudithook

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        if _writes(mode, flags):
            self._note_write(path)
        elif self.starting or _is_catalogue(path) or self.shapes_module():
            self._note_read(path)

    def _note_read(self, path: Any) -> None:
        name = _path_text(path)
        frame = sys._getframe(3)
        reader = frame.f_code.co_filename
        if name is None or name.startswith(_VIRTUAL):
            return
        if reader == _IMPORT_SYSTEM or reader.startswith(PACKAGE):
            return
        if name.endswith(".py") and not _formats_a_message(frame):
            self.sources_read.add(name)
        if self.starting:
            if name not in self.read_at_start:
                self.begins_to_read(name)
            self.read_at_start.add(name)
        self._record.reads.setdefault(name, now_ns())
        if self.notify is not None:
            self.notify()

    def _note_write(self, path: Any) -> None:
        name = _path_text(path)
        if name is None or name in self._written or "/__pycache__/" in name:
            return
        if name.startswith(_VIRTUAL):
            return
        is_source = name.endswith(".py")
        if name.endswith(".pyc") or (is_source and not self.starting):
            return
        self._written.add(name)
        if self.tell_written is not None and (is_source or self._is_watched(name)):
            self.tell_written(name)
            return
        self._record.writes.add(name)
        if self.notify is not None:
            self.notify()

    def _is_watched(self, name: str) -> bool:
        return name in self._reported or self.probes.has_missed(name)


def is_importing() -> bool:
    """Whether a module other than the program itself is being executed in this thread."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
            return True
        frame = frame.f_back
    return False


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
