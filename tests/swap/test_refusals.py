"""Every case in which a swap would not be a fresh start: refused, with a sentence that says why."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from swap.runs import fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

# What the program is, which text becomes which, and the sentence.
CASES: dict[str, tuple[str, str, str, str]] = {
    "called at import": (
        "def f():\n    return 1\nf()\n",
        "1",
        "2",
        "f ran while starting",
    ),
    "called at import, then deleted": (
        "def f():\n    return 1\nX = f()\ndel f\n",
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "called by a decorator": (
        "def deco(g):\n    return g()\n@deco\ndef f():\n    return 1\n",
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "is the decorator": (
        "def deco(g):\n    return g\n@deco\ndef f():\n    return 1\n",
        "return g",
        "g.x = 1; return g",
        "deco ran while starting",
    ),
    "ran in __init_subclass__": (
        "class A:\n    def __init_subclass__(cls):\n        cls.x = 1\nclass B(A): pass\n",
        "= 1",
        "= 2",
        "A.__init_subclass__ ran while starting",
    ),
    "ran in a metaclass": (
        "class M(type):\n    def __init__(cls, *a):\n        cls.x = 1\nclass B(metaclass=M): 1\n",
        "= 1",
        "= 2",
        "M.__init__ ran while starting",
    ),
    "ran in __set_name__": (
        "class D:\n    def __set_name__(self, o, n):\n        o.x = 1\nclass B:\n    d = D()\n",
        "= 1",
        "= 2",
        "D.__set_name__ ran while starting",
    ),
    "ran as a descriptor": (
        "class D:\n    def __get__(self, o, t):\n        return 1\nclass B:\n    d = D()\nB.d\n",
        "return 1",
        "return 2",
        "D.__get__ ran while starting",
    ),
    "ran as a property": (
        "class B:\n    @property\n    def p(self):\n        return 1\nB().p\n",
        "return 1",
        "return 2",
        "B.p ran while starting",
    ),
    "called from C": (
        "def f(x):\n    return 1\nsorted([2, 1], key=f)\n",
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "lambda called from C": (
        "X = sorted([2, 1], key=lambda x: -x)\n",
        "-x",
        "x",
        "<lambda> ran while starting",
    ),
    "ran in a thread that is over": (
        "from threading import *\ndef f(): return 1\nt = Thread(target=f)\nt.start(); t.join()\n",
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "generator that started": (
        "def g():\n    yield 1\nlist(g())\n",
        "yield 1",
        "yield 2",
        "g ran while starting",
    ),
    "coroutine that ran": (
        "import asyncio\nasync def c():\n    return 1\nasyncio.run(c())\n",
        "return 1",
        "return 2",
        "c ran while starting",
    ),
    "generator created and not started": (
        "def g():\n    yield 1\nKEPT = g()\n",
        "yield 1",
        "yield 2",
        "a generator from the start holds the code of g",
    ),
    "coroutine created and not started": (
        "async def c():\n    return 1\nKEPT = c()\n",
        "return 1",
        "return 2",
        "a coroutine from the start holds the code of c",
    ),
    "asynchronous generator created and not started": (
        "async def c():\n    yield 1\nKEPT = c()\n",
        "yield 1",
        "yield 2",
        "an asynchronous generator from the start holds the code of c",
    ),
    "generator whose lines move": (
        "def g():\n    yield 1\nKEPT = g()\n",
        "def g",
        "# comment\ndef g",
        "a generator from the start holds the code of g",
    ),
    "generator of a deleted function": (
        "def g():\n    yield 1\nKEPT = g()\ndel g\n",
        "yield 1",
        "yield 2",
        "a generator from the start holds the code of g",
    ),
    "traceback kept, lines move": (
        "def f():\n    return 1\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n    KEPT = e\n",
        "def f",
        "# comment\ndef f",
        "a kept frame or traceback from the start holds the code of module-level code",
    ),
    "code looked at": (
        "def f():\n    return 1\nNAMES = f.__code__.co_names\n",
        "return 1",
        "return len",
        "prog looked at the code of f while starting",
    ),
    "code kept": (
        "import operator\ndef f():\n    return 1\nKEPT = operator.attrgetter('__code__')(f)\n",
        "return 1",
        "return 2",
        "something from the start holds the code of f",
    ),
    "code in a dictionary": (
        "def f():\n    return 1\nKEPT = {f.__code__: 1}\n",
        "return 1",
        "return 2",
        "something from the start holds the code of f",
    ),
    "weak reference to the code": (
        "import weakref\ndef f():\n    return 1\nKEPT = weakref.ref(f.__code__)\n",
        "return 1",
        "return 2",
        "something from the start holds the code of f",
    ),
    "line number kept by typing": (
        (
            "import typing\n@typing.overload\ndef f(x: int): ...\n"
            "@typing.overload\ndef f(x: str): ...\n"
            "def f(x): return 1\n"
        ),
        "@typing.overload\ndef f(x: int)",
        "# comment\n@typing.overload\ndef f(x: int)",
        "typing looked at the code of f while starting",
    ),
    "code copied": (
        "def f():\n    return 1\nf.__code__ = f.__code__.replace(co_name='g')\n",
        "return 1",
        "return 2",
        "code objects of {path} were copied while starting",
    ),
    "code made by types.coroutine": (
        "import types\n@types.coroutine\ndef f():\n    yield 1\n",
        "yield 1",
        "yield 2",
        "code objects of {path} were copied while starting",
    ),
    "code compiled under the file's name": (
        "exec(compile('def f():\\n    return 1', __file__, 'exec'))\ndef g(): return 1\n",
        "def g(): return 1",
        "def g(): return 2",
        "the running code of f is not what its file says",
    ),
    "referents handed out": (
        "import gc\ndef f():\n    return 1\ngc.get_referents(f)\n",
        "return 1",
        "return 2",
        "while starting, prog used gc.get_referents(), which hands out code objects",
    ),
    "a tracer": (
        "import sys\ndef f():\n    return 1\nsys.settrace(lambda *a: None); sys.settrace(None)\n",
        "return 1",
        "return 2",
        "while starting, prog set a tracer or profiler, whose own calls are not recorded",
    ),
    "another monitor": (
        (
            "import sys\ndef f(*a):\n    return 1\nm = sys.monitoring\nm.use_tool_id(0, 'x')\n"
            "m.register_callback(0, m.events.PY_RETURN, f)\nm.free_tool_id(0)\n"
        ),
        "return 1",
        "return 2",
        "while starting, prog registered a sys.monitoring callback, whose calls are not recorded",
    ),
    "a forked worker": (
        "import os\ndef f(): return 1\npid = os.fork()\nif not pid: f(); os._exit(0)\nos.wait()\n",
        "return 1",
        "return 2",
        "while starting, prog forked a process, whose calls are not recorded",
    ),
    "a spawned worker": (
        (
            "import multiprocessing\ndef f():\n    return 1\n"
            "if __name__ == 'prog':\n    context = multiprocessing.get_context('spawn')\n"
            "    p = context.Process(target=len, args=([],))\n    p.start()\n    p.join()\n"
        ),
        "return 1",
        "return 2",
        "while starting, multiprocessing started a worker, which may have run any file",
    ),
    "another Python": (
        (
            "import subprocess, sys\ndef f():\n    return 1\n"
            "subprocess.run([sys.executable, '-c', ''], check=True)\n"
        ),
        "return 1",
        "return 2",
        "while starting, subprocess started another Python, which may have run the same files",
    ),
    "warned by line": (
        "import warnings\ndef f():\n    return 1\nwarnings.warn('old', stacklevel=1)\n",
        "    return 1",
        "    # comment\n    return 1",
        "prog issued a warning while starting, which is kept by line number",
    ),
    "factory ran": (
        "def make():\n    a = 1\n    def f():\n        return a\n    return f\nF = make()\n",
        "a = 1",
        "a = 2",
        "make ran while starting",
    ),
    "signature of a nested function, factory ran": (
        "def make():\n    def f(x):\n        return 1\n    return f\nF = make()\n",
        "f(x)",
        "f(y)",
        "make ran while starting",
    ),
    "nested function ran": (
        "def make():\n    def f():\n        return 1\n    f()\n    return f\nF = make()\n",
        "return 1",
        "return 2",
        "make.<locals>.f ran while starting",
    ),
    "finalizer ran": (
        "class A:\n    def __del__(self):\n        return 1\nA()\n",
        "return 1",
        "return 2",
        "A.__del__ ran while starting",
    ),
    "finalizer ran inside the audit hook": (
        (
            "import gc, sys\ngc.collect(); gc.disable()\n"
            "class A:\n    def __del__(self):\n        return 1\n"
            "x = A(); x.me = x\n"
            "gc.enable(); gc.set_threshold(1)\ndel x\nsys.audit('event', [1], [2])\n"
        ),
        "return 1",
        "return 2",
        "A.__del__ ran while starting",
    ),
    "an audit hook": (
        "import sys\ndef f(*a):\n    return 1\nsys.addaudithook(f)\nsys.audit('event')\n",
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "called by an audit hook": (
        (
            "import sys\ndef f():\n    return 1\n"
            "class Hook:\n    def __call__(self, event, args):\n"
            "        if event == 'prog':\n            f()\n"
            "sys.addaudithook(Hook())\nsys.audit('prog')\n"
        ),
        "return 1",
        "return 2",
        "f ran while starting",
    ),
    "lazily computed type alias": (
        "type T = int\nT.__value__\n",
        "= int",
        "= str",
        "T ran while starting",
    ),
}


# Where a program finds further interpreters; before 3.14 under a private name.
_INTERPRETERS = {(3, 12): "_xxsubinterpreters", (3, 13): "_interpreters"}.get(
    sys.version_info[:2], "concurrent.interpreters"
)
CASES["another interpreter"] = (
    f"import {_INTERPRETERS}\ndef f():\n    return 1\n",
    "return 1",
    "return 2",
    "other interpreters may have run while starting, whose calls are not recorded",
)


@pytest.mark.parametrize("case", CASES)
def test_refused(case: str, tmp_path: Path) -> None:
    """Without it the developer would be served by what no start of the new source leads to."""
    source, before, after, reason = CASES[case]
    assert before in source
    (outcome,) = _edit(tmp_path, source, before, after)
    assert outcome["refused"] == reason.format(path=(tmp_path / "prog.py").resolve())


def test_finalizers_run_by_the_collector_are_seen(tmp_path: Path) -> None:
    """A finalizer may first run wherever a function starts, also in the middle of recording."""
    classes = "".join(
        f"class C{n}:\n"
        f"    def __init__(self): self.me = self\n"
        f"    def __del__(self):\n        SEEN.append({n})\n"
        f"def start{n}(): C{n}()\nstart{n}()\n"
        for n in range(40)
    )
    source = f"import gc\nSEEN = []\ngc.set_threshold(1)\n{classes}gc.collect()\n"
    edits = [
        ("prog.py", source.replace(f"SEEN.append({n})", f"SEEN.append(9{n})")) for n in range(40)
    ]
    root = write(tmp_path, {"prog.py": source})
    ran = {int(name) for name in _seen(root)}
    assert len(ran) == 40
    for number, outcome in enumerate(swap(root, ["prog"], edits)):
        assert outcome["refused"] == f"C{number}.__del__ ran while starting"


def _seen(root: Path) -> list[str]:
    names = dict(fresh(root, ["prog"])["names of prog"])
    found: list[str] = names["SEEN"].strip("[]").split(", ")
    return found


@pytest.mark.parametrize(
    ("request_more", "reason"),
    [
        ({"read_as_data": ["prog.py"]}, "the source {path} was read as data while starting"),
        (
            {"prelude": "import sys; sys.path.insert(0, '{root}'); import prog"},
            "{path} was loaded before recording began",
        ),
    ],
)
def test_refused_for_what_the_file_went_through(
    request_more: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    """What a process read as text, or loaded unobserved, may have any shape by now."""
    names = {"root": str(tmp_path.resolve()), "path": str((tmp_path / "prog.py").resolve())}
    if "prelude" in request_more:
        request_more = {"prelude": request_more["prelude"].format(**names)}
    source = "def f():\n    return 1\n"
    (outcome,) = _edit(tmp_path, source, "return 1", "return 2", **request_more)
    assert outcome["refused"] == reason.format(**names)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="classes carry no line number")
@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("class A:\n    __module__ = 'elsewhere'\n", "class A", "# comment\nclass A"),
        (
            ("class A:\n    @property\n    def f(self): self.x = 1\nA.__module__ = 'elsewhere'\n"),
            "self.x",
            "self.y",
        ),
    ],
)
def test_a_class_that_says_it_is_of_another_module(
    source: str, before: str, after: str, tmp_path: Path
) -> None:
    """What the class keeps of its source would stay that of the old one."""
    (outcome,) = _edit(tmp_path, source, before, after)
    assert outcome["refused"] == "class A cannot be told from others of that name and line"


def test_a_file_that_was_never_imported(tmp_path: Path) -> None:
    """Saying "done" for a file known by another name would leave the old code running."""
    root = write(tmp_path, {"prog.py": "X = 1\n", "other.py": "def f(): return 1\n"})
    (outcome,) = swap(root, ["prog"], [("other.py", "def f(): return 2\n")])
    path = tmp_path.resolve() / "other.py"
    assert outcome["refused"] == f"{path} was not imported while recording"


def test_a_file_imported_under_two_paths(tmp_path: Path) -> None:
    """One name's functions would go on with the old code."""
    root = write(tmp_path, {"prog.py": "import link.prog\ndef f(): return 1\n"})
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    (outcome,) = swap(root, ["prog"], [("prog.py", "import link.prog\ndef f(): return 2\n")])
    assert outcome["refused"].endswith("prog.py too")


@pytest.mark.parametrize(
    ("prelude", "watcher"),
    [
        ("import sys; sys.monitoring.use_tool_id(1, 'coverage')", "coverage"),
        ("import sys; sys.settrace(lambda *a: None)", "a tracer or profiler"),
        ("import sys; sys.setprofile(lambda *a: None)", "a tracer or profiler"),
    ],
)
def test_a_debugger_or_coverage_tool(prelude: str, watcher: str, tmp_path: Path) -> None:
    """What runs inside another tool's callback is reported to nobody."""
    (outcome,) = _edit(tmp_path, "def f(): return 1\n", "1", "2", prelude=prelude)
    reason = f"{watcher} watches this process, whose own calls are not recorded"
    assert outcome["refused"] == reason


def _edit(root: Path, source: str, before: str, after: str, **more: Any) -> list[dict[str, Any]]:
    source = textwrap.dedent(source)
    write(root, {"prog.py": source})
    return swap(root, ["prog"], [("prog.py", source.replace(before, after, 1))], **more)
