"""What is made for the documents: the description for an index of packages, the diagrams."""

from __future__ import annotations

import importlib.util
import re
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
