"""Two releases of real packages: every hunk between them, as the edit of a started program."""

from __future__ import annotations

import difflib
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swap.runs import differences, fresh, swap, write

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

RELEASES = [
    ("click", "8.1.3", "8.1.7"),
    ("click", "8.1.7", "8.1.3"),
    ("sqlparse", "0.4.4", "0.5.1"),
    ("sqlparse", "0.5.1", "0.4.4"),
]
#: At most so many swapped hunks of each pair are compared with a fresh start.
COMPARED = int(os.environ.get("SWAP_HUNKS", "20"))


@pytest.mark.parametrize(("package", "old", "new"), RELEASES)
@pytest.mark.timeout(1800)
def test_hunks_of_a_release(package: str, old: str, new: str, tmp_path: Path) -> None:
    """What real developers changed is less regular than what a generator thinks of."""
    sources, target = _sources(package, old), _sources(package, new)
    modules = [package, *sorted(_module(path) for path in sources if _importable(path))]
    hunks = [
        (path, source)
        for path in sorted(sources.keys() & target.keys())
        for source in _hunks(sources[path], target[path])
        if _compiles(source)
    ]
    outcomes = swap(write(tmp_path / "old", sources), modules, hunks, describe=False)
    swapped = [at for at, outcome in enumerate(outcomes) if "changed" in outcome]
    assert len(hunks) > 50
    assert len(swapped) > 10
    chosen = sorted(random.Random(0).sample(swapped, min(COMPARED, len(swapped))))
    states = swap(tmp_path / "old", modules, [hunks[at] for at in chosen])

    def expected(at: int) -> dict[str, object]:
        path, source = hunks[at]
        return fresh(write(tmp_path / str(at), {**sources, path: source}), modules)

    with ThreadPoolExecutor(2) as pool:
        for outcome, state, at in zip(states, pool.map(expected, chosen), chosen, strict=True):
            found = differences(outcome["state"], state)
            assert not found, (hunks[at][0], outcome["changed"], found[:3])


def _sources(package: str, version: str) -> dict[str, str]:
    with zipfile.ZipFile(_wheel(package, version)) as wheel:
        return {
            name: wheel.read(name).decode()
            for name in wheel.namelist()
            if name.startswith(f"{package}/") and name.endswith(".py")
        }


def _wheel(package: str, version: str) -> Path:
    cache = Path(tempfile.gettempdir(), "django-autoreload-plus-wheels")
    pattern = f"{package}-{version}-*.whl"
    if not list(cache.glob(pattern)):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--quiet",
                "--dest",
                str(cache),
                f"{package}=={version}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"{package} {version} cannot be downloaded: {done.stderr[-200:]}")
    return next(cache.glob(pattern))


def _hunks(old: str, new: str) -> list[str]:
    """Return the old source with each of the differences applied alone."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    return [
        "".join(before[:start] + after[new_start:new_end] + before[end:])
        for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
            None, before, after, autojunk=False
        ).get_opcodes()
        if kind != "equal"
    ]


def _compiles(source: str) -> bool:
    try:
        compile(source, "hunk.py", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _importable(path: str) -> bool:
    return not path.endswith(("__init__.py", "__main__.py", "_winconsole.py"))


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")
