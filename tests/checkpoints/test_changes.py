"""After every change of any file the server runs what is on the disk."""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from catalog import write_catalog
from checkpoints.places import Site, add_settings, add_view
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHOWN = """
from django.http import HttpResponse

import walk_a
import walk_b
import walk_d
from teas import steeping


def shown(request):
    parts = [walk_a, walk_b, walk_d, steeping]
    levels = [part.LEVEL for part in parts]
    bodies = [part.body() for part in parts]
    return HttpResponse(f"levels {levels} bodies {bodies} early {walk_a.EARLY}")
"""
#: Each file uses what was imported before it, so that a stale one shows.
PART = """
{imports}
LEVEL = "{level}"
READ = LEVEL
EARLY = {early}


def body():
    # {comment}
    return "{body}"
"""


@dataclass
class Part:
    """One file of the walk: what it says, and what to write."""

    path: Path
    imports: str = ""
    early: str = "None"
    level: int = 0
    body: int = 0
    comment: int = 0
    broken: bool = False
    history: list[str] = field(default_factory=list)

    def write(self, text: str | None = None) -> None:
        """Write the file, and remember what was in it."""
        shown = text if text is not None else self.text()
        self.history.append(shown)
        self.path.write_text(shown, encoding="utf-8")

    def text(self) -> str:
        """The whole file as it should be."""
        text = PART.format(**{name: getattr(self, name) for name in PART_FIELDS})
        return f"{text}\n(" if self.broken else text


PART_FIELDS = ("imports", "early", "level", "body", "comment")


def on_disk(parts: list[Part]) -> str | None:
    """What the view has to answer; ``None``: the code cannot start."""
    texts = [part.path.read_text(encoding="utf-8") for part in parts]
    if any(text.endswith("(") for text in texts):
        return None
    levels = [re.findall('LEVEL = "(.*)"', text)[0] for text in texts]
    bodies = [re.findall('return "(.*)"', text)[0] for text in texts]
    return f"levels {levels} bodies {bodies} early {levels[-1]}"


@pytest.fixture
def parts(project: Path) -> list[Part]:
    """Return four files of the test project: used early, in the middle, twice, and late."""
    steeping = Part(project / "teas/steeping.py")
    text = steeping.path.read_text(encoding="utf-8")
    files = [
        Part(project / "walk_a.py", imports="from teas import steeping", early="steeping.LEVEL"),
        Part(project / "walk_b.py", imports="import walk_a"),
        Part(project / "walk_d.py"),
    ]
    steeping.imports = text.replace("{", "{{").replace("}", "}}")
    steeping.imports = text
    for part in (*files, steeping):
        part.write()
    models = project / "teas/models.py"
    head = "from __future__ import annotations\n"
    source = models.read_text(encoding="utf-8")
    models.write_text(source.replace(head, f"{head}import walk_d\n", 1), encoding="utf-8")
    add_view(project, "shown", SHOWN)
    return [*files, steeping]


def step(chance: random.Random, part: Part) -> str:
    """Change one file in one of the ways in which people change files."""
    way = chance.choice(
        ["body", "body", "level", "comment", "undo", "undo", "touch", "broken", "two"]
    )
    if part.broken and chance.random() < 0.7:
        way = "undo"
    part.broken = False
    if way == "body":
        part.body += 1
    elif way == "level":
        part.level += 1
    elif way == "comment":
        part.comment += 1
    elif way == "touch":
        os.utime(part.path)
        return way
    elif way == "broken":
        part.broken = True
    elif way == "two":
        # A second edit before anybody can have begun with the first.
        part.body += 1
        part.write()
        part.level += chance.randrange(2)
    elif way == "undo" and len(part.history) > 1:
        part.write(part.history[-2])
        return way
    part.write()
    return way


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(int(os.environ.get("WALKS", "3"))))
def test_a_random_walk_never_leaves_the_disk(project: Path, parts: list[Part], seed: int) -> None:
    """Now and then the browser would show code that is no longer there."""
    chance = random.Random(seed)
    with Site(project) as server:
        server.wait_for("/shown/")
        said: list[str] = []
        for number in range(60):
            part = chance.choice(parts)
            said.append(f"{number}: {part.path.name} {step(chance, part)}")
            expected = on_disk(parts)
            ask = answers_with(server, expected)
            wait_until(ask, f"{expected} after {said[-8:]}: {server.get('/shown/').text[:300]}")


