"""Mistakes to plant in the rules of `swap`, one in each, for the random proof to find.

Each replaces a condition in the source of the package by one that lets too much pass, or leaves out
a step. A rule that is a net, for what another one should have caught, can only show itself where
that one is broken, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Mistake:
    """In the module ``file`` of `swap`, ``right`` is replaced by ``wrong``."""

    rule: str
    file: str
    right: str
    wrong: str
    #: Nothing more passes, but something is not done.
    is_step: bool = False
    #: How the codes of its reasons begin; by default those of the comparison of the two sources.
    codes: tuple[str, ...] = ("AP10", "AP11")
    #: The rule that would refuse the same before: it is broken in what is compared with, too.
    behind: Mistake | None = None

    def plant(self, package: Path, folder: Path) -> Path:
        """Make the package with the mistake below ``folder``, which is returned."""
        planted = [self, self.behind] if self.behind else [self]
        files = {one.file for one in planted}
        copy = folder / package.name
        _link(package, copy, {"swap"})
        _link(package / "swap", copy / "swap", files)
        for file in files:
            text = (package / "swap" / file).read_text(encoding="utf-8")
            for one in planted:
                text = one.replaced(text) if one.file == file else text
            (copy / "swap" / file).write_text(text, encoding="utf-8")
        return folder

    def may_concern(self, answer: dict[str, Any]) -> bool:
        """Whether an edit with this answer may have been refused by the rule."""
        return str(answer.get("code", "")).startswith(self.codes)

    def replaced(self, source: str) -> str:
        """The source of the file with the mistake."""
        if source.count(self.right) != 1:
            raise ValueError(f"{self.right!r} is in {self.file} {source.count(self.right)} times")
        return source.replace(self.right, self.wrong)


def _link(source: Path, target: Path, but: set[str]) -> None:
    """A folder of links to all that is in another, but some."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in {*but, "__pycache__"}:
            (target / path.name).symlink_to(path)


