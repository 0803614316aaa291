"""Objects that a framework fills with what a module holds, and what was read from them.

While the program starts, their class notes each name that is read from them or set by others. It
stays the same class: code that asks for it, or keeps it, is not to see another one.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import attrgetter
from types import CodeType, ModuleType
from typing import Any

from ..protocol.reasons import Reason

#: Notes that are kept; each is an object and a name.
_MOST_NOTES = 100_000
#: Names that are read from any object without a look at its values.
_HARMLESS = frozenset({"__class__", "__doc__", "__module__"})


class Mirror:
    """A class of which each instance holds what a module held when it was made.

    Its ``__init__`` calls :func:`dir` for the module, reads each name once for which `copies` is
    true, and sets it. Names that its code mentions may be looked at there.
    """

    def __init__(
        self,
        kind: type,
        title: str,
        copies: Callable[[str], bool],
        present: Callable[[str], object],
    ) -> None:
        """``kind``: the class, a plain one from which no other is made.

        ``title``: what users call its instances. ``present``: the instance in use, or None if
        somebody else keeps the value of this name, too.
        """
        self.title = title
        self.copies = copies
        self._kind = kind
        self._present = present
        self._copier: CodeType = vars(kind)["__init__"].__code__
        self._copied: Counter[int] = Counter()
        #: Names that were set by it since it has listed those of a module.
        self._given: set[str] = set()
        #: For each read or change the object and the name.
        self._noted: deque[object] = deque(maxlen=_MOST_NOTES * 2)
        self._names: set[str] = set()
        self._lost = False
        self._observes = False
        self._methods = self._noting_methods()

    # -- while the program starts ---------------------------------------------

    def observe(self) -> None:
        """Note what happens to the instances, from now on."""
        if not (self._observes or self._lost):
            for name, method in self._methods.items():
                setattr(self._kind, name, method)
            self._observes = True

    def give_up(self) -> None:
        """Note nothing any more: a class made from this one would look up names in another way."""
        self.stop()
        self._lost = True

    def stop(self) -> None:
        """The class is as it was."""
        if self._observes:
            for name, method in self._methods.items():
                if vars(self._kind).get(name) is method:
                    delattr(self._kind, name)
                else:
                    self._lost = True  # somebody has set another one
        self._observes = False
        self.trim()

    def trim(self) -> None:
        """Let go of the objects that were read from."""
        self._lost = self._lost or len(self._noted) == self._noted.maxlen
        noted = [self._noted.popleft() for _ in range(len(self._noted))]
        self._names.update(one for one in noted if isinstance(one, str))

    def listed(self, module: ModuleType, code: CodeType) -> bool:
        """All names of a module are listed by this code: whether it is that of this mirror."""
        if code is not self._copier:
            return False
        self._given.clear()
        self._copied[id(module)] += 1
        return True

    # -- afterwards -----------------------------------------------------------

    def copied(self, identity: int) -> int:
        """How often the module of this identity was copied."""
        return self._copied[identity]

    def reason(self, name: str, namespace: Mapping[str, object]) -> Reason | None:
        """Why the value of this name, which was copied from there, may not change here."""
        looks = sorted(one for one in self._names if one[:2] == "__" and one not in _HARMLESS)
        if self._lost or looks:
            return Reason("AP157", f"any of the {self.title} may have been read while starting")
        if name in self._names:
            return Reason("AP157", f"{name} of the {self.title} was read or set while starting")
        if name in _mentioned(self._copier):
            return Reason("AP158", f"{name} is looked at when the {self.title} are made")
        if name not in self._given or not self._holds(name, namespace[name]):
            return Reason("AP158", f"{name} of the {self.title} is not what its module says")
        return None

    def give(self, name: str, value: object) -> None:
        """Let the instance in use hold this value."""
        _values_of(self._present(name))[name] = value

    def _holds(self, name: str, value: object) -> bool:
        found = self._present(name)
        return type(found) is self._kind and _values_of(found).get(name, self) is value

    # -- inside ---------------------------------------------------------------

    def _noting_methods(self) -> dict[str, Any]:
        noted, given, copier = self._noted, self._given, self._copier

        def __setattr__(holder: object, name: str, value: object) -> None:  # noqa: N807
            if sys._getframe(1).f_code is copier:
                given.add(name)
            else:
                noted.extend((holder, name))
            object.__setattr__(holder, name, value)

        def __delattr__(holder: object, name: str) -> None:  # noqa: N807
            noted.extend((holder, name))
            object.__delattr__(holder, name)

        kind: Any = self._kind

        def __init_subclass__(cls: Any, /, **options: Any) -> None:  # noqa: N807
            self.give_up()
            super(kind, cls).__init_subclass__(**options)

        return {
            "__init_subclass__": classmethod(__init_subclass__),
            **noting_reads(noted, object.__getattribute__),
            "__setattr__": __setattr__,
            "__delattr__": __delattr__,
        }


def noting_reads(noted: deque[object], plain: Callable[..., object]) -> dict[str, Any]:
    """Methods for a class that note each read of an attribute, in C alone.

    ``__getattribute__`` is ``max(object, name)``, noting both operands, which ends in an
    AttributeError; then the interpreter asks ``__getattr__``, which gives the value.
    """
    note = type(
        "_Note",
        (),
        {"__slots__": (), "__init__": noted.append, "__gt__": attrgetter("not there")},
    )
    # lru_cache() makes a method of it.
    return {
        "__getattribute__": lru_cache(maxsize=0)(partial(max, key=note)),
        "__getattr__": plain,
    }


def _values_of(holder: object) -> dict[str, object]:
    values: dict[str, object] = object.__getattribute__(holder, "__dict__")
    return values


def _mentioned(code: CodeType) -> set[str]:
    """The words in the texts of a function, and the names that it uses."""
    words: set[str] = set(code.co_names)
    waiting: list[object] = [*code.co_consts]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            words.update(re.findall(r"\w+", one))
        elif isinstance(one, (tuple, frozenset)):
            waiting += one
        elif isinstance(one, CodeType):
            waiting += [one.co_names, one.co_consts]
    return words
