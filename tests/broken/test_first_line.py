"""The mistakes that everybody makes: the first line to be read says where and what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from broken.serving import HTML, plain

if TYPE_CHECKING:
    from harness import DevServer


@dataclass(frozen=True)
class Slip:
    """What is typed wrong, and what the line has to name besides the file."""

    path: str
    right: str
    wrong: str
    #: A part of the line of source that is to be found at the place named.
    at: str
    says: tuple[str, ...]


SLIPS = {
    "a comma missing in INSTALLED_APPS": Slip(
        "config/settings.py",
        '"django.contrib.messages",\n',
        '"django.contrib.messages"\n',
        '"django.contrib.messages"',
        ("a comma is missing after", "django.contrib.messages"),
    ),
    "a wrong import": Slip(
        "teas/views.py",
        "from teas.models import Tea",
        "from teas.models import Teas",
        "import Teas",
        ("ImportError: cannot import name 'Teas' from 'teas.models'",),
    ),
    "a typo in the view of an address": Slip(
        "teas/urls.py",
        "views.greeting,",
        "views.greting,",
        "views.greting,",
        ("AttributeError: module 'teas.views' has no attribute 'greting'",),
    ),
    "tabs among spaces": Slip(
        "teas/views.py",
        '    """Show all teas."""\n',
        '    """Show all teas."""\n\tif request:\n        pass\n',
        "if request",
        ("TabError: inconsistent use of tabs and spaces",),
    ),
    "a model field without arguments": Slip(
        "teas/models.py",
        "class Tasting(models.Model):\n",
        "class Tasting(models.Model):\n    other = models.ForeignKey()\n",
        "models.ForeignKey()",
        ("TypeError: ", "missing 2 required positional arguments: 'to' and 'on_delete'"),
    ),
    "a colon missing": Slip(
        "teas/views.py",
        "def menu(request: HttpRequest) -> HttpResponse:",
        "def menu(request: HttpRequest) -> HttpResponse",
        "def menu",
        ("SyntaxError: expected ':'",),
    ),
    "a parenthesis not closed": Slip(
        "teas/views.py",
        "    from teas.pairings import pairing_for\n",
        "    from teas.pairings import (pairing_for\n",
        "import (pairing_for",
        ("SyntaxError: '(' was never closed",),
    ),
    "a wrong app name in INSTALLED_APPS": Slip(
        "config/settings.py",
        '    "teas",\n',
        '    "tea",\n',
        '"tea",',
        ("ModuleNotFoundError: No module named 'tea'",),
    ),
    "a method without self": Slip(
        "teas/apps.py",
        '    verbose_name = _("Tea room")\n',
        '    verbose_name = _("Tea room")\n\n    def ready():\n        pass\n',
        "def ready():",
        ("TypeError: TeasConfig.ready() takes 0 positional arguments but 1 was given",),
    ),
    "a folder instead of a list of folders": Slip(
        "config/settings.py",
        '        "APP_DIRS": True,\n',
        '        "APP_DIRS": True,\n        "DIRS": BASE_DIR / "templates",\n',
        '"DIRS": BASE_DIR',
        ("TypeError", "not iterable"),
    ),
    "a name that does not exist": Slip(
        "teas/views.py",
        "LONGEST_BREW = 600.0",
        "LONGEST_BREW = LONGEST_BREWS",
        "LONGEST_BREWS",
        ("NameError: name 'LONGEST_BREWS' is not defined",),
    ),
    "a view called instead of named": Slip(
        "teas/urls.py",
        "views.greeting,",
        "views.greeting(),",
        "views.greeting(),",
        ("TypeError: greeting() missing 1 required positional argument: 'request'",),
    ),
    "a view given as text": Slip(
        "teas/urls.py",
        "views.greeting,",
        '"teas.views.greeting",',
        '"teas.views.greeting",',
        ("TypeError: view must be a callable",),
    ),
    "an app that is not installed": Slip(
        "config/settings.py",
        '    "teas",\n',
        "",
        "class ",
        ("teas.models.", "isn't in an application in INSTALLED_APPS"),
    ),
    "a field of the admin that the model lacks": Slip(
        "teas/admin.py",
        'list_filter = ["origin"]',
        'list_filter = ["colour"]',
        "list_filter",
        ("list_filter[0]", "colour"),
    ),
    "a middleware that takes nothing": Slip(
        "teas/middleware.py",
        "def __init__(self, get_response)",
        "def __init__(self)",
        "def __init__(self)",
        ("TypeError: Steam.__init__() takes 1 positional argument but 2 were given",),
    ),
}
LINE = re.compile(r"^\d\d:\d\d:\d\d  (.*) · waiting for a fix$", re.MULTILINE)


@pytest.mark.parametrize("name", SLIPS)
def test_the_first_line_says_where_and_what(server: DevServer, name: str) -> None:
    """A beginner would read fifty lines of a framework's frames, and find no answer."""
    slip = SLIPS[name]
    since = server.mark()
    server.edit(slip.path, slip.right, slip.wrong)
    server.wait_for_output("waiting for a fix", since=since)
    found = LINE.search(server.output, since)
    assert found is not None
    place, _, mistake = found[1].partition(" · ")
    path, _, line = place.partition(":")
    assert slip.at in server.path(path).read_text().splitlines()[int(line) - 1], found[0]
    for words in slip.says:
        assert words in mistake
    page = server.get("/", headers=HTML).text
    heading = plain(page[page.index("<header>") : page.index("</header>")])
    assert place in heading
    assert mistake in heading
    assert f"{place}: {mistake}" in plain(page[page.index("<title>") : page.index("</title>")])
