"""After every change of any file the server runs what is on the disk."""

from __future__ import annotations

import os
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

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
    way = chance.choice(["body", "body", "level", "comment", "undo", "undo", "touch", "broken", "two"])
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
@pytest.mark.parametrize("seed", range(3))
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
