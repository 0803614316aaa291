"""Give the functions of a file the code of its new version, where a fresh start would."""

from __future__ import annotations

import gc
import linecache
from collections import Counter
from collections.abc import Collection, Iterator
from types import CodeType, FunctionType
from typing import Protocol

from ..protocol.reasons import Reason
from ..records import dataclass, replace
from .audit import CopyAudit
from .classes import class_changes
from .compare import Pair, Refusal, changed_names, match, orphans
from .equality import Position, identical, position, qualname, same_lines
from .index import Index, holder_of
from .names import Delta, Edited, Examination, NameExchange
from .recorder import RunRecorder
from .references import held_elsewhere, reachable
from .signatures import header_changes, located
from .support import unavailable

_NO_DELTA = Delta()
_NOTHING_EDITED = Edited({}, {})
_ANNOTATIONS = "__annotate__"


class AttributeChange(Protocol):
    """A change besides those of code and names."""

    def apply(self) -> None:
        """Make it."""

    def revert(self) -> None:
        """Take it back."""


@dataclass(frozen=True)
class Ready:
    """Every check passed; `apply` does nothing that can be refused any more."""

    path: str
    changed: tuple[str, ...]
    functions: tuple[tuple[FunctionType, CodeType], ...]
    attributes: tuple[AttributeChange, ...]
    names: NameExchange | None = None

    def apply(self) -> None:
        """Exchange the code of the file's functions; all of it or, on an error, nothing."""
        done: list[tuple[FunctionType, CodeType]] = []
        try:
            for function, code in self.functions:
                done.append((function, function.__code__))
                function.__code__ = code
            for change in self.attributes:
                change.apply()
            if self.names is not None:
                self.names.apply()
        except BaseException:
            for function, code in done:
                function.__code__ = code
            for change in self.attributes:
                change.revert()
            raise
        linecache.cache.pop(self.path, None)


def prepare(  # noqa: PLR0913, PLR0917 - everything that is known of the start
    path: str,
    old: CodeType,
    new: CodeType,
    index: Index,
    recorder: RunRecorder,
    audit: CopyAudit,
    read_as_data: Collection[str] = (),
    delta: Delta = _NO_DELTA,
    edited: Edited = _NOTHING_EDITED,
) -> Ready | Refusal:
    """Check everything that must hold for ``path`` to be swapped in this process.

    ``path`` is the file as the running code names it (``co_filename``); ``old`` and ``new`` are
    its module code objects compiled under that name. ``read_as_data``: files whose source was
    read while starting other than to import it. ``delta``: statements that ``old`` and ``new`` are
    without, for they do nothing but bind names; ``edited``: the names that change at once in all
    files.
    """
    reason = unavailable() or _file_refusal(path, recorder, audit, read_as_data)
    if reason is not None:
        return Refusal(reason)
    if old.co_filename != path or new.co_filename != path:
        return Refusal(Reason("AP129", f"{path} was compiled under another name"))
    index.include(path)
    pairs = match(old, new, delta.positions)
    if isinstance(pairs, Refusal):
        return pairs
    ready = _Preparation(path, pairs, delta, index, recorder, audit).result()
    if isinstance(ready, Refusal) or not delta.binds:
        return ready
    names = Examination(path, old, delta, index, recorder, audit, edited).result()
    return Refusal(names) if isinstance(names, Reason) else replace(ready, names=names)


def _went(delta: Delta) -> Iterator[Pair]:
    """Functions of which there is no new version."""
    for code in delta.functions():
        yield Pair(code, None, changed=True, identical=False)


