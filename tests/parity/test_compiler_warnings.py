"""What the compiler warns of is shown as Django shows it: once, and under the program's filters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from parity.reloaders import ParitySite

#: Every Python warns of the comparison with a literal; 3.14 also of leaving ``finally``.
VIEWS = """
from django.http import HttpResponse

def page(request):
    return HttpResponse("one")
"""
WARNED = 'HttpResponse("two" if 1 is 1 else "")'


def test_shown_once(parity_site: Callable[..., ParitySite]) -> None:
    """One mistake would be reported by each process that compiles the file, or by none."""
    with parity_site({"views.py": VIEWS}) as server:
        server.shows("one")
        server.change("views.py", 'HttpResponse("one")', WARNED)
        server.shows("two")
        # The body could be exchanged, but the file is compiled anew, and says it again.
        server.change("views.py", '"two"', '"three"')
        server.shows("three")
    found = re.findall(r'views\.py:5: SyntaxWarning: "is" with', server.output)
    assert len(found) == 2


def test_an_error_where_the_user_wants_one(parity_site: Callable[..., ParitySite]) -> None:
    """A warning that the user made an error of would pass unnoticed, or end the command."""
    env = {"PYTHONWARNINGS": "error::SyntaxWarning"}
    with parity_site({"views.py": VIEWS}, env=env) as server:
        server.shows("one")
        server.change("views.py", 'HttpResponse("one")', WARNED)
        server.wait_for_output('SyntaxError: "is" with')
        server.change("views.py", "1 is 1", "1 == 1")
        server.shows("two")
