"""Whatever happens to files and directories, in any order: what is different was reported."""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from watcher.noticing import Noticed

ROUNDS = 40
NAMES = "abc"
#: From one tick of a clock to more than a poll, in seconds.
PAUSES = (0.0, 0.0, 0.0, 0.005, 0.03, 0.06)


class Walk:
    """Templates that a glob finds and modules that are looked for, and changes of both."""

    def __init__(self, root: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.templates = root / "templates"
        self.templates.mkdir()
        self.modules = [root / f"package_{a}/module_{b}.py" for a in NAMES for b in NAMES]
        self._written = 0

    def contents(self) -> dict[Path, str]:
        """What is on the disk, where it matters."""
        files = [*self.templates.rglob("*.html"), *self.modules]
        return {path: path.read_text() for path in files if path.exists()}

    def step(self) -> str:
        """Change something; say what."""
        steps = (self._write, self._write, self._remove_tree, self._rename_tree, self._unlink)
        done = self.chance.choice(steps)()
        time.sleep(self.chance.choice(PAUSES))
        return done

    def _directory(self) -> Path:
        depth = self.chance.randint(1, 3)
        return self.templates.joinpath(*self.chance.choices(NAMES, k=depth))

    def _file(self) -> Path:
        if self.chance.random() < 0.3:
            return self.chance.choice(self.modules)
        return self._directory() / f"{self.chance.choice(NAMES)}.html"

    def _tree(self) -> Path:
        choice = self.chance.random() < 0.3
        return self.chance.choice(self.modules).parent if choice else self._directory()

    def _write(self) -> str:
        path = self._file()
        self._written += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        # All of one size.
        path.write_text(f"{self._written:06}")
        return f"wrote {path}"

    def _unlink(self) -> str:
        path = self._file()
        path.unlink(missing_ok=True)
        return f"removed {path}"

    def _remove_tree(self) -> str:
        tree = self._tree()
        shutil.rmtree(tree, ignore_errors=True)
        return f"removed {tree}"

    def _rename_tree(self) -> str:
        tree, target = self._directory(), self._directory()
        possible = tree.exists() and target.parent.exists() and not target.exists()
        if possible and tree not in target.parents:
            tree.rename(target)
        return f"renamed {tree} to {target}"


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_that_is_different_was_reported(noticed_either_way: Noticed, seed: int) -> None:
    """An edit that is lost would be lost until the next one."""
    walk = Walk(noticed_either_way.root, seed)
    noticed_either_way.watch(missing=walk.modules, globs=[(walk.templates, "**/*.html")])
    known = walk.contents()
    for number in range(ROUNDS):
        steps = [walk.step() for _ in range(walk.chance.randint(1, 5))]
        contents = walk.contents()
        different = [p for p in known.keys() | contents if known.get(p) != contents.get(p)]
        try:
            noticed_either_way.until(*different)
        except AssertionError as error:
            raise AssertionError(f"in round {number}: {error}\n" + "\n".join(steps)) from None
        known = contents