_CHANGED_RAN = Mistake(
    "a changed function must not have run",
    "apply.py",
    "if pair.changed:\n                return self._ran_before(",
    "if False:\n                return self._ran_before(",
    codes=("AP120", "AP105"),
)
_READ_FROM_OUTSIDE = Mistake(
    "no name that changed was read from outside",
    "names.py",
    "by_others = self._reads.times_read(begun, name) > copied[name]",
    "by_others = False",
    codes=("AP150",),
)
_RUN = (
    _CHANGED_RAN,
    Mistake(
        "nobody else may hold changed code (a waiting generator, a traceback)",
        "apply.py",
        "if pair is None or not pair.identical:",
        "if False:",
        codes=("AP12",),
    ),
    Mistake(
        "functions nested in changed code must not exist",
        "apply.py",
        "if pair.new is None and id(pair) not in self._gone:",
        "if False:",
        behind=_CHANGED_RAN,
        codes=("AP120",),
    ),
    Mistake(
        "nobody may have looked at code that changes",
        "apply.py",
        "if reader is not None:",
        "if False:",
        codes=("AP124",),
    ),
    Mistake(
        "code objects of the file must not have been copied",
        "apply.py",
        "if audit.copied(path):",
        "if False:",
        codes=("AP125",),
    ),
    Mistake(
        "no warning is kept by a line that moves",
        "apply.py",
        "if isinstance(registry, dict) and any(isinstance(key, tuple) for key in registry):",
        "if False:",
        codes=("AP126",),
    ),
    Mistake(
        "code that moves is exchanged as well",
        "apply.py",
        "if pair.new and not pair.identical",
        "if pair.new and pair.changed",
        is_step=True,
    ),
    Mistake(
        "classes are told their new first line",
        "classes.py",
        "if old.first_line != new.first_line and _FIRST_LINE in namespace:",
        "if False:",
        is_step=True,
    ),
    Mistake(
        "classes are told what their methods assign",
        "classes.py",
        "if recorded and not old.same_names(new):",
        "if False:",
        is_step=True,
    ),
)
_COMPARED = (
    Mistake(
        "signatures must be equal",
        "compare.py",
        "        _signature(code),\n        code.co_freevars,",
        "        code.co_freevars,",
    ),
    Mistake(
        "docstrings must be equal",
        "compare.py",
        "        code.co_freevars,\n        docstring(code),",
        "        code.co_freevars,",
    ),
    Mistake(
        "the kind of function must be the same",
        "compare.py",
        "        code.co_flags,\n        _signature(code),",
        "        _signature(code),",
    ),
    Mistake(
        "the bodies of classes must be equal",
        "compare.py",
        "if runs_with_parent(before):\n            if not _runs_alike(",
        "if runs_with_parent(before):\n            if False and not _runs_alike(",
    ),
    Mistake(
        "constants of bodies must be equal",
        "equality.py",
        "return one.co_code == other.co_code and _constants(one) == _constants(other)",
        "return one.co_code == other.co_code",
        codes=("AP10", "AP11", "AP120"),
    ),
    Mistake(
        "constants are compared with their types",
        "equality.py",
        "    return (kind, value) if kind in _PLAIN else (kind, id(value))",
        "    return value if kind in _PLAIN else (kind, id(value))",
        codes=("AP10", "AP11", "AP120"),
    ),
)
_NAMES = (
    Mistake(
        "no name that changed was read inside the module",
        "names.py",
        "(name in certain and name in used)",
        "False",
        codes=("AP150",),
    ),
    Mistake(
        "class bodies read, too",
        "names.py",
        "used = names_used(self._kept)",
        "used: set[str] = set()",
        codes=("AP150",),
    ),
    Mistake(
        "functions that ran read, too",
        "names.py",
        "            used |= names_used(code)",
        "            used |= set()",
        codes=("AP150",),
    ),
    _READ_FROM_OUTSIDE,
    Mistake(
        "code compiled from text reads names",
        "names.py",
        "used = self._used() | self._recorder.loose_names",
        "used = self._used()",
        codes=("AP150",),
    ),
    Mistake(
        "annotations that are strings name what they need",
        "names.py",
        "if self._reads.looks_for_words(begun):",
        "if False:",
        codes=("AP150",),
    ),
    Mistake(
        "nobody read the whole namespace",
        "names.py",
        "looker = looker or self._reads.whole_reader(begun)",
        "looker = looker or None",
        codes=("AP151",),
    ),
    Mistake(
        "nobody took a frame of the module",
        "names.py",
        "self._recorder.reader or self._reads.framed.get(self._path)",
        "self._recorder.reader",
        codes=("AP151",),
    ),
    Mistake(
        "nobody took the globals of a function or the frame of a generator",
        "names.py",
        "self._recorder.reader or self._reads.framed.get(self._path)",
        "self._reads.framed.get(self._path)",
        codes=("AP151",),
    ),
    Mistake(
        "nobody asked the collector, or a traceback, for objects",
        "names.py",
        "if blind := self._audit.blind_to_names():",
        "if blind := None:",
        codes=("AP151",),
    ),
    Mistake(
        "the module used neither globals() nor dir()",
        "names.py",
        "if looks := (_LOOKS & used) | (_LOOKS_AROUND & names_used(self._kept)):",
        "if looks := set():",
        codes=("AP151",),
    ),
    Mistake(
        "the module holds no globals() by another name",
        "names.py",
        "any(value is one for value in namespace.values() for one in _LOOKERS)",
        "False",
        codes=("AP151",),
    ),
    Mistake(
        "a name that comes is not there yet",
        "names.py",
        "if name not in gone and name in namespace:",
        "if False:",
        codes=("AP154",),
    ),
    Mistake(
        "a name that goes is what the file says",
        "names.py",
        "if name not in namespace or not self._is_as_written(statement, name, namespace[name]):",
        "if name not in namespace:",
        codes=("AP154",),
    ),
    Mistake(
        "no function that goes is held elsewhere",
        "names.py",
        "if _held_elsewhere(functions):",
        "if False:",
        behind=_READ_FROM_OUTSIDE,
        codes=("AP150",),
    ),
    Mistake(
        "the value of an import is what it was then",
        "names.py",
        "                self._reads.held(at, attribute)\n                or",
        "                True\n                or",
        codes=("AP152",),
    ),
    Mistake(
        "names stand in the order of the source",
        "names.py",
        "            _sort(namespace, self.order)",
        "            pass",
        is_step=True,
    ),
    Mistake(
        "a name is placed after the one before it",
        "names.py",
        "at = order.index(one.anchor) + (one.where == AFTER)",
        "at = order.index(one.anchor)",
        is_step=True,
    ),
)
_STATEMENTS = (
    Mistake(
        "a name is bound once",
        "statements.py",
        "if any(bound[name] != 1 or _is_special(name) for name in names):",
        "if any(map(_is_special, names)):",
    ),
    Mistake(
        "names with a meaning of their own are left alone",
        "statements.py",
        "if any(bound[name] != 1 or _is_special(name) for name in names):",
        "if any(bound[name] != 1 for name in names):",
    ),
    Mistake(
        "a star import may have bound the same name",
        "statements.py",
        "and not _may_be_starred(before, stays, gone, come)",
        "and True",
    ),
    Mistake(
        "the docstring of the module must be equal",
        "statements.py",
        "if ast.get_docstring(before.tree, clean=False)"
        " != ast.get_docstring(after.tree, clean=False):",
        "if False:",
    ),
    Mistake(
        "functions are compiled with the whole module",
        "statements.py",
        "return _with_functions(code, source.code)",
        "return code",
        is_step=True,
    ),
)
_HEADERS = (
    Mistake(
        "functions that ran keep their defaults",
        "compare.py",
        "is_same = position(before) not in headers and ",
        "is_same = ",
        codes=("AP120",),
    ),
    Mistake(
        "functions that were inspected keep their defaults",
        "signatures.py",
        "reason = _looked_at(header, pair, audit) or ",
        "reason = ",
        codes=("AP124",),
    ),
    Mistake(
        "defaults must be those of the old source",
        "signatures.py",
        "if header.defaults and not (",
        "if False and not (",
        codes=("AP123",),
    ),
    Mistake(
        "annotations that were read stay",
        "signatures.py",
        "if header.annotations and not _are_unread(old.__annotations__, function):",
        "if False:",
        codes=("AP105",),
    ),
    Mistake(
        "functions take the same calls",
        "headers.py",
        "or _calls(old) != _calls(new)",
        "",
    ),
    Mistake(
        "new defaults have to be literals",
        "headers.py",
        "if defaults and not all(map(is_literal,",
        "if False and not all(map(is_literal,",
    ),
    Mistake(
        "functions get their new defaults",
        "signatures.py",
        "if self.defaults is not None:",
        "if False:",
        is_step=True,
    ),
    Mistake(
        "functions get their new annotations",
        "signatures.py",
        "if self.annotations is not None:",
        "if False:",
        is_step=True,
    ),
)
_MIRRORS = (
    Mistake(
        "names that are set from outside stay",
        "namespaces.py",
        "        noted.extend((module, name))\n        ModuleType.__setattr__(",
        "        ModuleType.__setattr__(",
        codes=("AP150",),
    ),
    Mistake(
        "nobody has read or set the copy",
        "mirrors.py",
        "if name in self._names:",
        "if False:",
        codes=("AP157",),
    ),
    Mistake(
        "nobody has set the copy",
        "mirrors.py",
        "            else:\n                noted.extend((holder, name))",
        "            else:\n                pass",
        codes=("AP157",),
    ),
    Mistake(
        "nobody has read all copies",
        "mirrors.py",
        "if self._lost or looks:",
        "if False:",
        codes=("AP157",),
    ),
    Mistake(
        "what the copying code mentions stays",
        "mirrors.py",
        "if name in _mentioned(self._copier):",
        "if False:",
        codes=("AP158",),
    ),
    Mistake(
        "a module is copied once",
        "names.py",
        "if len(self._reads.mirrors(begun)) > 1 or ",
        "if ",
        codes=("AP158",),
    ),
    Mistake(
        "no name comes to the copies, or goes from them",
        "names.py",
        "if name not in went & came:",
        "if False:",
        codes=("AP158",),
    ),
    Mistake(
        "copies get the new value",
        "names.py",
        "                mirror.give(name, namespace[name])\n        except",
        "                pass\n        except",
        is_step=True,
    ),
)
MISTAKES = (*_RUN, *_COMPARED, *_NAMES, *_MIRRORS, *_STATEMENTS, *_HEADERS)
