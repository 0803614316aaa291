"""Which names were read from the project's modules, and what those imported held by then.

While the program starts, each of its own modules is of a class that notes the names that are
read from it. As with `recorder`, what notes is composed of built-in functions: a Python function
would stand in the tracebacks of failed reads.
"""

from __future__ import annotations

import struct
import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable
from itertools import takewhile
from types import CodeType, FrameType, ModuleType

from ..own_code import looks_own
from ..records import dataclass
from .mirrors import Mirror, noting_reads

_PACKAGE = __name__.partition(".")[0]
_plain = ModuleType.__getattribute__
#: Readers of whole namespaces, module and function, that evaluate code in them (which is
#: recorded) or look for no name of the module's.
_HARMLESS = {
    ("dataclasses", "_process_class"),
    ("inspect", "get_annotations"),
    ("annotationlib", "get_annotations"),
}
if sys.version_info < (3, 14):
    # Later it looks names up without evaluating them.
    _HARMLESS.add(("typing", "get_type_hints"))
#: Looks for the first words of annotations that are strings.
_LOOKS_FOR_WORDS = ("dataclasses", "_is_type")
#: Modules of the standard library that take frames to learn the name of a module, or a line.
_TAKES_FRAMES = frozenset(
    {
        "_py_warnings",
        "abc",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "logging",
        "threading",
        "traceback",
        "typing",
        "warnings",
    }
)


#: Reads between two looks at them, which come with each module of the project.
_MOST_READS = 100_000


@dataclass(frozen=True)
class Begun:
    """A module of the project whose body has begun to run."""

    name: str
    identity: int
    #: Modules that were complete by then have a `Complete.order` up to this.
    order: int


@dataclass(frozen=True)
class Complete:
    """A module that was found complete, and the identities of what it held."""

    order: int
    identity: int
    values: bytes


