"""The page of the report, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser import open_browser
from django_autoreload_plus.protocol.measured import Point
from django_autoreload_plus.protocol.reasons import Reason
from django_autoreload_plus.records import replace
from django_autoreload_plus.report.advice import advice
from django_autoreload_plus.report.analysis import Candidate, EditCost, Module, Report
from django_autoreload_plus.report.page import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from browser import Browser

NASTY = "</script><script>document.title = 'broken'</script>"
FOCUSED = "return document.activeElement.getAttribute('aria-label') || '';"


def module(name: str, begin: float, end: float, parent: int, depth: int, **more: str) -> Module:
    """Return an import of which half the time is its own."""
    return Module(
        name=name,
        kind=more.get("kind", "library"),
        begin=begin,
        end=end,
        own_time=(end - begin) / 2,
        parent=parent,
        depth=depth,
        path=f"/srv/site/{name}.py",
        importer=more.get("importer", "/srv/site/manage.py"),
        line=7,
        failed=False,
    )


REPORT = Report(
    command=("manage.py", "runserver"),
    folder="/srv/site",
    python="CPython 3.13.0",
    boot=0.1,
    total=1.0,
    modules=(
        module("settings", 0.0, 0.4, -1, 0, kind="own"),
        module("pandas", 0.1, 0.35, 0, 1, importer="/srv/site/settings.py"),
        module("numpy", 0.2, 0.3, 1, 2, importer="/srv/pandas/init.py"),
        module("urls", 0.5, 0.9, -1, 0, kind="own"),
        module(NASTY, 0.6, 0.8, 3, 1, kind="missing"),
    ),
    stops=(
        Point("settings", 0.0),
        Point("apps", 0.45),
        Point("ready", 1.0, Reason("AP206", "a second thread is running")),
    ),
    edits=(EditCost("/srv/site/settings.py", "settings", "settings", 1.0, 0.9),),
    no_swaps="",
    candidates=(Candidate("pandas", 0.25),),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one browser for all tests of this file."""
    with open_browser() as started:
        yield started


@pytest.fixture
def shown(browser: Browser, tmp_path: Path) -> Browser:
    """Return the browser with the page open."""
    (tmp_path / "report.html").write_text(
        page(replace(REPORT, advice=tuple(advice(REPORT)))), encoding="utf-8"
    )
    browser.resize(1000, 800)
    browser.prefer("light")
    browser.goto(f"file://{tmp_path}/report.html")
    browser.wait_text("settings", "#icicle")
    return browser


def press(browser: Browser, key: str) -> None:
    """Press a key where the focus is."""
    browser.script(
        "document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true, cancelable: true}));",
        key,
    )
    if key == "Enter":
        browser.script("document.activeElement.click();")


def bars(browser: Browser) -> list[str]:
    """Return the names of the bars that are drawn."""
    code = "return [...document.querySelectorAll('#icicle button')].map(b => b.ariaLabel);"
    return [str(label).partition(":")[0] for label in browser.script(code)]


def test_everything_is_told(shown: Browser) -> None:
    """What is measured and not shown has been measured for nothing."""
    text = shown.text("main")
    assert "5 modules in 1.00 s" not in text  # one of them gave no module
    assert "4 modules in 1.00 s" in text
    assert "The settings import pandas" in text
    assert "a second thread is running (AP206)" in text
    assert "settings.py" in shown.text(".tall")
    assert shown.script("return document.querySelectorAll('#slowest tbody tr').length;") == 5
    assert shown.text("#flags").split() == ["settings", "apps", "ready"]


def test_the_page_needs_and_believes_nothing_else(shown: Browser) -> None:
    """It is sent around, and opened without a network; names come from anywhere."""
    assert shown.title == "Where start-up time goes: /srv/site"
    assert shown.script("return performance.getEntriesByType('resource').length;") == 0
    assert NASTY in bars(shown)


def test_the_chart_by_keyboard(shown: Browser) -> None:
    """Not everybody has a mouse."""
    shown.script("document.querySelector('#icicle [tabindex=\"0\"]').focus();")
    assert shown.script(FOCUSED).startswith("manage.py runserver")
    press(shown, "ArrowDown")
    assert shown.script(FOCUSED).startswith("settings")
    press(shown, "ArrowRight")
    assert shown.script(FOCUSED).startswith("urls")
    press(shown, "ArrowLeft")
    press(shown, "ArrowDown")
    assert shown.script(FOCUSED).startswith("pandas: 250 ms, alone 125 ms")
    assert "imported by settings.py:7" in shown.text("#detail")
    press(shown, "Enter")
    assert sorted(bars(shown)) == ["manage.py runserver", "numpy", "pandas", "settings"]
    press(shown, "Escape")
    press(shown, "Escape")
    assert len(bars(shown)) == 6


def test_a_name_in_the_table_leads_to_the_chart(shown: Browser) -> None:
    """To find a module among thousands by eye takes long."""
    code = "return document.querySelector('#slowest tbody tr:nth-child(1) button').textContent;"
    assert shown.script(code) == "settings"
    shown.click("#slowest th:nth-child(1) button")
    assert shown.text("#slowest tbody tr:nth-child(2)").startswith("numpy")
    shown.click("#slowest tbody tr:nth-child(2) button")
    assert shown.script(FOCUSED).startswith("numpy")
    assert len(bars(shown)) == 4
    shown.click("#out")
    assert len(bars(shown)) == 6


def test_what_is_looked_for_stands_out(shown: Browser) -> None:
    """As above."""
    shown.script(
        "const e = document.getElementById('find'); e.value = 'PAND';"
        "e.dispatchEvent(new Event('input'));"
    )
    assert shown.text("#found") == "1 found, alone 125 ms"
    assert shown.text("#icicle .hit") == "pandas"


def test_dark_and_narrow(shown: Browser) -> None:
    """A page that glares at night, or runs out of a phone, is not read."""
    colour = "return getComputedStyle(document.body).backgroundColor;"
    light = shown.script(colour)
    shown.prefer("dark")
    shown.wait(lambda page: page.script(colour) != light, "dark colours")
    shown.resize(390, 800, mobile=True)
    shown.wait(
        lambda page: page.script("return document.documentElement.scrollWidth <= innerWidth;"),
        "a page that is no wider than the phone",
    )
