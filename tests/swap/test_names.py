"""Names that come to a module, go or change: exchanged where nobody looked, refused elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from swap.programs import LIBRARY
from swap.runs import differences, edited, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

_PROGRAM = '''"""Docstring."""
from __future__ import annotations
import math
import os.path as path
from typing import TYPE_CHECKING
from lib import function
if TYPE_CHECKING:
    import decimal
LIMIT = 3
NAMES = ["a", {"b": (1, -2.5)}]
USED = 1
COPY = USED
class A:
    used = function
def plain(a, b=1):
    """Docstring of a function."""
    return lambda: a
def called(): return LIMIT
READ = called()
@property
def decorated(self): return 1
if USED:
    SEVERAL = 1
print
def later(a): return math.floor(a), path.basename("x/y")
def last(): pass
'''
_LAST = "def last"
#: Edits, each by what is replaced, in a program of which nobody has looked at most names.
_SWAPPED = {
    "import added": [("import math\n", "import math\nimport decimal, os\n")],
    "first import added": [("import math", "import lib as library\nimport math")],
    "import removed": [("import os.path as path\n", "")],
    "import changed": [("os.path as path", "decimal as path")],
    "import with a name that was used": [("import function", "import VALUE, function")],
    "imports exchanged": [
        ("import math\nimport os.path as path\n", "import os.path as path\nimport math\n")
    ],
    "submodules": [
        ("import math\n", "import math\nimport package.inner\nfrom package import inner as i\n"),
        ("import decimal", "import fractions, nowhere"),
    ],
    "block for type checkers added": [
        (_LAST, "if TYPE_CHECKING:\n    from nowhere import A1\ndef last")
    ],
    "constant changed": [('"b": (1, -2.5)', '"b": (1, -2.5, None)')],
    "arithmetic": [("LIMIT = 3", "LIMIT = 3\nDAYS = -60 * 60.0 * (24 - 1) + 2j")],
    "arithmetic changed": [('"b": (1, -2.5)', '"b": (3 - 2, -5 * 0.5)')],
    "constant added and removed": [("NAMES =", "OTHER ="), (_LAST, 'TEXT = "x"\ndef last')],
    "function added": [(_LAST, "def new(a: Unknown = 3, *, b=(1,)) -> None: pass\ndef last")],
    "function removed": [("def last(): pass\n", "")],
    "function that calls what is imported": [
        (_LAST, "def new(): return math.floor(1.5)\ndef last")
    ],
    "import beside one that is called": [("import math\n", "import math, decimal\n")],
    "signature, docstring and kind": [
        ("plain(a, b=1)", "plain(a, b=2, **more)"),
        ("of a function", "of a changed one"),
        ("def last(): pass", "async def last(): yield"),
    ],
    "all at once": [
        ("import math\n", "import math\nimport decimal\n\n\n"),
        ("NAMES =", "OTHER ="),
        ("return 1", "return decimal, OTHER"),
        (_LAST, "# comment\ndef new(): return decimal\ndef last"),
    ],
}
_REFUSED = {
    "constant that was copied": ([("USED = 1", "USED = 2")], "USED of prog was read"),
    "constant read by a function that ran": ([("LIMIT = 3", "LIMIT = 4")], "LIMIT of prog was"),
    "import used in a class": (
        [("from lib import function\n", "from lib import VALUE as function\n")],
        "function of prog was read",
    ),
    "import moved below its use": (
        [("from lib import function\n", ""), (_LAST, "from lib import function\ndef last")],
        "function of prog was read",
    ),
    "module that is not loaded": (
        [("import math\n", "import math, this\n")],
        "this was not complete before prog began",
    ),
    "module that is loaded later": (
        [("import math\n", "import math, after\n")],
        "after was not complete before prog began",
    ),
    "value that has changed since": (
        [("import function", "import function, LATER")],
        "lib.LATER may have been another when prog began",
    ),
    "bound twice": ([("LIMIT = 3\n", "LIMIT = 3\nLIMIT = 4\n")], "module-level code changed"),
    "bound in a branch": ([("SEVERAL = 1", "SEVERAL = 2")], "module-level code changed"),
    # A number too large to be folded, a text of any size, an error: none of them is a number alone.
    "division": ([("NAMES =", "SHARE = 1 / 3\nNAMES =")], "module-level code changed"),
    "power": ([("NAMES =", "SHARE = 2 ** 3\nNAMES =")], "module-level code changed"),
    "text that is repeated": ([("NAMES =", "LINE = '-' * 9\nNAMES =")], "module-level code"),
    "dunder": ([("LIMIT = 3\n", "LIMIT = 3\n__all__ = []\n")], "module-level code changed"),
    "place not certain": ([("print\n", "print\nimport decimal\nprint\n")], "module-level code"),
    "called": ([("def called():", "def called(a=1):")], "called ran while starting"),
}


def test_annotations_of_a_module(tmp_path: Path) -> None:
    """They are a function that stands where the first statement does, and keeps its line."""
    source = "X: int = 3\nimport math\ndef f(): return 1\n"
    edits = [("X:", "import os\nX:"), ("import math", "import os")]
    sources = [source.replace(old, new, 1) for old, new in edits]
    root = write(tmp_path / "old", {"prog.py": source})
    outcomes = swap(root, ["os", "math", "prog"], [("prog.py", one) for one in sources])
    assert "state" in outcomes[1]
    for at, (outcome, text) in enumerate(zip(outcomes, sources, strict=True)):
        if "state" in outcome:
            root = write(tmp_path / str(at), {"prog.py": text})
            assert not differences(outcome["state"], fresh(root, ["os", "math", "prog"]))


def test_exchanged(tmp_path: Path) -> None:
    """The most frequent edits of all would cost the time of a longer reload."""
    sources = LIBRARY | {"prog.py": _PROGRAM, "after.py": ""}
    order = ["begin", "prog", "after", "poke"]
    edits = [("prog.py", edited(_PROGRAM, edits)) for edits in _SWAPPED.values()]
    root = write(tmp_path / "old", sources)
    for at, outcome in enumerate(swap(root, order, edits)):
        case = list(_SWAPPED)[at]
        assert "state" in outcome, (case, outcome)
        state = fresh(write(tmp_path / str(at), sources | dict(edits[at : at + 1])), order)
        assert not differences(outcome["state"], state), case


def test_refused(tmp_path: Path) -> None:
    """What was read while starting would keep the value of the old source."""
    root = write(tmp_path, LIBRARY | {"prog.py": _PROGRAM, "after.py": ""})
    edits = [("prog.py", edited(_PROGRAM, edits)) for edits, _ in _REFUSED.values()]
    outcomes = swap(root, ["begin", "prog", "after", "poke"], edits, describe=False)
    for (case, (_, reason)), outcome in zip(_REFUSED.items(), outcomes, strict=True):
        assert outcome.get("refused", "").startswith(reason), (case, outcome)


_LOOKS = {
    "globals": "X = 1\nSEEN = [*globals()]\n",
    "dir": "X = 1\nSEEN = dir()\n",
    "eval": "X = 1\nSEEN = eval('X')\n",
    "alias": "from builtins import globals as g\nX = 1\nSEEN = g()['X']\n",
    "frame": "import sys\nX = 1\nSEEN = sys._getframe().f_globals['X']\n",
    "globals of a function": "X = 1\ndef f(): pass\nSEEN = f.__globals__['X']\n",
    "frame of a generator": "X = 1\ndef f(): yield\nSEEN = f().gi_frame.f_globals['X']\n",
    "traceback": (
        "import sys\nX = 1\ntry: 1 / 0\n"
        "except Exception as e: SEEN = e.__traceback__.tb_frame.f_globals['X']\n"
    ),
    "collector": (
        "import gc\nX = 1\nSEEN = [o['X'] for o in gc.get_objects()\n"
        "        if type(o) is dict and o.get('__name__') == __name__ and 'X' in o]\n"
    ),
    "attribute": "import sys\nX = 1\nSEEN = sys.modules[__name__].X\n",
    "attribute by a computed name": (
        "import sys\nX = 1\nSEEN = getattr(sys.modules[__name__], 'x'.upper())\n"
    ),
    "whole dictionary": "import sys\nX = 1\nSEEN = vars(sys.modules[__name__])['X']\n",
    "words in annotations": (
        "from __future__ import annotations\nimport dataclasses, typing as X\n"
        "@dataclasses.dataclass\nclass A:\n    a: X.ClassVar[int] = 1\n"
        "SEEN = [f.name for f in dataclasses.fields(A)]\n"
    ),
    "annotations evaluated": (
        "import typing\nX = 1\nclass A:\n    a: 'typing.Literal[X]'\n"
        "SEEN = typing.get_type_hints(A)\n"
    ),
    "imported by another": "X = 1\nimport other\n",
    "whole dictionary, by another": "X = 1\nimport whole\n",
    "star": "X = 1\nimport star\n",
    # The value stays, whatever the file says.
    "set to the same by another": "X = 1\nimport setter\n",
    "bound again by a star": "X = 1\nif 1: from one import *\n",
    "absence": "import sys\nhasattr(sys.modules[__name__], 'Y')\nX = 1\n",
}


def test_each_way_to_look(tmp_path: Path) -> None:
    """A way to read a name that goes unnoticed would leave the old value in the program."""
    others = {"other.py": "from looks import X\n", "star.py": "from looks import *\n"}
    others |= {"one.py": "X = 1\n", "setter.py": "import looks\nlooks.X = 1\n"}
    others["whole.py"] = "import looks\nSEEN = [value for value in vars(looks).values()]\n"
    for at, source in enumerate(_LOOKS.values()):
        if "import typing as X" in source or "typing as X" in source:
            edited = source.replace("typing as X", "os as X")
        elif "'Y'" in source:
            edited = source + "Y = 1\n"
        else:
            edited = source.replace("X = 1", "X = 2")
        root = write(tmp_path / str(at), {"looks.py": source, **others})
        (outcome,) = swap(root, ["os", "looks"], [("looks.py", edited)], describe=False)
        assert "refused" in outcome, list(_LOOKS)[at]


def test_modules_look_as_usual_while_starting(tmp_path: Path) -> None:
    """A failed import would show frames of the reloader, a check of the type would fail."""
    source = """
import sys, traceback, types
from types import ModuleType
module = sys.modules[__name__]
def __getattr__(name):
    if name == "made": return 1
    raise AttributeError(name)
try: module.missing
except AttributeError as error: FRAMES = len(traceback.extract_tb(error.__traceback__))
SEEN = [module.__class__ is ModuleType, isinstance(module, ModuleType), repr(type(module)),
        repr(module), module.made, hasattr(module, "other"), "SEEN" in dir(module), FRAMES]
class Own(ModuleType): pass
def f(): return 1
if "other" in __name__: module.__class__ = Own
def probe(): return [("f", lambda: (f(), repr(type(module))))]
"""
    names = ["prog", "prog_other"]
    root = write(tmp_path / "old", {f"{name}.py": source for name in names})
    edited = source.replace("return 1\nif", "return 2\nif")
    (outcome,) = swap(root, names, [("prog.py", edited)])
    new = write(tmp_path / "new", {"prog.py": edited, "prog_other.py": source})
    assert not differences(outcome["state"], fresh(new, names))
