"""Generated programs and edits: what swapping leads to is what a fresh start leads to."""

from __future__ import annotations

import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from swap.programs import REFUSED, SWAPPED, Module
from swap.runs import differences, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

PROGRAMS = int(os.environ.get("SWAP_PROGRAMS", "10"))
EDITS = int(os.environ.get("SWAP_EDITS", "30"))


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_an_edit_leads_where_a_fresh_start_leads(seed: int, tmp_path: Path) -> None:
    """Without it the developer could be served by a program that no source describes."""
    rng = random.Random(seed)
    # Functions that live in two modules: their file is the first one's.
    modules = {
        "mod0": Module(rng, "mod0", rng.randint(3, 9)),
        "mod1": Module(rng, "mod1", rng.randint(3, 9), "from mod0 import *\n"),
    }
    sources = {f"{name}.py": module.source() for name, module in modules.items()}
    names = [rng.choice(["mod0", "mod1"]) for _ in range(EDITS)]
    edits = [modules[name].edit() for name in names]
    changes = [(f"{name}.py", edit.source) for name, edit in zip(names, edits, strict=True)]
    outcomes = swap(write(tmp_path / "old", sources), ["mod0", "mod1"], changes)

    def expected(number: int) -> Any:
        path, source = changes[number]
        root = write(tmp_path / str(number), {**sources, path: source})
        return fresh(root, ["mod0", "mod1"])

    for edit, outcome in zip(edits, outcomes, strict=True):
        assert (SWAPPED if "state" in outcome else REFUSED) == edit.expected, (edit.what, outcome)
    swapped = [number for number, outcome in enumerate(outcomes) if "state" in outcome]
    with ThreadPoolExecutor(2) as pool:
        for number, state in zip(swapped, pool.map(expected, swapped), strict=True):
            found = differences(outcomes[number]["state"], state)
            assert not found, (edits[number].what, found[:3])