def answers_with(server: Site, expected: str | None) -> Callable[[], bool]:
    """Return whether the next answer is the expected one."""

    def ask() -> bool:
        response = server.get("/shown/")
        if expected is None:
            return response.status == 500
        return response.text == expected

    return ask


def test_an_edit_while_other_code_is_broken_is_not_lost(project: Path, parts: list[Part]) -> None:
    """What was saved between a mistake and its mending would never be seen."""
    walk_a, _, _, steeping = parts
    with Site(project) as server:
        for number in (1, 2):
            server.answer("/shown/", f"early {number - 1}")
            walk_a.broken = True
            walk_a.write()
            server.wait_for("/shown/", lambda response: response.status == 500)
            # It comes before the broken file, and would be fine by itself.
            mark = server.mark()
            steeping.level = number
            steeping.write()
            server.wait_for_output("waiting for a fix", since=mark)
            walk_a.broken = False
            walk_a.level = number
            walk_a.write()
            server.answer("/shown/", f"early {number}")


#: Imported before the view that is edited, so that the copies between hold the catalogue.
TRANSLATED = """
from django.http import HttpResponse
from django.utils.translation import gettext, override

with override("de"):
    EARLY = gettext("Good afternoon!")


def translated(request):
    return HttpResponse(EARLY)
"""
GREETED = """
from django.http import HttpResponse
from django.utils.translation import gettext, override

LEVEL = 0
READ = LEVEL


def greeted(request):
    with override("de"):
        return HttpResponse(f"{LEVEL} {gettext('Good afternoon!')}")
"""


def test_a_catalogue_that_was_taken_is_not_lost(project: Path) -> None:
    """The next edit of a view would bring the old translations back."""
    add_view(project, "translated", TRANSLATED)
    add_view(project, "greeted", GREETED)
    catalogue = "teas/locale/de/LC_MESSAGES/django.mo"
    old = "Guten Tag!"
    with Site(project) as server:
        server.answer("/greeted/", old)
        for number in (1, 2):
            new = f"Guten Tag {number}"
            mark = server.mark()
            write_catalog(server.path(catalogue), {"Good afternoon!": new})
            server.wait_for_output("translations reset", since=mark)
            server.answer("/greeted/", new)
            server.edit("greeted.py", f"LEVEL = {number - 1}", f"LEVEL = {number}")
            server.answer("/greeted/", f"{number} {new}")


READS_DATA = """
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
PRICES = json.loads((HERE / "prices.json").read_text(encoding="utf-8"))
"""


def test_data_read_while_starting_counts_like_a_module(project: Path) -> None:
    """A changed price list or .env would be served from a copy that holds the old one."""
    (project / "prices.json").write_text('{"tea": 3}', encoding="utf-8")
    source = "from django.http import HttpResponse\nfrom django.conf import settings\n"
    view = "\ndef data(request):\n    return HttpResponse(f'{settings.SITE_NAME} {PRICES}')\n"
    add_view(project, "data", source + READS_DATA + view)
    env = project / "tearoom.env"
    with Site(project) as server:
        server.answer("/data/", "'tea': 3")
        for price in (4, 5):
            mark = server.mark()
            server.write("prices.json", f'{{"tea": {price}}}')
            server.answer("/data/", f"'tea': {price}")
            # The list is read by a module that comes after the setup.
            assert server.origin(mark) not in ("start", "settings", "apps")
            mark = server.mark()
            name = f"Tea room {price}"
            env.write_text(re.sub("SITE_NAME=.*", f"SITE_NAME={name}", env.read_text()))
            server.answer("/data/", name)
            assert re.match("settings$|at ", server.origin(mark))


