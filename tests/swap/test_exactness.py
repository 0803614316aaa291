"""Generated programs and edits: what swapping leads to is what a fresh start leads to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from swap.programs import REFUSED, SWAPPED
from swap.proof import Experiment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

PROGRAMS = int(os.environ.get("SWAP_PROGRAMS", "10"))
EDITS = int(os.environ.get("SWAP_EDITS", "30"))


@pytest.mark.parametrize("seed", range(PROGRAMS))
def test_an_edit_leads_where_a_fresh_start_leads(seed: int, tmp_path: Path) -> None:
    """Without it the developer could be served by a program that no source describes."""
    experiment = Experiment(seed, EDITS, tmp_path)
    answers = experiment.answers()
    for edit, answer in zip(experiment.edits, answers, strict=True):
        found = REFUSED if "refused" in answer else SWAPPED
        assert edit.expected in {None, found}, (edit.what, answer)
    wrong = experiment.wrong([at for at, one in enumerate(answers) if "refused" not in one])
    assert not wrong, [(experiment.edits[at].what, one[:3]) for at, one in wrong.items()]
