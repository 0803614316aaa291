"""What is loaded before the first request, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checkpoints.places import Site

if TYPE_CHECKING:
    from pathlib import Path

STORAGE = """
from django.contrib.messages.storage.fallback import FallbackStorage
print("storage imported", flush=True)
"""


def test_what_the_settings_name_is_imported_when_it_would_be(project: Path) -> None:
    """A module that expects the rest of the project to be loaded would fail at the start."""
    (project / "late.py").write_text(STORAGE)
    with (project / "config/settings.py").open("a") as file:
        file.write("\nMESSAGE_STORAGE = 'late.FallbackStorage'\n")
    with Site(project) as server:
        server.wait_for_output("from start; ")
        assert "storage imported" not in server.output
        server.wait_for("/")
        server.wait_for_output("storage imported")
