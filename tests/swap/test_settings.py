"""Values of Django's settings: exchanged where nobody has looked at them, refused elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints.places import Site, add_settings, add_view
from swap.runs import differences, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

_REQUEST: dict[str, Any] = {
    "mirrors": "django_autoreload_plus.adapter.settings:note_settings",
    "environment": {"DJANGO_SETTINGS_MODULE": "conf.site"},
}
_BASE = 'SECRET_KEY = "x"\nLIMIT = 1\nSHARED = [1]\n'
_SITE = """from .base import *

LIMIT = 5
SIZES = [1, {"a": (2, None)}]
NAME = "name"
ALLOWED_HOSTS = []
USED = 3
TWICE = USED * 2
LOGIN_URL = "/old/"


def helper():
    return NAME
"""
#: Describes what the settings hold, and which of it is the very same object as in the module.
_SHOW = """
import conf.site
from django.conf import Settings, settings


def probe():
    held = vars(settings._wrapped)
    space = vars(conf.site)
    return [
        ("held", lambda: [*held.items()]),
        ("same", lambda: [n for n in held if n in space and held[n] is space[n]]),
        ("read", lambda: [*vars(settings)]),
        ("class", lambda: [*vars(Settings)]),
        ("asked", lambda: [getattr(settings, n, None) for n in held if n.isupper()]),
    ]
"""
_ORDER = ["begin", "app", "show"]


def _sources(app: str, **files: str) -> dict[str, str]:
    return {
        "conf/__init__.py": "",
        "conf/base.py": _BASE,
        "conf/site.py": _SITE,
        "begin.py": "import django\ndjango.setup()\n",
        "app.py": f"from django import conf\nfrom django.conf import settings\n{app}\n",
        "show.py": _SHOW,
        **{f"{name}.py": text for name, text in files.items()},
    }


def _edited(sources: dict[str, str], *edits: tuple[str, str, str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for file, old, new in edits:
        text = found.get(file, sources[file])
        assert old in text
        found[file] = text.replace(old, new, 1)
    return [*found.items()]


_SITE_PY = "conf/site.py"
#: What is exchanged in a program that reads none of it.
_SWAPPED = {
    "number": [(_SITE_PY, "LIMIT = 5", "LIMIT = 6")],
    "another type": [(_SITE_PY, "LIMIT = 5", "LIMIT = 5.0")],
    "list": [(_SITE_PY, "(2, None)", "(3, None)")],
    "one that has a default": [(_SITE_PY, '"/old/"', '"/new/"')],
    "several": [(_SITE_PY, "LIMIT = 5", "LIMIT = 6"), (_SITE_PY, '"name"', '"other"')],
    "function beside": [(_SITE_PY, "def helper():", "def helper(a, b=1):")],
    "value and what uses it later": [
        (_SITE_PY, "LIMIT = 5", "LIMIT = 6"),
        ("app.py", "return settings", "return 1, settings"),
    ],
    "value and an import of it": [
        (_SITE_PY, "LIMIT = 5", "LIMIT = 6"),
        ("app.py", "import settings\n", "import settings\nfrom conf.site import LIMIT\n"),
    ],
}  # fmt: skip
#: What is not, in the same program.
_REFUSED = {
    "function comes behind a star": [(_SITE_PY, "def helper", "def new(): pass\ndef helper")],
    "comes": [(_SITE_PY, "LIMIT = 5\n", "LIMIT = 5\nNEW = 1\n")],
    "goes": [(_SITE_PY, 'NAME = "name"\n', "")],
    "becomes an import": [(_SITE_PY, "LIMIT = 5\n", "from math import pi as LIMIT\n")],
    "used beside": [(_SITE_PY, "USED = 3", "USED = 4")],
    "computed": [(_SITE_PY, "USED * 2", "USED * 3")],
    "checked by Django": [(_SITE_PY, "ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["x"]')],
    "shared with a star": [("conf/base.py", "SHARED = [1]", "SHARED = [2]")],
    "hidden behind a star": [("conf/base.py", "LIMIT = 1", "LIMIT = 2")],
    "uncovered": [(_SITE_PY, "LIMIT = 5\n", "")],
}


def test_exchanged(tmp_path: Path) -> None:
    """A changed limit would cost the import of all apps, because settings come first."""
    sources = _sources("def later(): return settings.LIMIT, settings.NAME")
    edits = [_edited(sources, *each) for each in _SWAPPED.values()]
    outcomes = swap(write(tmp_path / "old", sources), _ORDER, edits, **_REQUEST)
    for case, edit, outcome in zip(_SWAPPED, edits, outcomes, strict=True):
        assert "state" in outcome, (case, outcome)
        new = write(tmp_path / case, sources | dict(edit))
        assert not differences(outcome["state"], fresh(new, _ORDER, **_REQUEST)), case


def test_refused(tmp_path: Path) -> None:
    """Settings would be there that no file holds, or checks be left out."""
    sources = _sources("")
    edits = [_edited(sources, *each) for each in _REFUSED.values()]
    root = write(tmp_path, sources)
    outcomes = swap(root, _ORDER, edits, describe=False, **_REQUEST)
    for case, outcome in zip(_REFUSED, outcomes, strict=True):
        assert "refused" in outcome, case


#: Programs that look at ``LIMIT``, or set it, or may have.
_LOOKS = {
    "by name": "SEEN = settings.LIMIT",
    "by a computed name": 'SEEN = getattr(settings, "LIMIT")',
    "whether it is there": 'SEEN = hasattr(settings, "LIMIT")',
    "past the cache": "SEEN = settings._wrapped.LIMIT",
    "in the dictionary": 'SEEN = vars(settings._wrapped)["LIMIT"]',
    "all names": "SEEN = dir(settings)",
    "a copy": "import copy; SEEN = copy.copy(settings)",
    "pickled": "import pickle; SEEN = pickle.dumps(settings._wrapped)",
    "past all methods": 'import inspect; SEEN = inspect.getattr_static(settings._wrapped, "LIMIT")',
    "and forgotten": "SEEN = settings.LIMIT; settings._wrapped = settings._wrapped",
    "while overridden": (
        "from django.test import override_settings\n"
        "with override_settings(NAME='x'): SEEN = settings.LIMIT"
    ),
    "still overridden": (
        "from django.test import override_settings\noverride_settings(NAME='x').enable()"
    ),
    "set to the same": "settings.LIMIT = 5",
    "set past the cache": "settings._wrapped.LIMIT = 5",
    "set in the cache": 'settings.__dict__["LIMIT"] = 5',
    "removed and set": "del settings.LIMIT; settings.LIMIT = 5",
    "in the module": "from conf import site; SEEN = site.LIMIT",
    "imported from the module": "from conf.site import LIMIT",
    "imported with a star": "from conf.site import *",
    "set in the module": "from conf import site; site.LIMIT = 5",
    "removed from the module": "from conf import site; del site.LIMIT; site.LIMIT = 5",
    "made once more": 'SEEN = vars(conf.Settings("conf.site"))["LIMIT"]',
    "made anew": 'settings._wrapped.__init__("conf.site")',
    "in a class of its own": (
        "class Own(conf.Settings):\n"
        "    def __getattr__(self, name): return 7\n"
        "SEEN = Own('conf.base').LIMIT\n"
        "assert SEEN == 1"
    ),
    "replaced": "import types; settings._wrapped = types.SimpleNamespace(LIMIT=5)",
    "behind another": "settings._wrapped = conf.UserSettingsHolder(settings._wrapped)",
    "module imported again": "import importlib, conf.site as s; importlib.reload(s)",
    "all that there is": "import gc; SEEN = [o for o in gc.get_objects() if type(o) is dict]",
}  # fmt: skip


@pytest.mark.parametrize("case", _LOOKS)
def test_each_way_to_look(case: str, tmp_path: Path) -> None:
    """Whoever has looked at a setting would go on with the value that it had before."""
    sources = _sources(_LOOKS[case])
    sources["app.py"] = sources["app.py"].replace(
        "from django import conf", "import django.conf as conf"
    )
    edit = _edited(sources, (_SITE_PY, "LIMIT = 5", "LIMIT = 6"))
    root = write(tmp_path, sources)
    (outcome,) = swap(root, ["begin", "app"], [edit], describe=False, **_REQUEST)
    assert "refused" in outcome


def test_a_module_that_was_copied_half_done(tmp_path: Path) -> None:
    """Settings asked for by their own module hold what it had bound by then: the defaults."""
    sources = _sources("", early="from django.conf import settings\nSEEN = settings.LANGUAGES\n")
    sources[_SITE_PY] = f"import early\n{_SITE}"
    sources["begin.py"] = "import conf.site\nSEEN = conf.site.LOGIN_URL\n"
    sources[_SITE_PY] = sources[_SITE_PY].replace('"/old/"', '"/accounts/login/"')
    edit = _edited(sources, (_SITE_PY, '"/accounts/login/"', '"/new/"'))
    root = write(tmp_path, sources)
    (outcome,) = swap(root, ["begin"], [edit], describe=False, **_REQUEST)
    assert outcome["code"] == "AP158"


PAGE = """
from django.conf import settings
from django.http import HttpResponse


