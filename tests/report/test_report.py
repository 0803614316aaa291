"""``manage.py autoreload_report``, as a developer calls it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from command.sites import make_site, manage
from django_autoreload_plus.protocol.measured import Point
from django_autoreload_plus.records import replace
from django_autoreload_plus.report.advice import advice
from harness import CAN_SWAP, DEADLINE, NOT_INHERITED, write_file
from report.test_page import REPORT

if TYPE_CHECKING:
    from pathlib import Path

#: Long enough to stand out of a small site's start.
SLOW = "import time\ntime.sleep(0.2)\n"
#: A part of the processor's time, which is a part of the whole start on a busy machine, too.
HEAVY = """
import time
end = time.process_time() + 0.6
while time.process_time() < end:
    pass
"""
NESTED = {
    "site_urls.py": "import shop.outer\nurlpatterns = []\n",
    "shop/outer.py": "import shop.first\nx = 1\nfrom shop import second\n",
    "shop/first.py": f"{SLOW}try:\n    import shop_missing\nexcept ImportError:\n    pass\n",
    "shop/second.py": "",
}


def report(
    root: Path, *options: str, libraries: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    if libraries is not None:
        env["PYTHONPATH"] = str(libraries)
    return subprocess.run(
        manage("autoreload_report", *options),
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE,
        check=False,
    )


def data(root: Path, libraries: Path | None = None) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    done = report(root, "--json", libraries=libraries)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_imports_are_nested_as_they_happened(tmp_path: Path) -> None:
    """A module would be blamed for the time of another."""
    found = data(make_site(tmp_path / "site", NESTED))
    modules = {one["name"]: one for one in found["modules"]}
    outer, first, second = (modules[f"shop.{name}"] for name in ("outer", "first", "second"))
    assert found["modules"][first["parent"]] == outer == found["modules"][second["parent"]]
    assert outer["begin"] <= first["begin"] < first["end"] <= second["begin"] <= outer["end"]
    assert first["own_time"] >= 0.2
    alone = outer["time"] - first["time"] - second["time"]
    assert outer["own_time"] == pytest.approx(alone)
    assert (first["importer"], first["line"]) == (outer["path"], 1)
    assert (second["importer"], second["line"]) == (outer["path"], 3)
    assert outer["importer"] == str(tmp_path / "site" / "site_urls.py")
    missing = modules["shop_missing"]
    assert (missing["kind"], missing["failed"]) == ("missing", True)
    assert [modules[name]["kind"] for name in ("shop.first", "django.urls")] == ["own", "library"]
    # What is imported to take a copy is in no time: more would be in imports than there was.
    assert "django_autoreload_plus.swap.apply" not in modules
    assert found["outside"] >= 0


def test_an_edit_costs_what_follows_the_copy_before_it(tmp_path: Path) -> None:
    """The page would send people after files whose edits are cheap."""
    found = data(make_site(tmp_path / "site", NESTED))
    stops = {stop["label"]: stop["at"] for stop in found["stops"]}
    assert next(iter(stops)) == "settings"
    assert list(stops)[-1] == "ready"
    assert not any(stop["reason"] for stop in found["stops"])
    edits = {os.path.relpath(edit["path"], tmp_path / "site"): edit for edit in found["edits"]}
    whole, settings, last = (
        edits[name] for name in ("manage.py", "site_settings.py", "shop/second.py")
    )
    assert whole["copy"] == "a complete start"
    assert whole["first"] == pytest.approx(found["boot"] + found["total"])
    # On a slow machine there may be another copy just before them.
    assert settings["copy"] in ("settings", "at site_settings")
    assert settings["first"] == pytest.approx(found["total"] - stops[settings["copy"]])
    # The module before it took long: the second time a copy stands behind that.
    assert last["again"] + 0.2 <= settings["again"] <= settings["first"]
    assert last["first"] < settings["first"]


def test_what_is_heavy_is_named(tmp_path: Path) -> None:
    """The figures alone do not say what to do."""
    libraries = tmp_path / "site-packages"
    write_file(libraries / "heavy.py", HEAVY)
    # It cannot be imported before the settings are there.
    needs = f"{SLOW}from django.conf import settings\nsettings.DEBUG\n"
    write_file(libraries / "needy.py", needs)
    root = make_site(
        tmp_path / "site", {"shop/apps_late.py": ""}, settings="import heavy, shop.apps_late\n"
    )
    write_file(root / "shop/views.py", "import needy\npage = slow = stream = template = None\n")
    write_file(root / "site_urls.py", "import shop.views\nurlpatterns = []\n")
    found = data(root, libraries)
    saved = {one["name"]: one["saves"] for one in found["candidates"]}
    assert saved["heavy"] >= 0.6
    assert "needy" not in saved
    texts = {one["title"]: one["text"] for one in found["advice"]}
    assert "site_settings.py:" in texts["The settings import heavy"]
    assert '"heavy"' in texts["Libraries that could be imported first"]


def test_a_copy_amid_the_settings_is_not_their_end() -> None:
    """What slow settings import after their first tenth of a second would not be named."""
    stops = [*REPORT.stops[:1], Point("at helpers", 0.05), *REPORT.stops[1:]]
    titles = [one.title for one in advice(replace(REPORT, stops=tuple(stops)))]
    assert "The settings import pandas" in titles


def test_a_start_that_cannot_be_copied_is_told_with_its_reason(tmp_path: Path) -> None:
    """Edits would be slow for a reason that nobody names."""
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True)"
    found = data(make_site(tmp_path / "site", {"shop/__init__.py": f"{thread}.start()\n"}))
    refused = [stop for stop in found["stops"] if stop["reason"]]
    assert refused[0]["reason"]["code"] == "AP206"
    code = "AP206" if CAN_SWAP else "AP140"
    assert found["no_swaps"].endswith(f"({code})")
    assert found["advice"][0]["title"] == "No copies from some point on"


def test_the_text_and_the_page(tmp_path: Path) -> None:
    """A terminal is enough to see where the time goes; the page needs no other file."""
    root = make_site(tmp_path / "site", NESTED)
    done = report(root, "--output", "page.html")
    assert done.returncode == 0, done.stderr
    assert "slowest imports" in done.stdout
    assert "shop.first" in done.stdout
    assert str(root / "page.html") in done.stdout
    page = (root / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "src=" not in page.replace("default-src", "")
    assert not list(root.glob("autoreload_report*"))


def test_a_project_that_does_not_start(tmp_path: Path) -> None:
    """Half a report would be taken for a whole one."""
    root = make_site(tmp_path / "site", {"shop/views.py": "1 / 0\n"})
    done = report(root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "The program does not start." in done.stderr
    assert 'shop/views.py", line 1' in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "stopwatch" not in done.stderr
    assert not list(root.glob("*.html"))


def test_what_the_program_prints_and_leaves(tmp_path: Path) -> None:
    """Tools could not read the JSON, and temporary folders would stay for ever."""
    loud = (
        "import tempfile\n"
        "KEPT = tempfile.TemporaryDirectory(dir='.', prefix='kept-')\n"
        "print('hello from the program')\n"
    )
    root = make_site(tmp_path / "site", {"shop/views.py": f"{loud}page = slow = 1\n"})
    write_file(root / "site_urls.py", "import shop.views\nurlpatterns = []\n")
    done = report(root, "--json")
    assert json.loads(done.stdout)["version"] == 1
    assert "hello from the program" in done.stderr
    assert not list(root.glob("kept-*"))


def test_the_options_of_the_framework_are_kept(tmp_path: Path) -> None:
    """Another start than that of the server would be measured."""
    root = make_site(tmp_path / "site")
    write_file(root / "other.py", "from site_settings import *\n")
    done = report(root, "--settings=other", "--json")
    found = json.loads(done.stdout)
    assert found["command"] == ["manage.py", "runserver", "--settings=other"]
    assert "other" in {one["name"] for one in found["modules"]}
