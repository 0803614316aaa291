"""The app is taken out of the settings while the command runs, as by a change of branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parity.reloaders import COPIES, PLAIN

if TYPE_CHECKING:
    from pathlib import Path

    from parity.reloaders import Reloader

APP = '"django_autoreload_plus", '
STATIC = '\nINSTALLED_APPS += ["django.contrib.staticfiles"]\nSTATIC_URL = "/static/"\n'


@pytest.mark.parametrize(
    ("way", "settings"),
    [(COPIES, ""), (COPIES, STATIC), (PLAIN, "")],
    ids=["copies", "static files", "plain"],
)
def test_edits_are_served(tmp_path: Path, way: Reloader, settings: str) -> None:
    """The command would end: "That port is already in use"."""
    with way.maker(tmp_path)(settings=settings) as server:
        server.shows("one")
        server.edit("settings.py", APP, "")
        server.edit("views.py", '"one"', '"two"')
        server.shows("two")
        server.wait_for_output("settings.py.* changed · live")
        server.edit("views.py", '"two"', '"three"')
        server.shows("three")
        server.edit("settings.py", "INSTALLED_APPS = [", f"INSTALLED_APPS = [{APP}")
        server.edit("views.py", '"three"', '"four"')
        server.shows("four")
        server.interrupt()
        assert server.wait() == 0
        server.all_gone()
        assert "Error" not in server.output
