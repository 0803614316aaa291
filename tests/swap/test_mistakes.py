"""The random proof finds mistakes: see ``planted.py``, which looks for all of them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from swap.mistakes import MISTAKES
from swap.planted import NAME, Search
from swap.runs import PACKAGE

if TYPE_CHECKING:
    from pathlib import Path

    from swap.mistakes import Mistake

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

#: The longest search for one mistake; 0: only those that show themselves at once are looked for.
SECONDS = float(os.environ.get("SWAP_MISTAKES", "0"))
QUICK = {"a changed function must not have run", "code that moves is exchanged as well"}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.rule)
def test_each_mistake_can_be_planted(mistake: Mistake, tmp_path: Path) -> None:
    """A rule that was rewritten would no longer be one that the proof is known to watch."""
    package = mistake.plant(PACKAGE / NAME, tmp_path / "planted") / NAME / "swap"
    assert mistake.wrong in (package / mistake.file).read_text(encoding="utf-8")


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize(
    "mistake",
    [one for one in MISTAKES if SECONDS or one.rule in QUICK],
    ids=lambda mistake: mistake.rule,
)
def test_the_proof_finds_a_mistake(mistake: Mistake, tmp_path: Path) -> None:
    """A proof that finds no difference would say nothing if it could find none."""
    found = Search(tmp_path, SECONDS or 300).find(mistake)
    assert found.edit, f"not found with {found.programs} programs"