class _Preparation:
    def __init__(
        self,
        path: str,
        pairs: tuple[Pair, ...],
        delta: Delta,
        index: Index,
        recorder: RunRecorder,
        audit: CopyAudit,
    ) -> None:
        self._path = path
        self._headers = delta.headers
        gone = tuple(_went(delta))
        self._pairs = (*pairs, *gone, *(one for pair in gone for one in orphans(pair.old)))
        self._gone = {id(pair) for pair in gone}
        self._index = index
        self._recorder = recorder
        self._audit = audit
        self._by_position: dict[Position, list[Pair]] = {}
        for pair in self._pairs:
            self._by_position.setdefault(position(pair.old), []).append(pair)
        self._located: dict[int, Pair] = {}  # valid while the functions keep their code alive

    def result(self) -> Ready | Refusal:
        reason = (
            self._ran()
            or self._held()
            or self._strangers()
            or self._awaited()
            or self._counted()
            or self._looked_at()
            or self._warned()
        )
        if reason is not None:
            return Refusal(reason)
        attributes = class_changes(self._path, self._pairs, self._index)
        if isinstance(attributes, Refusal):
            return attributes
        living = [
            (function, self._located[id(function.__code__)])
            for function in self._index.functions(self._path)
        ]
        headers = header_changes(self._headers, located(living), self._audit)
        if isinstance(headers, Reason):
            return Refusal(headers)
        functions = tuple(
            (function, pair.new) for function, pair in living if pair.new and not pair.identical
        )
        changes = (*attributes, *headers)
        return Ready(self._path, changed_names(self._pairs), functions, changes)

    def _ran(self) -> Reason | None:
        for code in self._recorder.ran_in(self._path):
            pair = self._locate(code)
            if pair is None:
                return _not_in_file(code)
            if pair.changed:
                return self._ran_before(code)
        return None

    def _ran_before(self, code: CodeType) -> Reason:
        if code.co_name != _ANNOTATIONS:
            return Reason("AP120", f"{qualname(code)} ran while starting")
        # Since Python 3.14 annotations are a function of their own, made just before theirs.
        line = code.co_firstlineno
        beside = (pair.old for pair in self._pairs if pair.old.co_firstlineno == line)
        owner = next((qualname(one) for one in beside if one.co_name != _ANNOTATIONS), "a function")
        return Reason("AP105", f"the annotations of {owner} may have been read while starting")

    def _held(self) -> Reason | None:
        for code in self._index.running(self._path):
            pair = self._locate(code)
            if pair is None:
                return _not_in_file(code)
            if not pair.identical:
                text = f"a running call from the start holds the code of {_title(code)}"
                return Reason("AP121", text)
        return None

    def _strangers(self) -> Reason | None:
        """Functions that the old source does not explain."""
        for function in self._index.functions(self._path):
            pair = self._locate(function.__code__)
            if pair is None:
                return _not_in_file(function.__code__)
            if pair.new is None and id(pair) not in self._gone:
                text = f"the function around {qualname(pair.old)} ran while starting"
                return Reason("AP120", text)
        return None

    def _awaited(self) -> Reason | None:
        """Since Python 3.15 a lazy import keeps the module's code, to tell of its line."""
        module = self._pairs[0]
        if any(self._index.lazy(self._path)) and not (
            module.new and same_lines(module.old, module.new)
        ):
            return Reason("AP121", "a lazy import from the start holds module-level code")
        return None

    def _counted(self) -> Reason | None:
        """References to code objects that neither functions nor parents nor records explain."""
        reason = self._unexplained()
        # The collector has not run since the start: frames that nobody can reach may hold them,
        # as an exception does that is kept in a variable of its own frame.
        return self._unexplained() if reason is not None and gc.collect() else reason

    def _unexplained(self) -> Reason | None:
        known = Counter(id(one.__code__) for one in self._index.functions(self._path))
        known.update(id(code) for code in self._recorder.ran_in(self._path))
        known.update(id(code) for code in self._index.lazy(self._path))
        found = reachable(self._living())
        for key in held_elsewhere(found, known):
            pair = self._locate(found[key])
            if pair is None or not pair.identical:
                holder = holder_of(found[key]) or "something"
                text = f"{holder} from the start holds the code of {_title(found[key])}"
                return Reason("AP122" if holder == "something" else "AP121", text)
        return None

    def _living(self) -> Iterator[CodeType]:
        yield from (function.__code__ for function in self._index.functions(self._path))
        yield from self._recorder.ran_in(self._path)
        yield from self._index.lazy(self._path)

    def _looked_at(self) -> Reason | None:
        for pair in self._pairs:
            reader = None if pair.identical else self._audit.reader(pair.old)
            if reader is not None:
                text = f"{reader} looked at the code of {qualname(pair.old)} while starting"
                return Reason("AP124", text)
        return None

    def _warned(self) -> Reason | None:
        """A module keeps its warnings by line number, to warn once only."""
        if all(pair.new and same_lines(pair.old, pair.new) for pair in self._pairs):
            return None
        namespaces = [namespace for _, namespace in self._index.modules(self._path)]
        namespaces += [one.__globals__ for one in self._index.functions(self._path)]
        for namespace in namespaces:
            registry = namespace.get("__warningregistry__")
            if isinstance(registry, dict) and any(isinstance(key, tuple) for key in registry):
                name = namespace.get("__name__")
                text = f"{name} issued a warning while starting, which is kept by line number"
                return Reason("AP126", text)
        return None

    def _locate(self, code: CodeType) -> Pair | None:
        if id(code) not in self._located:
            pair = _only(self._by_position.get(position(code), []), code)
            if pair is None:
                return None
            self._located[id(code)] = pair
        return self._located[id(code)]


def _only(candidates: list[Pair], code: CodeType) -> Pair | None:
    """The pair of this running code object, if its old source explains it and only once.

    Two that are equal to the last column come from one place compiled twice (``finally``): they
    have equal new versions, and either is right.
    """
    found = [pair for pair in candidates if identical(pair.old, code)]
    if all(_same_version(found[0], other) for other in found[1:]):
        return found[0] if found else None
    return None


def _same_version(one: Pair, other: Pair) -> bool:
    if one.new is None or other.new is None:
        return one.new is other.new
    return one.changed == other.changed and identical(one.new, other.new)


def _file_refusal(
    path: str, recorder: RunRecorder, audit: CopyAudit, read_as_data: Collection[str]
) -> Reason | None:
    if path in read_as_data:
        return Reason("AP128", f"the source {path} was read as data while starting")
    unknown = recorder.refusal(path)
    if unknown is not None:
        return unknown.reason
    if audit.copied(path):
        return Reason("AP125", f"code objects of {path} were copied while starting")
    return audit.blind()


def _title(code: CodeType) -> str:
    return "module-level code" if code.co_name == "<module>" else qualname(code)


def _not_in_file(code: CodeType) -> Reason:
    return Reason("AP123", f"the running code of {_title(code)} is not what its file says")
