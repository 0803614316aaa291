"""Mistakes to plant in the rules of `swap`, one in each, for the random proof to find.

Each replaces a condition in the source of the package by one that lets too much pass, or leaves out
a step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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

    def plant(self, package: Path, folder: Path) -> Path:
        """Make the package with the mistake below ``folder``, which is returned."""
        source = (package / "swap" / self.file).read_text(encoding="utf-8")
        if source.count(self.right) != 1:
            raise ValueError(f"{self.right!r} is in {self.file} {source.count(self.right)} times")
        copy = folder / package.name
        _link(package, copy, "swap")
        _link(package / "swap", copy / "swap", self.file)
        text = source.replace(self.right, self.wrong)
        (copy / "swap" / self.file).write_text(text, encoding="utf-8")
        return folder


def _link(source: Path, target: Path, but: str) -> None:
    """A folder of links to all that is in another, but one."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in {but, "__pycache__"}:
            (target / path.name).symlink_to(path)


_RUN = (
    Mistake(
        "a changed function must not have run",
        "apply.py",
        'if pair.changed:\n                return Reason("AP120"',
        'if False:\n                return Reason("AP120"',
    ),
    Mistake(
        "nobody else may hold changed code (a waiting generator, a traceback)",
        "apply.py",
        "if pair is None or not pair.identical:",
        "if False:",
    ),
    Mistake(
        "functions nested in changed code must not exist",
        "apply.py",
        "if pair.new is None and id(pair) not in self._gone:",
        "if False:",
    ),
    Mistake(
        "nobody may have looked at code that changes",
        "apply.py",
        "if reader is not None:",
        "if False:",
    ),
    Mistake(
        "code objects of the file must not have been copied",
        "apply.py",
        "if audit.copied(path):",
        "if False:",
    ),
    Mistake(
        "no warning is kept by a line that moves",
        "apply.py",
        "if isinstance(registry, dict) and any(isinstance(key, tuple) for key in registry):",
        "if False:",
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
    ),
    Mistake(
        "constants are compared with their types",
        "equality.py",
        "    return (kind, value) if kind in _PLAIN else (kind, id(value))",
        "    return value if kind in _PLAIN else (kind, id(value))",
    ),
)
_NAMES = (
    Mistake(
        "no name that changed was read inside the module",
        "names.py",
        "(name in certain and name in used)",
        "False",
    ),
    Mistake(
        "class bodies read, too",
        "names.py",
        "used = names_used(self._kept)",
        "used: set[str] = set()",
    ),
    Mistake(
        "functions that ran read, too",
        "names.py",
        "            used |= names_used(code)",
        "            used |= set()",
    ),
    Mistake(
        "no name that changed was read from outside",
        "names.py",
        "if self._reads.has_read(begun, name) or ",
        "if ",
    ),
    Mistake(
        "code compiled from text reads names",
        "names.py",
        "used = self._used() | self._recorder.loose_names",
        "used = self._used()",
    ),
    Mistake(
        "annotations that are strings name what they need",
        "names.py",
        "if self._reads.looks_for_words(begun):",
        "if False:",
    ),
    Mistake(
        "nobody read the whole namespace",
        "names.py",
        "looker = looker or self._reads.whole_reader(begun)",
        "looker = looker or None",
    ),
    Mistake(
        "nobody took a frame of the module",
        "names.py",
        "self._recorder.reader or self._reads.framed.get(self._path)",
        "self._recorder.reader",
    ),
    Mistake(
        "nobody took the globals of a function or the frame of a generator",
        "names.py",
        "self._recorder.reader or self._reads.framed.get(self._path)",
        "self._reads.framed.get(self._path)",
    ),
    Mistake(
        "nobody asked the collector, or a traceback, for objects",
        "names.py",
        "if blind := self._audit.blind_to_names():",
        "if blind := None:",
    ),
    Mistake(
        "the module used neither globals() nor dir()",
        "names.py",
        "if looks := (_LOOKS & used) | (_LOOKS_AROUND & names_used(self._kept)):",
        "if looks := set():",
    ),
    Mistake(
        "the module holds no globals() by another name",
        "names.py",
        "any(value is looker for value in namespace.values() for looker in _LOOKERS)",
        "False",
    ),
    Mistake(
        "a name that comes is not there yet",
        "names.py",
        "if name not in gone and name in namespace:",
        "if False:",
    ),
    Mistake(
        "a name that goes is what the file says",
        "names.py",
        "if name not in namespace or not self._is_as_written(statement, name, namespace[name]):",
        "if name not in namespace:",
    ),
    Mistake(
        "no function that goes is held elsewhere",
        "names.py",
        "if _held_elsewhere(functions):",
        "if False:",
    ),
    Mistake(
        "the value of an import is what it was then",
        "names.py",
        "                self._reads.held(at, attribute)\n                or",
        "                True\n                or",
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
        "at = order.index(one.anchor) + (one.place == AFTER)",
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
        "and not (gone and any(map(_is_star_import, before.tree.body)))",
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
        "is_same = place(before) not in headers and ",
        "is_same = ",
    ),
    Mistake(
        "functions that were inspected keep their defaults",
        "signatures.py",
        "reason = _looked_at(header, pair, audit) or ",
        "reason = ",
    ),
    Mistake(
        "defaults must be those of the old source",
        "signatures.py",
        "if header.defaults and not (",
        "if False and not (",
    ),
    Mistake(
        "annotations that were read stay",
        "signatures.py",
        "if header.annotations and not _are_unread(old.__annotations__, function):",
        "if False:",
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
MISTAKES = (*_RUN, *_COMPARED, *_NAMES, *_STATEMENTS, *_HEADERS)
