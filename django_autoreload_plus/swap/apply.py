"""Give the functions of a file the code of its new version, where a fresh start would."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType

from .classes import ClassChange, class_changes
from .compare import Pair, Refusal, changed_names, match
from .held import held_elsewhere, reachable
from .index import Index, holder_of
from .likeness import identical, qualname, same_lines
from .ran import CopyAudit, RunRecorder
from .support import unavailable


@dataclass(frozen=True)
class Ready:
    """Every check passed; `apply` does nothing that can be refused any more."""

    path: str
    changed: tuple[str, ...]
    functions: tuple[tuple[FunctionType, CodeType], ...]
    attributes: tuple[ClassChange, ...]

    def apply(self) -> None:
        """Exchange the code of the file's functions; all of it or, on an error, nothing."""
        done: list[tuple[FunctionType, CodeType]] = []
        try:
            for function, code in self.functions:
                done.append((function, function.__code__))
                function.__code__ = code
            for change in self.attributes:
                change.apply()
        except BaseException:
            for function, code in done:
                function.__code__ = code
            for change in self.attributes:
                change.revert()
            raise
        linecache.cache.pop(self.path, None)


def prepare(
    path: str,
    old: CodeType,
    new: CodeType,
    index: Index,
    recorder: RunRecorder,
    audit: CopyAudit,
    read_as_data: Collection[str] = (),
) -> Ready | Refusal:
    """Check everything that must hold for ``path`` to be swapped in this process.

    ``path`` is the file as the running code names it (``co_filename``); ``old`` and ``new`` are
    its module code objects compiled under that name. ``read_as_data``: files whose source was
    read while starting other than to import it.
    """
    reason = unavailable() or _file_refusal(path, recorder, audit, read_as_data)
    if reason is not None:
        return Refusal(reason)
    if old.co_filename != path or new.co_filename != path:
        return Refusal(f"{path} was compiled under another name")
    pairs = match(old, new)
    if isinstance(pairs, Refusal):
        return pairs
    return _Preparation(path, pairs, index, recorder, audit).result()


class _Preparation:
    def __init__(
        self,
        path: str,
        pairs: tuple[Pair, ...],
        index: Index,
        recorder: RunRecorder,
        audit: CopyAudit,
    ) -> None:
        self._path = path
        self._pairs = pairs
        self._index = index
        self._recorder = recorder
        self._audit = audit
        self._places: dict[tuple[str, int], list[Pair]] = {}
        for pair in pairs:
            self._places.setdefault(_place(pair.old), []).append(pair)
        self._located: dict[int, Pair] = {}  # valid while the functions keep their code alive

    def result(self) -> Ready | Refusal:
        reason = (
            self._ran()
            or self._held()
            or self._strangers()
            or self._counted()
            or self._looked_at()
            or self._warned()
        )
        if reason is not None:
            return Refusal(reason)
        attributes = class_changes(self._path, self._pairs, self._index)
        if isinstance(attributes, Refusal):
            return attributes
        functions = tuple(
            (function, pair.new)
            for function in self._index.functions(self._path)
            if (pair := self._located[id(function.__code__)]).new and not pair.identical
        )
        return Ready(self._path, changed_names(self._pairs), functions, attributes)

    def _ran(self) -> str | None:
        for code in self._recorder.ran_in(self._path):
            pair = self._locate(code)
            if pair is None:
                return _not_in_file(code)
            if pair.changed:
                return f"{qualname(code)} ran while starting"
        return None

    def _held(self) -> str | None:
        for code in self._index.running(self._path):
            pair = self._locate(code)
            if pair is None:
                return _not_in_file(code)
            if not pair.identical:
                return f"a running call from the start holds the code of {_title(code)}"
        return None

    def _strangers(self) -> str | None:
        """Functions that the old source does not explain."""
        for function in self._index.functions(self._path):
            pair = self._locate(function.__code__)
            if pair is None:
                return _not_in_file(function.__code__)
            if pair.new is None:
                return f"the function around {qualname(pair.old)} ran while starting"
        return None

    def _counted(self) -> str | None:
        """References to code objects that neither functions nor parents nor records explain."""
        known = Counter(id(one.__code__) for one in self._index.functions(self._path))
        known.update(id(code) for code in self._recorder.ran_in(self._path))
        found = reachable(self._living())
        for key in held_elsewhere(found, known):
            pair = self._locate(found[key])
            if pair is None or not pair.identical:
                holder = holder_of(found[key]) or "something"
                return f"{holder} from the start holds the code of {_title(found[key])}"
        return None

    def _living(self) -> Iterator[CodeType]:
        yield from (function.__code__ for function in self._index.functions(self._path))
        yield from self._recorder.ran_in(self._path)

    def _looked_at(self) -> str | None:
        for pair in self._pairs:
            reader = None if pair.identical else self._audit.reader(pair.old)
            if reader is not None:
                return f"{reader} looked at the code of {qualname(pair.old)} while starting"
        return None

    def _warned(self) -> str | None:
        """What a module warned of is kept by line number, to warn once only."""
        if all(pair.new and same_lines(pair.old, pair.new) for pair in self._pairs):
            return None
        namespaces = [namespace for _, namespace in self._index.modules(self._path)]
        namespaces += [one.__globals__ for one in self._index.functions(self._path)]
        for namespace in namespaces:
            registry = namespace.get("__warningregistry__")
            if isinstance(registry, dict) and any(isinstance(key, tuple) for key in registry):
                name = namespace.get("__name__")
                return f"{name} issued a warning while starting, which is kept by line number"
        return None

    def _locate(self, code: CodeType) -> Pair | None:
        if id(code) not in self._located:
            pair = _only(self._places.get(_place(code), []), code)
            if pair is None:
                return None
            self._located[id(code)] = pair
        return self._located[id(code)]


def _only(candidates: list[Pair], code: CodeType) -> Pair | None:
    """The pair of this running code object, if its old source explains it and only once.

    Two that are equal to the last column come from one place compiled twice (``finally``): they
    have equal successors, and either is right.
    """
    found = [pair for pair in candidates if identical(pair.old, code)]
    if all(_same_successor(found[0], other) for other in found[1:]):
        return found[0] if found else None
    return None


def _same_successor(one: Pair, other: Pair) -> bool:
    if one.new is None or other.new is None:
        return one.new is other.new
    return one.changed == other.changed and identical(one.new, other.new)


def _file_refusal(
    path: str, recorder: RunRecorder, audit: CopyAudit, read_as_data: Collection[str]
) -> str | None:
    if path in read_as_data:
        return f"the source {path} was read as data while starting"
    unknown = recorder.refusal(path)
    if unknown is not None:
        return unknown.reason
    if audit.copied(path):
        return f"code objects of {path} were copied while starting"
    return audit.blind()


def _place(code: CodeType) -> tuple[str, int]:
    return qualname(code), code.co_firstlineno


def _title(code: CodeType) -> str:
    return "module-level code" if code.co_name == "<module>" else qualname(code)


def _not_in_file(code: CodeType) -> str:
    return f"the running code of {_title(code)} is not what its file says"