class Namespaces:
    """Reads from the project's modules, while they are observed."""

    def __init__(self) -> None:
        # Written by C code alone: for each read the module and the name. Bounded, for a program
        # that never comes to serve would fill the memory.
        self._noted: deque[object] = deque(maxlen=_MOST_READS * 2)
        self._lost = False
        self._class = _observing_class(self._noted, self._whole_read)
        self._reads: dict[int, Counter[str]] = {}
        self._whole: dict[int, str] = {}
        self._words: set[int] = set()
        self._modules: list[weakref.ref[ModuleType]] = []
        #: Those of them that are observed now.
        self._observed: list[weakref.ref[ModuleType]] = []
        self._begun: dict[str, Begun] = {}
        self._repeated: set[str] = set()
        self._complete: dict[str, Complete] = {}
        self._newest = ""
        self._order = 0
        self._active = True
        self._mirrors: list[Mirror] = []
        #: Files whose frames were taken, with the module that took them.
        self.framed: dict[str, str] = {}

    # -- while the program starts ---------------------------------------------

    def executing(self, code: CodeType, frame: FrameType | None) -> None:
        """Code is about to be executed by ``exec()`` or ``eval()``, called in this frame."""
        path = code.co_filename
        if not (self._active and looks_own(path)):
            return
        module = _imported_in(frame)
        if module is None or path in self._begun:
            self._repeated.add(path)
            return
        self.trim()
        self._note_complete()
        spec = _namespace_of(module).get("__spec__")
        name = getattr(spec, "name", "")
        self._begun[path] = Begun(name, id(module), self._order)
        reference = weakref.ref(module)
        self._modules.append(reference)
        self._observed.append(reference)
        _set_class(module, self._class)

    def frame_taken(self, frame: FrameType | None) -> None:
        """``sys._getframe()`` was called in this frame; all those around it can be reached."""
        if frame is None:
            return
        taker = frame.f_globals.get("__name__")
        name = taker if isinstance(taker, str) else ""
        package = name.partition(".")[0]
        if package in _TAKES_FRAMES or package == _PACKAGE:
            return
        above: FrameType | None = frame
        while above is not None:
            self.framed.setdefault(above.f_code.co_filename, name)
            above = above.f_back

    def trim(self) -> None:
        """Let go of the modules that were read from."""
        self._lost = self._lost or len(self._noted) == self._noted.maxlen
        noted = [self._noted.popleft() for _ in range(len(self._noted) // 2 * 2)]
        for module, name in zip(noted[::2], noted[1::2], strict=True):
            if isinstance(name, str):
                self._reads.setdefault(id(module), Counter())[name] += 1
        for mirror in self._mirrors:
            mirror.trim()

    def add(self, mirror: Mirror) -> None:
        """Note what is read from these objects, too; none of them has been made so far."""
        self._mirrors.append(mirror)
        mirror.observe()

    def observe(self) -> None:
        """Note what is read from the project's modules, from now on again."""
        self._observed = [*self._modules]
        self._switch(ModuleType, self._class)
        for mirror in self._mirrors:
            mirror.observe()

    def stop(self) -> None:
        """All modules are ordinary ones from now on."""
        self._switch(self._class, ModuleType)
        # To look at all of them again would write to each, in memory shared with a checkpoint.
        self._observed.clear()
        for mirror in self._mirrors:
            mirror.stop()
        self.trim()

    def close(self) -> None:
        """The program is complete: nothing that is executed from now on belongs to its start."""
        self._active = False

    # -- afterwards -----------------------------------------------------------

    def begun(self, path: str) -> Begun | None:
        """The module whose body is in this file, if it was imported once and in the usual way."""
        return None if self._lost or path in self._repeated else self._begun.get(path)

    def order_of(self, path: str) -> int:
        """A number by which modules can be brought into the order in which they began."""
        begun = self._begun.get(path)
        return begun.order if begun else 0

    def times_read(self, begun: Begun, name: str) -> int:
        """How often this name was read from the module, or set from outside, or was missing."""
        reads = self._reads.get(begun.identity)
        return reads[name] if reads else 0

    def mirrors(self, begun: Begun) -> tuple[Mirror, ...]:
        """The mirrors of this module, one for each time that it was copied."""
        return tuple(
            mirror for mirror in self._mirrors for _ in range(mirror.copied(begun.identity))
        )

    def whole_reader(self, begun: Begun) -> str | None:
        """The module that has read, or may have read, all names of this one."""
        return self._whole.get(begun.identity)

    def looks_for_words(self, begun: Begun) -> bool:
        """Whether words in annotations that are strings may have been looked up."""
        return begun.identity in self._words

    def complete(self, name: str, before: Begun) -> ModuleType | None:
        """The module of this name, if it was complete before the other began."""
        found = self._complete.get(name)
        module = sys.modules.get(name)
        if found is None or module is None or found.order > before.order:
            return None
        is_same = id(module) == found.identity and type(module) in (ModuleType, self._class)
        return module if is_same else None

    def held(self, name: str, attribute: str) -> bool:
        """Whether the complete module held this attribute's present value from the first."""
        found, module = self._complete[name], sys.modules[name]
        namespace = _namespace_of(module)
        if attribute not in namespace:
            return False
        earlier = [*takewhile(attribute.__ne__, namespace)]
        at = len(earlier) * _SIZE
        (value,) = struct.unpack(_ONE, found.values[at : at + _SIZE].ljust(_SIZE, b"\0"))
        return bool(value == id(namespace[attribute]))

    # -- inside ---------------------------------------------------------------

    def _note_complete(self) -> None:
        """Note the modules that have become complete."""
        self._order += 1
        # In one call, which no other thread that imports can interrupt.
        names = [*takewhile(self._newest.__ne__, reversed(sys.modules))]
        for name in reversed(names):
            module = sys.modules.get(name)
            if type(module) is not ModuleType and type(module) is not self._class:
                continue
            namespace = _namespace_of(module)
            if getattr(namespace.get("__spec__"), "_initializing", False):
                continue
            values = [*map(id, [*namespace.values()])]
            packed = struct.pack(f"{len(values)}Q", *values)
            self._complete[name] = Complete(self._order, id(module), packed)
            self._newest = name

    def _switch(self, old: type[ModuleType], new: type[ModuleType]) -> None:
        for reference in self._observed:
            module = reference()
            if module is not None and type(module) is old:
                _set_class(module, new)

    def _whole_read(self, module: ModuleType) -> dict[str, object]:
        frame = sys._getframe(1)
        if any(mirror.listed(module, frame.f_code) for mirror in self._mirrors):
            return _namespace_of(module)
        name = frame.f_globals.get("__name__")
        reader = (name if isinstance(name, str) else "", frame.f_code.co_name)
        if reader == _LOOKS_FOR_WORDS:
            self._words.add(id(module))
        elif reader not in _HARMLESS and reader[0].partition(".")[0] != _PACKAGE:
            self._whole.setdefault(id(module), reader[0])
        namespace: dict[str, object] = _namespace_of(module)
        return namespace


_ONE = "Q"
_SIZE = struct.calcsize(_ONE)
_set_class: Callable[[ModuleType, type], None] = object.__dict__["__class__"].__set__
_namespace_of: Callable[[ModuleType], dict[str, object]] = vars(ModuleType)["__dict__"].__get__


def _observing_class(
    noted: deque[object], whole_read: Callable[[ModuleType], dict[str, object]]
) -> type[ModuleType]:
    """A class of modules that notes each read and each change, and says that it is `ModuleType`."""

    def __setattr__(module: ModuleType, name: str, value: object) -> None:  # noqa: N807
        noted.extend((module, name))
        ModuleType.__setattr__(module, name, value)

    def __delattr__(module: ModuleType, name: str) -> None:  # noqa: N807
        noted.extend((module, name))
        ModuleType.__delattr__(module, name)

    return type(
        "module",
        (ModuleType,),
        {
            "__module__": "builtins",
            "__doc__": ModuleType.__doc__,
            **noting_reads(noted, _plain),
            "__setattr__": __setattr__,
            "__delattr__": __delattr__,
            "__class__": property(lambda _: ModuleType, _set_class),
            "__dict__": property(whole_read),
        },
    )


def _imported_in(frame: FrameType | None) -> ModuleType | None:
    """The module whose body the import system executes by a call in this frame."""
    for _ in range(2):
        if frame is not None and frame.f_code.co_name == "exec_module":
            module = frame.f_locals.get("module")
            return module if type(module) is ModuleType else None
        if frame is not None:
            frame = frame.f_back
    return None
