"""Which files a program is made from, however it was put together."""

from __future__ import annotations

import py_compile
import sys
import weakref
import zipfile
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from command.programs import program
from django_autoreload_plus.child.modules import module_files
from django_autoreload_plus.protocol.command_line import (
    CODE,
    EXECUTABLE,
    MODULE,
    SCRIPT,
    Entry,
    EntryError,
    detect,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROGRAM = """
import importlib.util, sys, threading, types, weakref
from django_autoreload_plus import autoreload

{imports}

# What real programs leave there.
class Odd(types.ModuleType):
    @property
    def __spec__(self):
        raise RuntimeError("odd")

sys.modules["odd_one"] = Odd("odd_one")
sys.modules["odd_two"] = weakref.proxy(threading)
sys.modules["odd_three"] = 3
sys.modules["odd_four"] = None
null = types.ModuleType("odd_five")
null.__spec__ = importlib.util.spec_from_file_location("odd_five", "/tea\\0.py")
sys.modules["odd_five"] = null
bare = types.ModuleType("odd_six")
bare.__file__ = "/tea\\0.py"
sys.modules["odd_six"] = bare
for name in ("tea\\0.json", b"tea\\xff.json", "tea\\udcff.json"):
    try:
        open(name)
    except (OSError, ValueError):
        pass
sys.path.append(None)
try:
    import nowhere_to_be_found
except ImportError:
    pass

def work():
    sys.stdout.write("working with {{}}\\n".format({values}))
    threading.Event().wait()

autoreload.main(work)
"""


def test_every_kind_of_module_is_followed(tmp_path: Path) -> None:
    """An edit of some module, or some oddity in ``sys.modules``, would end the reloading."""
    names = ["plain_one", "package.inner", "space.deep", "archived", "compiled"]
    files = {
        "program.py": PROGRAM.format(
            imports="import " + ", ".join(names),
            values="+".join(f"{name}.VALUE" for name in names),
        ),
        "plain_one.py": "VALUE = 'a'\n",
        "package/__init__.py": "",
        "package/inner.py": "VALUE = 'b'\n",
        "space/deep.py": "VALUE = 'c'\n",
        "usual.py": "VALUE = 'e'\n",
    }
    server = program(tmp_path, files)
    server._env["PYTHONPATH"] = f"{server._env['PYTHONPATH']}:{tmp_path / 'lib.zip'}"

    def pack(value: str) -> None:
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
            archive.writestr("archived.py", f"VALUE = '{value}'\n")
        (tmp_path / "new.zip").replace(tmp_path / "lib.zip")

    def compile_only(value: str) -> None:
        source = tmp_path / "source.txt"
        source.write_text(f"VALUE = '{value}'\n", encoding="utf-8")
        py_compile.compile(str(source), str(tmp_path / "compiled.pyc"), doraise=True)

    pack("d")
    compile_only("e")
    with server:
        server.wait_for_output("working with abcde")
        server.write("plain_one.py", "VALUE = 'A'\n")
        server.wait_for_output("working with Abcde")
        server.write("package/inner.py", "VALUE = 'B'\n")
        server.wait_for_output("working with ABcde")
        server.write("space/deep.py", "VALUE = 'C'\n")
        server.wait_for_output("working with ABCde")
        pack("D")
        server.wait_for_output("working with ABCDe")
        compile_only("E")
        server.wait_for_output("working with ABCDE")


def module(name: str, origin: str | None, *, located: bool = True) -> ModuleType:
    """Return a module that says it was loaded from ``origin``."""
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None, origin=origin)
    made.__spec__.has_location = located
    return made


def test_files_of_a_module(tmp_path: Path) -> None:
    """The scan would watch the wrong file, or stumble over a module made by hand."""
    source = tmp_path / "tea.py"
    source.touch()
    bytecode = str(source) + "c"
    assert list(module_files(module("tea", str(source)))) == [str(source)]
    # Bytecode stands for its source, where there is one.
    assert list(module_files(module("tea", bytecode))) == [str(source)]
    assert list(module_files(module("cup", str(tmp_path / "cup.pyc")))) == [
        str(tmp_path / "cup.pyc")
    ]
    assert list(module_files(module("builtin", "built-in", located=False))) == []
    assert list(module_files(module("namespace", None))) == []
    by_hand = ModuleType("by_hand")
    assert list(module_files(by_hand)) == []
    by_hand.__file__ = str(source)
    assert list(module_files(by_hand)) == [str(source)]
    assert list(module_files(weakref.ref(by_hand))) == []
    assert list(module_files(SimpleNamespace(__file__=str(source)))) == []


def main_module(spec_name: str | None, parent: str = "") -> ModuleType:
    """Return what ``sys.modules["__main__"]`` is after a start."""
    made = ModuleType("__main__")
    if spec_name is not None:
        made.__spec__ = ModuleSpec(spec_name, None, is_package=False)
        assert made.__spec__.parent == parent
    else:
        made.__spec__ = None
    return made


@pytest.mark.parametrize(
    ("main", "argv", "orig", "expected"),
    [
        (
            main_module("django.__main__", "django"),
            ["django/__main__.py", "runserver"],
            ["python", "-m", "django", "runserver"],
            Entry(MODULE, "django", ("runserver",)),
        ),
        (
            main_module("pkg.sub", "pkg"),
            ["pkg/sub.py", "a"],
            ["python", "-X", "utf8", "-um", "pkg.sub", "a"],
            Entry(MODULE, "pkg.sub", ("a",), ("-X", "utf8", "-u")),
        ),
        (
            main_module("single"),
            ["single.py"],
            ["python", "-m", "single"],
            Entry(MODULE, "single"),
        ),
        (
            main_module("__main__"),
            ["app.pyz", "a"],
            ["python", "-Werror", "app.pyz", "a"],
            Entry(SCRIPT, "app.pyz", ("a",), ("-Werror",)),
        ),
        (
            main_module(None),
            ["-c", "a"],
            ["python", "-c", "print(1)", "a"],
            Entry(CODE, "print(1)", ("a",)),
        ),
    ],
)
def test_how_a_program_was_started(
    main: ModuleType, argv: Sequence[str], orig: Sequence[str], expected: Entry
) -> None:
    """The child would be another program than the one that was typed."""
    assert detect(main, argv, orig) == expected


def test_launchers(tmp_path: Path) -> None:
    """Programs that pip has installed could not be started a second time."""
    script = tmp_path / "tool"
    plain = main_module(None)
    with pytest.raises(EntryError, match=r"Script .*tool does not exist"):
        detect(plain, [str(script), "a"], ["python", str(script), "a"])
    beside = tmp_path / "tool-script.py"
    beside.touch()
    assert detect(plain, [str(script), "a"], []) == Entry(
        SCRIPT, str(beside), ("a",), detect(plain, [str(script), "a"], []).flags
    )
    launcher = tmp_path / "tool.exe"
    launcher.touch()
    assert detect(plain, [str(script), "a"], []) == Entry(EXECUTABLE, str(launcher), ("a",))
    # Also where the launcher runs a module inside itself.
    inside = main_module("__main__")
    assert detect(inside, [str(script)], []) == Entry(EXECUTABLE, str(launcher))
    script.touch()
    assert detect(plain, [str(script)], [sys.executable, str(script)]) == Entry(SCRIPT, str(script))