def test_a_module_that_was_missing_is_found(project: Path) -> None:
    """A local_settings.py created now would be ignored until the command is restarted."""
    add_settings(
        project,
        "try:\n    from local_settings import SITE_NAME\nexcept ImportError:\n    pass",
    )
    add_view(
        project,
        "optional",
        "from django.conf import settings\nfrom django.http import HttpResponse\n"
        "try:\n    from teas.extra import MORE\nexcept ImportError:\n    MORE = 'no more'\n"
        "def optional(request):\n    return HttpResponse(f'{settings.SITE_NAME}, {MORE}')\n",
    )
    with Site(project) as server:
        server.answer("/optional/", "no more")
        for name in ("Parlour one", "Parlour two"):
            server.write("teas/extra.py", f"MORE = 'more of {name}'\n")
            server.answer("/optional/", f"more of {name}")
            server.write("local_settings.py", f"SITE_NAME = '{name}'\n")
            server.answer("/optional/", f"{name}, more of {name}")
            server.path("local_settings.py").unlink()
            server.path("teas/extra.py").unlink()
            server.wait_for("/optional/", lambda r: "no more" in r.text and "Parlour" not in r.text)


#: Debouncer the start up at its last line until the test has made the next edit.
HELD = """
from pathlib import Path
import time

from django.http import HttpResponse

{late}
HERE = Path(__file__).resolve().parent
LEVEL = {level}
READ = LEVEL


def held(request):
    return HttpResponse(f"level {{LEVEL}} {{early.LEVEL}}")


if (HERE / "hold").exists():
    (HERE / "held").touch()
    while (HERE / "hold").exists():
        time.sleep(0.005)
"""


@pytest.fixture
def held(project: Path) -> Path:
    """Return a project whose start stops while there is a file ``hold``."""
    (project / "early.py").write_text("LEVEL = 0\n", encoding="utf-8")
    add_view(project, "held", HELD.format(late="import early", level=0))
    return project


def hold(server: Site) -> None:
    """Let the next start stop at its end."""
    server.path("held").unlink(missing_ok=True)
    server.path("hold").touch()


def wait_until_held(server: Site) -> None:
    """Await a start that has loaded everything."""
    wait_until(server.path("held").exists, "a start that is held up")


def release(server: Site) -> None:
    """Let the start go on."""
    server.path("hold").unlink()


@pytest.mark.parametrize("again", ["held", "early"])
def test_an_edit_during_a_start_is_not_lost(held: Path, again: str) -> None:
    """A quick second save would be missed until the next one."""
    with Site(held) as server:
        server.answer("/held/", "level 0 0")
        hold(server)
        server.write("held.py", HELD.format(late="import early", level=1))
        wait_until_held(server)
        if again == "early":
            server.write("early.py", "LEVEL = 2\n")
            expected = "level 1 2"
        else:
            server.write("held.py", HELD.format(late="import early", level=2))
            expected = "level 2 0"
        release(server)
        server.answer("/held/", expected)
        # Both files once more: the copies are in order, too.
        server.write("early.py", "LEVEL = 7\n")
        server.answer("/held/", expected[:-1] + "7")


def test_there_and_back_during_a_start(held: Path) -> None:
    """An edit undone at once would leave the undone code in a copy."""
    with Site(held) as server:
        server.answer("/held/", "level 0 0")
        for number in range(3):
            hold(server)
            server.write("held.py", HELD.format(late="import early", level=100 + number))
            wait_until_held(server)
            server.write("held.py", HELD.format(late="import early", level=number))
            if number % 2:
                server.write("early.py", "LEVEL = 50\n")
                server.write("early.py", "LEVEL = 0\n")
            release(server)
            server.answer("/held/", f"level {number} 0")
            server.write("early.py", f"LEVEL = {number + 1}\n")
            server.answer("/held/", f"level {number} {number + 1}")
            server.write("early.py", "LEVEL = 0\n")
            server.answer("/held/", f"level {number} 0")
