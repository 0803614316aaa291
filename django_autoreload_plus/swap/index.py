"""Where the code objects of this process are: made once, while the checkpoint idles.

A checkpoint shares its memory with other processes until it writes to it, and Python writes to
the reference count of each object that it uses: using every function and class would copy half of
the memory. So a forked process does that, and exits; it reports only their addresses. With these,
the functions and classes of the project's own files are found by asking the garbage collector
what refers to the namespaces of their modules: that reads all objects, and writes to few. If they
are exactly those of the report, the index is as good as a complete one.
"""

from __future__ import annotations

import builtins
import gc
import marshal
import sys
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
)

from .modules import module_namespaces, namespace_of

namespace_of_class = type.__dict__["__dict__"].__get__
qualname_of_class = type.__dict__["__qualname__"].__get__  # past any metaclass
_FIRST_LINE = "__firstlineno__"
_STATIC = "__static_attributes__"
_LAZY = getattr(types, "LazyImportType", None)
_FROZEN_BY_PYTHON = gc.get_freeze_count()  # some hundred objects of its own, on 3.12 and later
#: The garbage collector compares each reference that there is with so many objects, at most.
_MOST_ASKED = 250

_Namespace = dict[str, object]
#: Returns what a function returns in a forked process, ``b""`` where that fails.
CallInFork = Callable[[Callable[[], bytes]], bytes]


class Index:
    """Functions by file, classes by line, and the code that runs.

    A picture of one moment: valid in this process and in forks of it that ran nothing since. It
    keeps alive what it found: `clear` it before the process goes on.
    """

    def __init__(self) -> None:
        self._functions: dict[str, list[FunctionType]] = {}
        self._running: dict[str, list[CodeType]] = {}
        self._classes: dict[object, list[type]] = {}
        self._modules: dict[str, list[tuple[str, _Namespace]]] = {}
        self._sources: dict[int, set[str]] = {}
        #: The files of which everything is known; None: all there are.
        self._known: frozenset[str] | None = None
        #: Line and name of each class that is not kept here, one a line.
        self._others = ""
        self._is_complete = False

    def build(self, *, complete: bool = False) -> None:
        """Find all functions there are (0.3 s for 500,000 objects); replaces what was found before.

        ``complete``: also those that have builtins of their own.
        """
        self.clear()
        self._is_complete = complete
        for name, namespace in module_namespaces():
            complete = complete or not _has_usual_builtins(namespace)
            self._add_module(name, namespace)
        with _unfrozen():
            things = gc.get_objects() if complete else gc.get_referrers(builtins.__dict__)
        self._sort_functions(things)
        if sys.version_info >= (3, 13):
            self._sort_classes(_classes())
        self._sort_running()

    def build_own(
        self,
        call_in_fork: CallInFork,
        is_own: Callable[[str], bool],
        *,
        complete: bool = False,
    ) -> None:
        """The same for the files that ``is_own``, and for all where that is not certain."""

        def report() -> bytes:
            self.build(complete=complete)
            return self._report(is_own)

        self.clear()
        found = call_in_fork(report)
        if not (found and self._find(*marshal.loads(found))):  # noqa: S302 - our own
            self.build(complete=complete)
        self._is_complete = complete

    def include(self, path: str) -> None:
        """Know everything of this file."""
        if self._known is not None and path not in self._known:
            self.build(complete=self._is_complete)

    def clear(self) -> None:
        """Let go of everything: what nobody else needs must not live on in a serving process."""
        for found in (self._functions, self._running, self._classes, self._modules):
            found.clear()
        self._sources.clear()
        self._known, self._others = None, ""

    def functions(self, path: str) -> tuple[FunctionType, ...]:
        """Every living function whose code names this file, wherever it is kept."""
        return tuple(self._functions.get(path, ()))

    def running(self, path: str) -> tuple[CodeType, ...]:
        """Code of this file that runs at this moment."""
        return tuple(self._running.get(path, ()))

    def classes(self, line: int | None, modules: Collection[object]) -> tuple[type, ...]:
        """Every living class of these modules that says its source begins on this line.

        (Python 3.13 and later.) The modules are those of a file that is included.
        """
        return tuple(one for one in self._classes.get(line, ()) if module_of_class(one) in modules)

    def namesakes(self, line: int | None, name: str) -> tuple[type, ...]:
        """Every living class of this qualified name that says its source begins on this line.

        None: those that no longer say, as after an assignment to ``__module__``.
        """
        if f"\n{line} {name}\n" in self._others:
            self.build(complete=self._is_complete)
        return tuple(one for one in self._classes.get(line, ()) if qualname_of_class(one) == name)

    def modules(self, path: str) -> tuple[tuple[str, _Namespace], ...]:
        """Name and namespace of each module in ``sys.modules`` loaded from this file."""
        return tuple(self._modules.get(path, ()))

    def lazy(self, path: str) -> Iterator[CodeType]:
        """The code that each import of this file keeps which waits to be done (Python 3.15)."""
        for _, namespace in self.modules(path):
            for value in [*namespace.values()]:
                if type(value) is _LAZY:
                    yield from (one for one in gc.get_referents(value) if type(one) is CodeType)

    def sources(self, namespace: _Namespace) -> frozenset[str]:
        """The files of all living functions whose global names are those of this namespace."""
        return frozenset(self._sources.get(id(namespace), ()))

    def _report(self, is_own: Callable[[str], bool]) -> bytes:
        """What was found of own files, and the names of other classes: for another process."""
        own = {path for path in (*self._functions, *self._modules) if is_own(path)}
        modules = [entry for path in own for entry in self._modules.get(path, ())]
        names = {*_names(namespace for _, namespace in modules)}
        classes: dict[int, tuple[str, str]] = {}
        others = [""]
        for line, found in self._classes.items():
            for one in found:
                if module_of_class(one) in names:
                    classes[id(one)] = module_of_class(one), qualname_of_class(one)
                else:
                    others.append(f"{line} {qualname_of_class(one)}")
        functions = {path: [*map(id, self._functions.get(path, ()))] for path in own}
        parts = ([name for name, _ in modules], functions, classes, "\n".join([*others, ""]))
        return marshal.dumps(parts)

    def _find(
        self,
        names: Sequence[str],
        functions: Mapping[str, Sequence[int]],
        classes: Mapping[int, tuple[str, str]],
        others: str,
    ) -> bool:
        """Find what another process has reported; false: not all of it, or more."""
        if len(names) > _MOST_ASKED:
            return False
        self._known, self._others = frozenset(functions), others
        for name in names:
            self._add_module(name, namespace_of(sys.modules[name]))
        namespaces = [entry[1] for each in self._modules.values() for entry in each]
        words = [*_names(namespaces)]
        with _unfrozen():
            things = gc.get_referrers(*namespaces, *words)
            self._sort_functions(things)
            self._sort_classes(_classes_among(things, namespaces, classes))
        del things
        self._sort_running()
        for path in self._functions.keys() - functions.keys():
            del self._functions[path]
        found = {path: {*map(id, self.functions(path))} for path in functions}
        found_classes = {id(one) for each in self._classes.values() for one in each}
        return found_classes == {*classes} and found == {
            path: {*ids} for path, ids in functions.items()
        }

    def _add_module(self, name: str, namespace: _Namespace) -> None:
        file = namespace.get("__file__")
        if isinstance(file, str):
            self._modules.setdefault(file, []).append((name, namespace))

    def _sort_functions(self, things: Sequence[object]) -> None:
        for thing in things:
            # Never isinstance(), which evaluates lazy objects.
            if type(thing) is FunctionType:
                path = thing.__code__.co_filename
                self._functions.setdefault(path, []).append(thing)
                self._sources.setdefault(id(thing.__globals__), set()).add(path)

    def _sort_classes(self, classes: Iterator[type]) -> None:
        for one in classes:
            namespace = namespace_of_class(one)
            if _STATIC in namespace or _FIRST_LINE in namespace:
                self._classes.setdefault(namespace.get(_FIRST_LINE), []).append(one)

    def _sort_running(self) -> None:
        waiting = [*sys._current_frames().values()]
        while waiting:
            frame = waiting.pop()
            self._running.setdefault(frame.f_code.co_filename, []).append(frame.f_code)
            if frame.f_back is not None:
                waiting.append(frame.f_back)
            # A frame that held itself would live on, and all its variables.
            del frame


