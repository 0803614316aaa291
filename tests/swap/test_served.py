"""Swaps through a real runserver: what a browser, a traceback and a debugger see of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site, add_settings, add_view

if TYPE_CHECKING:
    from pathlib import Path

needs_swapping = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs sys.monitoring")

PAGE = """
import inspect
import sys

from django.http import HttpResponse

LEVEL = 0


def broken():
    raise ValueError("broken 0")


def stop():
    return sys._getframe().f_lineno


def page(request):
    if "broken" in request.GET:
        broken()
    if "source" in request.GET:
        return HttpResponse(inspect.getsource(stop) + f"line {stop()}")
    return HttpResponse("text 0")
"""


def test_lines_are_those_on_the_disk(project: Path) -> None:
    """A traceback or a debugger would point at the wrong line after an edit above it."""
    add_view(project, "page", PAGE)
    with Site(project) as server:
        server.answer("/page/", "text 0")
        for number in range(2):
            mark = server.mark()
            # A comment alone, above everything that is asked for below.
            server.edit("page.py", "\nLEVEL = 0", f"\n# comment {number}\n\nLEVEL = 0")
            is_swapped = server.origin(mark).endswith(" exchanged")
            assert is_swapped == (sys.version_info >= (3, 12))
            server.edit("page.py", f'"broken {number}"', f'"broken {number + 1}"')
            lines = server.path("page.py").read_text(encoding="utf-8").splitlines()
            expected = f'raise ValueError("broken {number + 1}")'
            line = next(at for at, text in enumerate(lines, 1) if expected in text)
            page = server.wait_for("/page/?broken", lambda r, n=number: f"broken {n + 1}" in r.text)  # type: ignore[misc]
            assert page.status == 500
            # Django's debug page names and shows it; so does what the terminal prints.
            assert f"page.py</code>, line {line}, in broken" in page.text
            server.wait_for_output(
                rf'page\.py", line {line}, in broken\n +raise ValueError\("broken', since=mark
            )
            source = server.get("/page/?source").text
            line = next(at for at, text in enumerate(lines, 1) if "f_lineno" in text)
            assert source == f"def stop():\n    return sys._getframe().f_lineno\nline {line}"


@needs_swapping
def test_names_that_nobody_looked_at(project: Path) -> None:
    """The most frequent edit, an import and what uses it, would not be swapped on a real site."""
    (project / "helper.py").write_text("LIMIT = 3\n", encoding="utf-8")
    add_settings(project, "import helper")
    add_view(project, "page", PAGE)
    edits = [
        # A literal, an import and what uses both; a function in one file and its use in another.
        ("page.py", "LEVEL = 0\n", "LEVEL = 5\n", "text 0"),
        ("page.py", "import sys\n", "import sys\nfrom helper import LIMIT\n", "text 0"),
        ("page.py", '"text 0"', 'f"text {LIMIT} {LEVEL}"', "text 3 5"),
        ("helper.py", "LIMIT = 3", "LIMIT = 4\n\n\ndef double(n):\n    return n * 2", "text 4 5"),
        ("page.py", "import LIMIT\n", "import LIMIT, double\n", "text 4 5"),
        ("page.py", "{LIMIT}", "{double(LIMIT)}", "text 8 5"),
    ]
    with Site(project) as server:
        server.answer("/page/", "text 0")
        for file, old, new, expected in edits:
            mark = server.mark()
            server.edit(file, old, new)
            assert server.origin(mark).endswith(" exchanged"), new
            server.answer("/page/", expected)
        source = server.get("/page/?source").text
        assert source.startswith("def stop():")


@needs_swapping
def test_a_file_that_was_empty(project: Path) -> None:
    """The second edit of a new module of an app would be lost."""
    view = "import blank\nfrom django.http import HttpResponse\n\n\ndef page(request):\n"
    view += "    return HttpResponse(blank.text() if hasattr(blank, 'text') else 'nothing')\n"
    add_view(project, "page", view)
    (project / "blank.py").touch()
    with Site(project) as server:
        server.answer("/page/", "nothing")
        for number in range(3):
            mark = server.mark()
            server.write("blank.py", f"def text():\n    return 'text {number}'\n")
            assert server.get("/page/").text == f"text {number}"
            assert server.origin(mark).endswith(" exchanged")
        mark = server.mark()
        server.write("blank.py", "")
        assert server.get("/page/").text == "nothing"
        assert server.origin(mark).endswith("ready")


@needs_swapping
def test_a_breakpoint_stops_on_the_new_line(project: Path) -> None:
    """A debugger would stop in code that is no longer there."""
    add_view(project, "page", PAGE)
    with Site(project, terminal=True, options=["--nothreading"]) as server:
        server.answer("/page/", "text 0")
        server.edit(
            "page.py", '    raise ValueError("broken 0")', "    breakpoint()\n    x = 'new'"
        )
        server.answer("/page/", "text 0")
        mark = server.mark()
        import threading

        asked = threading.Thread(target=server.get, args=["/page/?broken"])
        asked.start()
        try:
            server.wait_for_output(r"\(Pdb\) ", since=mark)
            assert "x = 'new'" in server.output[mark:] or "breakpoint()" in server.output[mark:]
            server.type_at(r"\(Pdb\) ", "c\n", mark)
        finally:
            asked.join()


TUNED = """
from django.http import HttpResponse

LEVEL = 0
NEXT = LEVEL + 1


def page(request):
    return HttpResponse(f"level {LEVEL}")
"""


@needs_swapping
def test_what_was_refused_is_not_tried_again(project: Path) -> None:
    """Each edit of a value that the start reads would wait for a process that refuses it."""
    add_view(project, "page", TUNED)
    with Site(project) as server:
        server.answer("/page/", "level 0")

        def edited(old: str, new: str) -> tuple[str, str, str]:
            """Edit; what the reload was made from, the stages of its way, and all that is said."""
            mark = server.mark()
            server.edit("page.py", old, new)
            line = server.wait_for_output(r"from (.+); event (.+)", since=mark)
            return line[1], line[2], server.output[mark:]

        origin, way, said = edited("LEVEL = 0", "LEVEL = 1")
        assert "exchanged" not in origin
        assert "compiled" in way
        assert "LEVEL of page was read while starting" in said
        origin, way, said = edited("LEVEL = 1", "LEVEL = 2")
        assert "exchanged" not in origin
        assert "compiled" not in way
        assert "LEVEL of page was read while starting" in said
        server.answer("/page/", "level 2")
        # Now nothing reads it, which is found out although it was refused.
        edited("NEXT = LEVEL + 1", "NEXT = 1")
        origin, _, _ = edited("LEVEL = 2", "LEVEL = 3")
        assert "exchanged" in origin
        server.answer("/page/", "level 3")
