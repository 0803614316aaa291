"""What an index of packages shows: it has none of the repository's files."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING

import pytest

from documented.pages import PAGES, ROOT

if TYPE_CHECKING:
    from types import ModuleType

README = PAGES["README.md"]
#: A link or a picture that leads into the repository.
RELATIVE = re.compile(r'\]\((?!https?:|#)|(?:src|srcset)="(?!https?:)')


@pytest.fixture
def build() -> ModuleType:
    """Return the part of the build that makes the description."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("address", ["", "https://example.org/blob/main/"])
def test_no_link_leads_nowhere(build: ModuleType, address: str) -> None:
    """A reader would see broken pictures, and links to pages that the index does not have."""
    assert RELATIVE.search(README)
    text = build.long_description(README, address)
    assert not RELATIVE.search(text)
    assert "The terminal: saves that are live at once" in text
    assert (f"{address}docs/pictures/terminal.svg" in text) == bool(address)
    assert (f'src="{address}docs/pictures/error-page-light.png"' in text) == bool(address)
