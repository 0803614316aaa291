"""The command line: what is wrong with it is said at once, and the program sees only its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.cli.arguments import read
from django_autoreload_plus.protocol.command_line import EntryError

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = sys.executable
#: All that a program may ask about how it was started.
SELF = """
import json, os, sys
import __main__
spec = __main__.__spec__
print(json.dumps({
    "argv": sys.argv, "orig_argv": sys.orig_argv, "flags": str(sys.flags), "path": sys.path,
    "main": [__name__, __main__.__dict__.get("__file__"), spec and spec.name,
             __main__.__package__, sorted(vars(__main__))],
    "input": sys.stdin.read(), "modules": "argparse" in sys.modules,
}))
"""
FILES = {
    "self.py": SELF,
    "package/__init__.py": "",
    "package/__main__.py": SELF,
    "folder/__main__.py": SELF,
    "empty/__init__.py": "",
    "tool": f"#!{PYTHON}\n{SELF}",
    "isolated": f"#!{PYTHON} -E\n{SELF}",
    "long": f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''\n{SELF}",
    "shell": "#!/bin/sh\necho no\n",
    "other": f"#!/nowhere/bin/{Path(PYTHON).name}\n",
    "compiled": "\0",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with programs in its folder ``bin`` on the PATH."""
    for name, text in FILES.items():
        # A program of the PATH is not to be found as a file here.
        path = tmp_path / ("bin" if text.startswith(("#!", "\0")) else ".") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
    with zipfile.ZipFile(tmp_path / "self.pyz", "w") as archive:
        archive.writestr("__main__.py", SELF)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("slef.py", "there is no file slef.py"),
        ("./slef", "there is no file ./slef"),
        ("slef", "there is neither a file slef here nor a program of this name on the PATH"),
        ("-", "a program on standard input cannot be started anew"),
        ("empty", "empty is a folder without a __main__.py"),
        ("shell", "/bin/shell is no Python program: only those can be started anew"),
        ("compiled", "/bin/compiled is no Python program"),
        ("bin/compiled", "bin/compiled is a compiled program, not one in Python"),
        ("bin/shell", "bin/shell is a program for /bin/sh, not one in Python"),
        ("other", "install django-autoreload-plus beside it"),
        ("-m slef", "there is no module slef"),
        ("-m package.slef", "there is no module package.slef"),
        ("-m self.slef", "self is a module, not a package: there is no self.slef"),
        ("-m empty", "empty is a package without a module __main__"),
        ("-m .empty", "'.empty' is not the name of a module"),
        ("-m", "nothing to run: -m needs a value"),
        ("--grace soon self.py", "argument --grace: 'soon' is not a number of seconds"),
        ("--grace -1 self.py", "argument --grace: '-1' is not a number of seconds"),
        ("--stop-signal HALT self.py", "argument --stop-signal: 'HALT' is not the name of a sig"),
        ("--wath x self.py", "unrecognized arguments: --wath"),
        ("--watch", "argument --watch: expected one argument"),
        ("--polling", "nothing to run: give a script"),
        ("", "nothing to run: give a script"),
    ],
)
def test_what_is_wrong_is_named(words: str, sentence: str) -> None:
    """A mistyped name would wait for ever, or end in a traceback of somebody else's code."""
    with pytest.raises(EntryError) as caught:
        read(words.split())
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("here")
def test_options_are_ours_up_to_the_target() -> None:
    """An option of the program's own would be taken for one of ours, or the other way round."""
    words = "--watch a --watch=b --ignore c --polling --grace 2.5 --stop-signal int"
    more = "--no-checkpoints --no-swap --verbose self.py --watch x --help -m y"
    launch = read(f"{words} {more}".split())
    options = launch.options
    assert (options.watch, options.ignore, options.polling) == (("a", "b"), ("c",), True)
    assert (options.grace_period, options.stop_signal) == (2.5, "SIGINT")
    assert (options.checkpoints, options.swap, launch.project.verbosity) == (False, False, 2)
    assert launch.entry.arguments == ("--watch", "x", "--help", "-m", "y")
    glued, apart = read(["-mself", "--polling"]), read(["-m", "self", "--polling"])
    assert glued == apart
    assert read(["--", "self.py"]) == read(["self.py"])
    assert read(["self.py"]).at_once
    assert not read(["self.py", "runserver"]).at_once


@pytest.mark.parametrize(
    "words",
    [
        "self.py a --b",
        "-m package c",
        "-m self",
        "folder",
        "self.pyz",
        "tool a",
        "isolated",
        "long",
    ],
)
def test_the_program_sees_what_it_sees_without_us(here: Path, words: str) -> None:
    """A program would find other arguments, another ``__main__`` or path, and behave otherwise."""
    name = words.split(maxsplit=1)[0]
    plain = words.split() if (here / "bin" / name).exists() else [PYTHON, *words.split()]
    ours = [str(Path(PYTHON).with_name("autoreload-plus")), *words.split()]
    assert _told(ours) == _told(plain)


def _told(command: Sequence[str]) -> dict[str, object]:
    done = subprocess.run(
        command, input="tea\n", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told
