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
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("teas", "0002_first_teas")]
    operations = []
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


def test_skipped_checks_stay_skipped(project: Path) -> None:
    """Checks that somebody left out, because they take long, would run at each reload."""
    path = project / "teas/apps.py"
    write_file(path, path.read_text(encoding="utf-8") + CHECKS)
    with DevServer(project, options=["--skip-checks"]) as server:
        server.wait_for("/version/")
        # A migration that is missing is told in any case, and after the checks.
        server.write("teas/migrations/0003_more.py", MIGRATION)
        server.edit("teas/views.py", 'VERSION = "1"', 'VERSION = "2"')
        server.wait_for_output("1 unapplied migration")
    assert "is lukewarm" not in server.output
