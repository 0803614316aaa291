"""The garbage collector is paused while a program starts, and nobody can tell afterwards."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints.places import Site, add_settings, add_view

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="it is never paused there"
)

#: Enough for several passes of a collector that runs.
NOTED = """
import gc
from gc import get_threshold as kept_function
BEFORE = [item["collections"] for item in gc.get_stats()]
LISTS = [[] for _ in range(20_000)]
PASSES = BEFORE != [item["collections"] for item in gc.get_stats()]
del LISTS
NOTED = [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), PASSES]
"""
VIEW = """
import gc
from django.conf import settings
from django.http import JsonResponse

def collector(request):
    kept = settings.KEPT()
    return JsonResponse({
        "starting": settings.NOTED,
        "now": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()],
        "function": [type(gc.get_threshold).__name__, list(kept) == list(gc.get_threshold())],
        "young": gc.get_count()[0] < 100_000,
        "mark": 0,
    })
"""


def ask(site: Site, mark: str) -> dict[str, Any]:
    """Return what the view says once it shows the mark."""
    shown: dict[str, Any] = json.loads(site.answer("/collector/", f'"mark": {mark}}}').text)
    del shown["mark"]
    return shown


def test_rests_while_a_program_starts(project: Path) -> None:
    """A start would take a fifth longer, or leave a process that collects at other times."""
    add_settings(project, f"{NOTED}\nKEPT = staticmethod(kept_function).__func__\n")
    add_view(project, "collector", VIEW)
    settings, view = project / "config/settings.py", project / "collector.py"
    usual = list(gc.get_threshold())
    expected = {
        "starting": [True, usual, gc.get_freeze_count(), False],
        "now": [True, usual, gc.get_freeze_count()],
        "function": ["builtin_function_or_method", True],
        "young": True,
    }
    with Site(project) as site:
        assert ask(site, "0") == expected
        text = view.read_text(encoding="utf-8")
        mark = site.mark()
        view.write_text(text.replace('"mark": 0', '"mark": 1'), encoding="utf-8")
        assert ask(site, "1") == expected
        assert "exchanged" in site.origin(mark) or sys.version_info < (3, 12)
        mark = site.mark()
        view.write_text(text.replace('"mark": 0', '"mark": 2') + "\nA = 1\n", encoding="utf-8")
        assert ask(site, "2") == expected
        site.origin(mark)
        # What the program sets is kept.
        text = settings.read_text(encoding="utf-8")
        mark = site.mark()
        settings.write_text(f"{text}\ngc.disable()\ngc.freeze()\n", encoding="utf-8")
        site.origin(mark)
        is_enabled, thresholds, frozen = ask(site, "2")["now"]
        assert (is_enabled, thresholds, frozen > 10_000) == (False, usual, True)
        mark = site.mark()
        settings.write_text(f"{text}\ngc.set_threshold(901, 7)\n", encoding="utf-8")
        site.origin(mark)
        assert ask(site, "2")["now"][:2] == [True, [901, 7, *usual[2:]]]
