"""A click on a place opens it in the developer's editor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus import editors
from django_autoreload_plus.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "/home/me/Café & Söhne/a#1?.py"
ENCODED = "/home/me/Caf%C3%A9%20%26%20S%C3%B6hne/a%231%3F.py"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("vscode", f"vscode://file{ENCODED}:12:5"),
        ("cursor", f"cursor://file{ENCODED}:12:5"),
        ("zed", f"zed://file{ENCODED}:12:5"),
        ("pycharm", f"pycharm://open?file={ENCODED}&line=12"),
        ("idea", f"idea://open?file={ENCODED}&line=12"),
        ("sublime", f"subl://open?url=file://{ENCODED}&line=12&column=5"),
        ("x:{line}/{file}", f"x:12/{ENCODED}"),
        ("", ""),
    ],
)
def test_a_link_is_what_the_editor_understands(choice: str, expected: str) -> None:
    """Another file would open, or none, where a name holds more than letters."""
    assert editors.link(editors.template(choice, {}), FILE, 12, 5) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ""),
        ({"EDITOR": "vim", "TERM_PROGRAM": "iTerm.app"}, ""),
        ({"REACT_EDITOR": "code", "EDITOR": "pycharm"}, "vscode"),
        ({"REACT_EDITOR": "none", "EDITOR": "pycharm", "TERM_PROGRAM": "vscode"}, ""),
        ({"VISUAL": "/usr/bin/subl -w", "EDITOR": "nano"}, "sublime"),
        ({"VISUAL": '"/opt/My Apps/pycharm64.exe" --wait'}, "pycharm"),
        ({"VISUAL": "vim", "EDITOR": "code-insiders --wait"}, "vscode-insiders"),
        ({"EDITOR": "vim", "TERM_PROGRAM": "vscode"}, "vscode"),
        ({"TERM_PROGRAM": "vscode", "CURSOR_TRACE_ID": "1"}, "cursor"),
        ({"TERM_PROGRAM": "vscode", "VSCODE_GIT_ASKPASS_NODE": "/opt/VSCodium/x"}, "vscodium"),
        ({"TERM_PROGRAM": "zed"}, "zed"),
        ({"TERMINAL_EMULATOR": "JetBrains-JediTerm"}, "pycharm"),
        ({"TERM_PROGRAM": "vscode", "SSH_CONNECTION": "1 2 3 4"}, ""),
        ({"REACT_EDITOR": "cursor", "SSH_CONNECTION": "1 2 3 4"}, "cursor"),
    ],
)
def test_the_environment_names_the_editor(environ: Mapping[str, str], expected: str) -> None:
    """Everybody would have to set an option, or get links that open nothing."""
    assert editors.template(None, environ) == editors.TEMPLATES.get(expected, "")
    assert editors.template("", environ) == ""


@pytest.mark.parametrize("path", ["<string>", "", "teas/views.py", "/home/\ud800.py"])
def test_what_is_no_file_has_no_link(path: str) -> None:
    """A click would open an empty file of a strange name."""
    assert editors.link(editors.TEMPLATES["vscode"], path, 1) == ""


def test_programs_learn_of_a_wrong_editor() -> None:
    """A program without a framework would find out when its error page has no links."""
    with pytest.raises(ValueError, match=r'editor must be "vscode", not \'code\''):
        Options(editor="code")
