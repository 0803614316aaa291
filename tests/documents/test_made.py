"""What is made for the documents: the description for an index of packages, the diagrams."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from documented.pages import DOCS, PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

README = PAGES["README.md"]
#: A link or a picture that leads into the repository.
RELATIVE = re.compile(r'\]\((?!https?:|#)|(?:src|srcset)="(?!https?:)')


def load(path: Path) -> ModuleType:
    """Import a program that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("address", ["", "https://example.org/blob/main/"])
def test_no_link_leads_nowhere(address: str) -> None:
    """A reader would see broken pictures, and links to pages that the index does not have."""
    pytest.importorskip("hatchling")
    build = load(ROOT / "hatch_build.py")
    assert RELATIVE.search(README)
    text = build.long_description(README, address)
    assert not RELATIVE.search(text)
    assert "The terminal: saves that are live at once" in text
    assert (f"{address}docs/pictures/terminal.svg" in text) == bool(address)
    assert (f'src="{address}docs/pictures/error-page-light.png"' in text) == bool(address)


@pytest.mark.parametrize("name", ["processes", "sequence"])
def test_the_diagrams_are_those_that_are_drawn(name: str) -> None:
    """A diagram that was changed by hand would be lost when it is drawn again."""
    module = load(DOCS / "pictures" / "diagrams.py")
    committed = (DOCS / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert committed == getattr(module, name)()


#: Writes a report anew from its samples, and once more with a run that is measured again.
REWRITE = """
import sys
from dataclasses import replace
from pathlib import Path

sys.path[:0] = sys.argv[3:]
import comparison

results = comparison.read(Path(sys.argv[1]))
comparison.write(results, Path(sys.argv[2]) / "compare")
before = list(results.runs)
results.add(replace(before[0], starts=[], error="not measured"))
assert results.runs == before
again = replace(before[0], starts=[1.0])
results.add(again)
assert again in results.runs
assert before[0] not in results.runs
assert len(results.runs) == len(before)
"""


def test_the_report_is_that_of_the_samples(tmp_path: Path) -> None:
    """A figure would have been written by hand; a part measured anew would stand there twice."""
    results = ROOT / "benchmarks" / "results"
    folders = [str(ROOT / "benchmarks"), str(ROOT / "tests")]
    command = [sys.executable, "-c", REWRITE, str(results / "compare.json"), str(tmp_path)]
    # A process of its own: the names of these modules are those of folders of tests.
    subprocess.run([*command, *folders], check=True)
    for path in tmp_path.iterdir():
        written = path.read_text(encoding="utf-8")
        assert written == (results / path.name).read_text(encoding="utf-8"), path.name