def holder_of(code: CodeType) -> str | None:
    """A word for what holds this code object without being a function; looks at all objects."""
    with _unfrozen():
        kinds = [type(thing) for thing in gc.get_referrers(code)]
    return next((_HOLDERS[kind] for kind in kinds if kind in _HOLDERS), None)


@contextmanager
def _unfrozen() -> Iterator[None]:
    """Objects in the permanent generation (``gc.freeze()``) are missing from ``gc`` queries."""
    frozen = gc.get_freeze_count() > _FROZEN_BY_PYTHON
    if frozen:
        gc.unfreeze()
    try:
        yield
    finally:
        if frozen:
            gc.freeze()


def _has_usual_builtins(namespace: dict[str, object]) -> bool:
    own = namespace.get("__builtins__", builtins)
    return own is builtins or own is builtins.__dict__


def _names(namespaces: Iterable[_Namespace]) -> Iterator[str]:
    for namespace in namespaces:
        name = namespace.get("__name__")
        if isinstance(name, str):
            yield name


def _classes_among(
    things: Sequence[object],
    namespaces: Iterable[_Namespace],
    wanted: Mapping[int, tuple[str, str]],
) -> Iterator[type]:
    """The wanted classes, by the names that they have, or because their namespace is a thing."""
    by_name = {namespace.get("__name__"): namespace for namespace in namespaces}
    missing = set(wanted)
    for key, (module, qualname) in wanted.items():
        one = _class_named(by_name[module], qualname)
        if one is not None and id(one) == key:
            missing.discard(key)
            yield one
    dicts = (thing for thing in things if type(thing) is dict)
    inner = [thing for thing in dicts if _STATIC in thing or _FIRST_LINE in thing]
    if missing and len(inner) <= _MOST_ASKED:
        yield from (thing for thing in gc.get_referrers(*inner) if id(thing) in missing)


def _class_named(namespace: Mapping[str, object], qualname: str) -> type | None:
    value: object = None
    for name in qualname.split("."):
        value = namespace.get(name)
        if not issubclass(type(value), type):
            return None
        namespace = namespace_of_class(value)
    return value  # type: ignore[return-value] # no isinstance(), as above


def module_of_class(one: type) -> str:
    """The name of the module that a class says to be of, ``""`` if it says none."""
    name = namespace_of_class(one).get("__module__")
    return name if isinstance(name, str) else ""


def _classes() -> Iterator[type]:
    seen: set[int] = set()
    waiting: list[type] = [object]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += type.__subclasses__(one)  # past any metaclass


_HOLDERS: Mapping[type, str] = {
    GeneratorType: "a generator",
    CoroutineType: "a coroutine",
    AsyncGeneratorType: "an asynchronous generator",
    FrameType: "a kept frame or traceback",
}
