"""Whether the random proof finds a mistake in each rule of `swap`, and how fast.

    python tests/swap/planted.py --seconds 120 --output planted.md

Plants one mistake after the other, and draws programs and edits until one of them leads to a
process that a fresh start tells apart, or the time is over.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from swap.mistakes import MISTAKES
from swap.proof import Experiment
from swap.runs import PACKAGE

if TYPE_CHECKING:
    from swap.mistakes import Mistake

NAME = "django_autoreload_plus"
#: Edits of each program.
EDITS = 30


@dataclass(frozen=True)
class Found:
    """How a mistake was found; ``edit`` is empty if it was not."""

    mistake: Mistake
    programs: int
    seconds: float
    edit: str = ""
    difference: str = ""


class Search:
    """Draws programs; those that were drawn once are used for every mistake."""

    def __init__(self, folder: Path, seconds: float) -> None:
        """``seconds``: the longest search for one mistake."""
        self._folder = folder
        self._seconds = seconds
        self._experiments: dict[int, Experiment] = {}

    def find(self, mistake: Mistake) -> Found:
        """Draw until the mistake shows itself."""
        package = self._planted(mistake)
        start = time.monotonic()
        seed = 0
        while time.monotonic() < start + self._seconds:
            what, difference = self._differs(seed, package, mistake)
            seed += 1
            if what:
                return Found(mistake, seed, time.monotonic() - start, what, difference)
        return Found(mistake, seed, time.monotonic() - start)

    def _planted(self, mistake: Mistake) -> Path:
        folder = self._folder / f"mistake{MISTAKES.index(mistake)}"
        return folder if folder.exists() else mistake.plant(PACKAGE / NAME, folder)

    def _experiment(self, seed: int) -> Experiment:
        if seed not in self._experiments:
            self._experiments[seed] = Experiment(seed, EDITS, self._folder / f"seed{seed}")
        return self._experiments[seed]

    def _differs(self, seed: int, package: Path, mistake: Mistake) -> tuple[str, str]:
        """The first edit that shows the mistake, and how."""
        experiment = self._experiment(seed)
        right = experiment.answers()
        try:
            if mistake.is_step:
                # With all steps they lead where fresh starts do: that is proved elsewhere.
                wrong = experiment.differing(package)
            else:
                refused = [at for at, one in enumerate(right) if mistake.may_concern(one)]
                suspects = experiment.swapped(refused, package)
                if mistake.behind:
                    passed = experiment.swapped(suspects, self._planted(mistake.behind))
                    suspects = [at for at in suspects if at not in passed]
                wrong = experiment.wrong(suspects, package)
        except AssertionError as error:
            return "the swap, or a fresh start, fails", str(error)[-200:]
        except subprocess.TimeoutExpired:
            return "", ""  # the machine is busy
        for at, differing in wrong.items():
            return experiment.edits[at].what, differing[0]
        return "", ""

    def prove(self, programs: int) -> str:
        """What the rules as they are lead to, in one sentence for the table."""
        swapped = edits = 0
        differing: list[str] = []
        for seed in range(programs):
            experiment = self._experiment(seed)
            answers = experiment.answers()
            swaps = [at for at, answer in enumerate(answers) if "refused" not in answer]
            edits, swapped = edits + len(answers), swapped + len(swaps)
            differing += [f"{seed}: {one}" for one in experiment.wrong(swaps).items()]
        for one in differing:
            print(one[:2000])  # noqa: T201 - a program
        return (
            f"Of {edits} edits of {programs} programs {swapped} were swapped,"
            f" {len(differing)} of which led elsewhere than a fresh start."
        )


def table(found: list[Found], proof: str) -> str:
    """The results as Markdown."""
    lines = [
        f"CPython {platform.python_version()}, {EDITS} edits of each program. {proof}",
        "",
        "| rule | found | programs | seconds |",
        "|---|---|---:|---:|",
    ]
    for one in found:
        how = "yes" if one.edit else "**no**"
        lines.append(f"| {one.mistake.rule} | {how} | {one.programs} | {one.seconds:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Search for all mistakes; returns how many were not found."""
    parser = argparse.ArgumentParser(description="Plant mistakes for the random proof to find.")
    parser.add_argument("--seconds", type=float, default=120.0, help="the longest search for one")
    parser.add_argument("--programs", type=int, default=0, help="of the proof without mistakes")
    parser.add_argument("--rules", default="", help="only rules that contain this text")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    wanted = [one for one in MISTAKES if options.rules in one.rule]
    found: list[Found] = []
    with tempfile.TemporaryDirectory() as folder:
        search = Search(Path(folder), options.seconds)
        proof = search.prove(options.programs) if options.programs else ""
        for one in map(search.find, wanted):
            found.append(one)
            how = f"{one.edit[:160]}: {one.difference[:200]}" if one.edit else "NOT FOUND"
            told = f"{one.mistake.rule} · {one.programs} · {one.seconds:.0f} s · {how}"
            print(told, flush=True)  # noqa: T201 - a program
            if options.output:
                options.output.write_text(table(found, proof), encoding="utf-8")
    return sum(not one.edit for one in found)


if __name__ == "__main__":
    sys.exit(main())
