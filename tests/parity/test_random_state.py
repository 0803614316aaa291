"""Random numbers begin anew in each process, and repeat where the program wants them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness import output_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from parity.reloaders import ParitySite

VIEWS = """
import random
from django.http import HttpResponse

VALUE = "one"
READ = VALUE
NUMBER = random.random()

def page(request):
    return HttpResponse(f"{VALUE} {NUMBER}")
"""
#: What both processes draw next after a fork.
FORK = """
import os, random
import {generator} as generator
from django_autoreload_plus.child.frozen import fork
from django_autoreload_plus.child.fork.random_state import random_state
random_state.watch()
generator.random()
{seed}
if fork():
    os.wait()
print(generator.random())
"""


def number(server: ParitySite, value: str) -> str:
    """Await the answer of the process with this value; its random number."""
    return server.wait_for("/", lambda answer: answer.text.startswith(value)).text.split()[1]


def test_a_seed_of_the_programs_choice(parity_site: Callable[..., ParitySite]) -> None:
    """Who asks for the same numbers every time would get others from the first start on."""
    with parity_site({"views.py": VIEWS}, settings="\nimport random\nrandom.seed(42)") as server:
        first = number(server, "one")
        server.change("views.py", "one", "two")
        assert number(server, "two") == first
        server.change("views.py", "two", "three")
        assert number(server, "three") == first


@pytest.mark.parametrize(
    ("generator", "seed", "is_repeated"),
    [
        ("random", "", False),
        ("random", "generator.seed()", False),
        ("random", "generator.seed(42)", True),
        ("numpy.random", "", False),
        ("numpy.random", "generator.seed(42)", True),
    ],
)
def test_what_is_drawn_after_a_fork(generator: str, seed: str, *, is_repeated: bool) -> None:
    """A sample drawn after a reload would be the one drawn before it, or a chosen seed lost."""
    pytest.importorskip(generator)
    code = FORK.format(generator=generator, seed=seed)
    first, second = output_of(code).split()
    assert (first == second) is is_repeated
