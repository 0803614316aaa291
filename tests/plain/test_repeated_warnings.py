"""What the checks say is said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import DevServer, write_file

if TYPE_CHECKING:
    from pathlib import Path

#: Two warnings, of which one shows the address of an object, as Django's own do.
CHECKS = """
from django.core import checks

class Kettle: pass

@checks.register()
def lukewarm(**kwargs):
    return [checks.Warning("is lukewarm", obj=Kettle(), id="teas.W001")]
"""
SECOND = """
@checks.register()
def chipped(**kwargs):
    return [checks.Warning("a cup is chipped", id="teas.W002")]
"""


def test_a_warning_is_said_once(project: Path) -> None:
    """The one line of a reload would drown in warnings that everybody has read before."""
    path = project / "teas/apps.py"
    good = path.read_text(encoding="utf-8") + CHECKS
    write_file(path, good)
    with DevServer(project) as server:
        server.wait_for("/version/")
        for number in range(2, 4):
            since = server.mark()
            server.edit("teas/views.py", f'VERSION = "{number - 1}"', f'VERSION = "{number}"')
            server.wait_for_output("live in", since=since)
        server.write("teas/apps.py", good + SECOND)
        server.wait_for_output("a cup is chipped")
    # The second time together with the new one.
    assert server.output.count("is lukewarm") == 2
