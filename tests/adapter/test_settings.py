"""The ``AUTORELOAD_PLUS`` setting: what is wrong with it is said, with the cure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from command.sites import is_page, site
from django_autoreload_plus.adapter import conf
from django_autoreload_plus.options import Options
from django_autoreload_plus.records import fields

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "AUTORELOAD_PLUS must be a dictionary, not []."),
        ({"GRACE": 1}, "AUTORELOAD_PLUS has no key 'GRACE'. Did you mean 'GRACE_PERIOD'?"),
        ({"watch": []}, "AUTORELOAD_PLUS has no key 'watch'. Did you mean 'WATCH'?"),
        ({"CUP": 1}, "AUTORELOAD_PLUS has no key 'CUP'. Known keys: CHECKPOINTS, "),
        ({1: 1}, "AUTORELOAD_PLUS has no key '1'. "),
        ({"WATCH": "*.md"}, "AUTORELOAD_PLUS['WATCH'] must be a list of globs, such as"),
        ({"IGNORE": [1]}, "AUTORELOAD_PLUS['IGNORE'] must be a list of globs, such as"),
        ({"FORK_SAFE": "redis"}, "AUTORELOAD_PLUS['FORK_SAFE'] must be a list of module names"),
        ({"DEBOUNCE": "1"}, "AUTORELOAD_PLUS['DEBOUNCE'] must be a number of seconds, not '1'."),
        ({"GRACE_PERIOD": -1}, "must be a number of seconds that is not negative, not -1."),
        ({"GRACE_PERIOD": float("nan")}, "must be a number of seconds that is not negative"),
        ({"GRACE_PERIOD": True}, "must be a number of seconds, not True."),
        ({"CHECKPOINT_LIMIT": 1.5}, "must be a whole number, not 1.5."),
        ({"POLLING": "yes"}, "must be True, False or None, not 'yes'."),
        ({"SWAP": None}, "must be True or False, not None."),
        ({"CHECKS": "never"}, 'must be "after" or "before", not \'never\'.'),
        ({"EDITOR": "code"}, "AUTORELOAD_PLUS['EDITOR'] must be \"vscode\", not 'code'."),
        ({"EDITOR": "vi"}, "must be a URL with {file}, and perhaps {line} and {column}, or one of"),
        ({"EDITOR": "x://{path}"}, "must be a URL with {file}, and perhaps {line} and {column}"),
        ({"EDITOR": "x://{file}:{row}"}, "must be a URL with {file}, and perhaps {line}"),
        ({"EDITOR": "javascript:{file}"}, "must be a URL with {file}, and perhaps {line}"),
        ({"EDITOR": ["vscode"]}, "must be a URL with {file}, and perhaps {line} and {column}"),
    ],
)
def test_what_is_wrong_is_named(settings: Any, given: Any, problem: str) -> None:
    """A mistyped option would be ignored without a word."""
    settings.AUTORELOAD_PLUS = given
    options, problems = conf.read()
    assert options == Options()
    [said] = problems
    assert problem in said


def test_what_is_right_is_taken(settings: Any) -> None:
    """An option would not do what the documentation says."""
    settings.AUTORELOAD_PLUS = {"WATCH": [Path("a.md")], "GRACE_PERIOD": 2, "POLLING": True}
    assert conf.read() == (Options(watch=("a.md",), grace_period=2.0, polling=True), [])
    del settings.AUTORELOAD_PLUS
    assert conf.read() == (Options(), [])


def test_every_option_is_documented() -> None:
    """Nobody would find an option, or its default would be another than the README says."""
    table = dict(re.findall(r"^\| `([A-Z_]+)` \| `(.*?)` \|", README.read_text(), re.MULTILINE))
    defaults = {field.name.upper(): field.default for field in fields(Options)}
    written = {name: list(v) if isinstance(v, tuple) else v for name, v in defaults.items()}
    expected = {name: repr(value).replace("'", '"') for name, value in written.items()}
    assert table == expected


def test_a_wrong_setting_waits_for_a_fix(tmp_path: Path) -> None:
    """The command would end, or start with an option that nobody has asked for."""
    wrong = "AUTORELOAD_PLUS = {'GRACE': 1}\n"
    with site(tmp_path, settings=wrong) as server:
        server.wait_for_output("Did you mean 'GRACE_PERIOD'")
        server.wait_for_output("waiting for a fix")
        server.edit("site_settings.py", "'GRACE'", "'GRACE_PERIOD'")
        is_page(server, "one")
        mark = server.mark()
        server.edit("site_settings.py", "'GRACE_PERIOD': 1", "'GRACE_PERIOD': 'a while'")
        server.wait_for_output("must be a number of seconds, not 'a while'", since=mark)
        server.edit("site_settings.py", "'a while'", "2")
        is_page(server, "one")
