"""A program that is given another time, as freezegun and time-machine do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parity.reloaders import COPIES, VIEWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parity.reloaders import ParitySite

VIEWS_WITH_YEAR = VIEWS.replace(
    "HttpResponse(VALUE)", 'HttpResponse(f"{VALUE} in {time.gmtime(time.time()).tm_year}")'
).replace("from django", "import time\nfrom django", 1)
EXCHANGED = """
import time
for name in ("time", "monotonic", "perf_counter"):
    setattr(time, name, lambda: 1577880000.0)
    setattr(time, f"{name}_ns", lambda: 1577880000 * 10**9)
"""
IN_C = 'import time_machine; time_machine.travel("2020-01-01 12:00", tick=False).start()\n'


def test_edits_are_served(parity_site: Callable[..., ParitySite]) -> None:
    """A site that plays another day would not reload, or all the time."""
    with parity_site({"views.py": VIEWS_WITH_YEAR}, settings=EXCHANGED) as server:
        server.shows("one in 2020")
        server.change("views.py", '"one"', '"two"')
        server.shows("two in 2020")


@pytest.mark.parametrize("settings", [EXCHANGED, IN_C], ids=["exchanged", "in C"])
def test_nothing_else_is_taken_for_edited(tmp_path: Path, settings: str) -> None:
    """All that was loaded would count as edited since, and the program start again for it."""
    if settings == IN_C:
        pytest.importorskip("time_machine")
    with COPIES.maker(tmp_path)({"views.py": VIEWS_WITH_YEAR}, settings=settings) as server:
        server.shows("one in 2020")
        for old, new in (("one", "two"), ("two", "three")):
            server.change("views.py", f'"{old}"', f'"{new}"')
            server.shows(f"{new} in 2020")
            server.wait_for_output("views.py changed · live", since=server.output.rfind(old))
        server.interrupt()
        assert server.wait() == 0
        assert server.output.count("changed") == 2
