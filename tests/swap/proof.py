"""Random programs and edits of them, started, swapped and started afresh in real interpreters."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from swap.programs import BOXED, LIBRARY, Module
from swap.runs import PACKAGE, differences, fresh, swap, write

if TYPE_CHECKING:
    from pathlib import Path

    from swap.programs import Edit


class Experiment:
    """A program of two modules, and so many edits, each of the program as it was started."""

    def __init__(self, seed: int, edits: int, folder: Path) -> None:
        """The same ``seed`` gives the same program; ``folder`` is written to."""
        rng = random.Random(seed)
        # With a star, functions live in two modules: their file is the first one's.
        first_line = rng.choice(("from mod0 import *\n", "import mod0\n", BOXED, BOXED))
        mod0 = Module(rng, "mod0", rng.randint(3, 9), is_copied=first_line == BOXED)
        mod1 = Module(rng, "mod1", rng.randint(3, 9), first_line, mod0)
        modules = {"mod0": mod0, "mod1": mod1}
        self._folder = folder
        self._sources = LIBRARY | {f"{name}.py": one.source() for name, one in modules.items()}
        # Modules imported from are complete; one of them changes between the two.
        between = ["poke", "mod1"] if seed % 2 else ["mod1", "poke"]
        self._order = ["begin", "mod0", *between]
        names = [rng.choice(["mod0", "mod1"]) for _ in range(edits)]
        self.edits: list[Edit] = [modules[name].edit() for name in names]
        self._changes = [
            (f"{name}.py", edit.source) for name, edit in zip(names, self.edits, strict=True)
        ]
        self._answers: list[dict[str, Any]] = []
        self._states: dict[int, Any] = {}
        self._swapped_states: dict[int, Any] = {}

    def answers(self) -> list[dict[str, Any]]:
        """Whether each edit is swapped: the reason is under ``refused`` if it is not."""
        if not self._answers:
            self._answers = self._swap(self._changes, PACKAGE, describe=False)
        return self._answers

    def swapped(self, numbers: list[int], package: Path) -> list[int]:
        """Which of these edits are swapped by the rules of another version of the package."""
        changes = [self._changes[one] for one in numbers]
        answers = self._swap(changes, package, describe=False) if changes else []
        return [at for at, one in zip(numbers, answers, strict=True) if "refused" not in one]

    def wrong(self, numbers: list[int], package: Path = PACKAGE) -> dict[int, list[str]]:
        """Where the states after some edits, which are swapped, are not those of fresh starts.

        By the rules of the package that lies in the folder ``package``.
        """
        if not numbers:
            return {}
        outcomes = self._swap([self._changes[one] for one in numbers], package, describe=True)
        found = {
            number: differences(outcome["state"], self._expected(number))
            for number, outcome in zip(numbers, outcomes, strict=True)
        }
        return {number: differing for number, differing in found.items() if differing}

    def differing(self, package: Path) -> dict[int, list[str]]:
        """Where another version of the package swaps to other states than this one."""
        swaps = [at for at, answer in enumerate(self.answers()) if "refused" not in answer]
        changes = [self._changes[one] for one in swaps]
        if not self._swapped_states:
            outcomes = self._swap(changes, PACKAGE, describe=True)
            self._swapped_states = {
                at: one["state"] for at, one in zip(swaps, outcomes, strict=True)
            }
        outcomes = self._swap(changes, package, describe=True)
        found = {
            at: [one["refused"]]
            if "refused" in one
            else differences(one["state"], self._swapped_states[at])
            for at, one in zip(swaps, outcomes, strict=True)
        }
        return {at: differing for at, differing in found.items() if differing}

    def _swap(
        self, changes: list[tuple[str, str]], package: Path, *, describe: bool
    ) -> list[dict[str, Any]]:
        root = write(self._folder / "old", self._sources)
        request = {"describe": describe, "mirrors": "swap.boxes:note"}
        return swap(root, self._order, changes, package=package, **request)

    def _expected(self, number: int) -> Any:
        if number not in self._states:
            path, source = self._changes[number]
            root = write(self._folder / str(number), {**self._sources, path: source})
            self._states[number] = fresh(root, self._order)
        return self._states[number]