def page(request):
    return HttpResponse(f"{settings.PAGE_SIZE} {settings.SITE_LABEL}")
"""


def test_served(project: Path) -> None:
    """A page would show the former settings after a save, or wait for all apps to be imported."""
    add_view(project, "page", PAGE)
    add_settings(project, 'PAGE_SIZE = 10\nSITE_LABEL = "label 0"')
    settings = "config/settings.py"
    edits = [
        ("PAGE_SIZE = 10", "PAGE_SIZE = 20", "20 label 0"),
        ('"label 0"', '"label 1"', "20 label 1"),
        ("PAGE_SIZE = 20", "PAGE_SIZE = 10", "10 label 1"),
        # Back to what the copy holds.
        ('"label 1"', '"label 0"', "10 label 0"),
    ]
    with Site(project) as server:
        server.answer("/page/", "10 label 0")
        for number, (old, new, expected) in enumerate(edits):
            mark = server.mark()
            server.edit(settings, old, new)
            is_swapped = server.origin(mark).endswith(" exchanged")
            assert is_swapped == (number < len(edits) - 1), new
            server.answer("/page/", expected)
        mark = server.mark()
        server.edit(settings, "DEBUG = True", "DEBUG = False\nALLOWED_HOSTS = ['*']")
        server.wait_for_output(r"imported again: .+ \(AP15[78]\)", since=mark)
        server.answer("/page/", "10 label 0")
