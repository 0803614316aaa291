"""A resumed process is the one that a fresh start would have made."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import django
import pytest

from checkpoints.places import Site, add_settings, add_state_view
from harness import NOT_INHERITED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Fewer seconds of import time than between two copies at even distances.
SLOW = """
import time
END = time.perf_counter() + 0.13
while time.perf_counter() < END:
    pass
del END, time
"""
#: Names whose values are moments and process ids.
OWN = re.compile(
    r"^(IMPORTED_AT|STARTED|_?start(_?time)?|_pid|_last_timestamp|_main_thread_ident|_startTime"
    r"|_counter|_nametowidget|_once_lock_pid|pid|now) = "
)
STOPS = ("early", "middle", "late")
#: Django runs its checks in the order of a set, and each may import something.
UNCHECKED = ("--skip-checks",)


@pytest.fixture
def site(project: Path) -> Path:
    """Return the test project with slow modules, of which each follows an even-distance copy."""
    add_state_view(project, project / "config/urls.py")
    for stop in STOPS:
        (project / f"slow_{stop}.py").write_text(SLOW, encoding="utf-8")
        (project / f"after_{stop}.py").write_text("VALUE = 0\n", encoding="utf-8")
    wanted = {"CHECKS": "before", "CHECKPOINT_LIMIT": 50, "CHECKPOINT_MEMORY": 5000}
    add_settings(project, f"import slow_early\nimport after_early\nAUTORELOAD_PLUS = {wanted}")
    for place, stop in (("teas/models.py", "middle"), ("teas/views.py", "late")):
        path = project / place
        text = path.read_text(encoding="utf-8")
        head = "from __future__ import annotations\n"
        more = f"import slow_{stop}\nimport after_{stop}\n"
        path.write_text(text.replace(head, head + more, 1), encoding="utf-8")
    return project


def differences(one: Any, two: Any, path: str = "") -> Iterator[str]:
    """Yield where two states differ; what only time and process ids explain is left out."""
    if isinstance(one, dict) and isinstance(two, dict):
        if list(one) != list(two):
            yield f"{path}: names {sorted(one.keys() ^ two.keys())} or {first_difference(one, two)}"
        for key in one.keys() & two.keys():
            yield from differences(one[key], two[key], f"{path}/{key}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, f"{path}/{index}")
    elif one != two and not (isinstance(one, str) and OWN.match(one)):
        yield f"{path}: {one!r} != {two!r}"


def first_difference(one: Iterable[str], two: Iterable[str]) -> str:
    """Show where two orders part."""
    found = ((a, b) for a, b in zip(one, two, strict=False) if a != b)
    left, right = next(found, ("the end", "the end"))
    return f"their order: {left}, {right}"


def state(site: Site) -> dict[str, Any]:
    """Ask for the state, and check that chance is not part of it."""
    response = site.wait_for("/state/", lambda response: response.status in (200, 500))
    assert response.status == 200
    shown: dict[str, Any] = json.loads(response.text)
    # The copies keep what was registered before them.
    del shown["interpreter"]["atexit"]
    return shown


def resumed(server: Site, path: Path, content: str) -> tuple[str, dict[str, Any]]:
    """Save a file; what the reload was resumed from, and its state."""
    mark = server.mark()
    path.write_text(content, encoding="utf-8")
    shown = state(server)
    return server.origin(mark), shown


def edits_of(text: str) -> Iterator[str]:
    """Yield an edit of the module level that leaves nothing behind, and its undoing."""
    yield f"{text}\nglobals()\n"
    yield text


def compare(server: Site, fresh: dict[str, Any], edits: Iterable[tuple[Path, str]]) -> set[str]:
    """Make the edits one by one; what the reloads were resumed from, all in the same state.

    ``fresh`` is the answer to the first request of the first start: each process is asked once,
    for who asks leaves something behind.
    """
    chances = [fresh.pop("chance")["random"]]
    wrong, origins = {}, set()
    for path, content in edits:
        origin, shown = resumed(server, path, content)
        chances.append(shown.pop("chance")["random"])
        origins.add(origin)
        if found := list(differences(fresh, shown)):
            wrong[f"{path.name} from {origin}"] = found
    assert not wrong, json.dumps(wrong, indent=1)
    assert len(set(chances)) == len(chances), "two processes share their chance"
    return origins


#: The files that are edited and undone, in an order that uses old copies and new ones.
EDITED = (
    "config/env.py",
    "config/settings.py",
    "after_early.py",
    "teas/apps.py",
    "teas/steeping.py",
    "after_middle.py",
    "config/urls.py",
    "after_late.py",
    "teas/views.py",
)
NAMED = {"settings", "apps", "setup"}
#: Before their imports there are copies for the second edit at the latest.
PLACES = {"config.env", "config.settings", "config.urls", "teas.views"}


def test_every_checkpoint_leads_to_the_state_of_a_fresh_start(site: Path) -> None:
    """Code would behave differently after a reload than after a restart of the command."""
    views = site / "teas/views.py"
    text = views.read_text(encoding="utf-8")
    body = text.replace('f"version {VERSION}"', 'f"another {VERSION}"')
    edits = [
        (site / name, content)
        for name in EDITED
        for content in edits_of((site / name).read_text(encoding="utf-8"))
    ]
    with Site(site, options=UNCHECKED) as server:
        origins = compare(server, state(server), [*edits, (views, body), (views, text)])
    # Which of those at even distances there are, and so which others are used, depends on how
    # fast the machine is: on a slow one each edit meets one of them.
    assert any(origin.startswith("at ") or origin in NAMED for origin in origins)
    assert {re.sub("^(at|before) ", "", origin) for origin in origins} >= PLACES
    if sys.version_info >= (3, 12):
        assert "ready, function bodies exchanged" in origins


def test_code_that_waits_in_memory_is_that_of_a_fresh_start(site: Path) -> None:
    """The next reload, for which a copy has read the code of what it imports, would differ."""
    with Site(site, options=UNCHECKED) as server:
        fresh, mark = state(server), server.mark()
        for name in ("config/settings.py", "teas/views.py", "teas/steeping.py"):
            first, again = edits_of((site / name).read_text(encoding="utf-8"))
            compare(server, dict(fresh), [(site / name, first)])
            if name == "config/settings.py":
                server.wait_for_output("the code of .* modules waits in memory", since=mark)
            compare(server, dict(fresh), [(site / name, again)])
        late = site / "after_late.py"
        late.write_text("VALUE = 1\n", encoding="utf-8")
        settings = site / "config/settings.py"
        settings.write_text(f"{settings.read_text(encoding='utf-8')}\nMORE = 1\n", encoding="utf-8")
        server.wait_for("/state/", lambda r: '"VALUE = 1"' in r.text and '"MORE"' in r.text)


#: So many modules of Wagtail are edited, at even distances of the import sequence.
PARTS = 6


@pytest.fixture
def wagtail_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a new Wagtail site; Wagtail itself lies in it, to be edited."""
    library, site = tmp_path / "library", tmp_path / "site"
    words = ["install", "--quiet", "--no-compile", "--no-warn-conflicts", "--target", str(library)]
    # The command's own Django, and all its dependencies beside it.
    wanted = ["wagtail", f"Django=={django.get_version()}"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, *wanted],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"Wagtail cannot be installed here: {done.stderr[-300:]}")
    known = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(library), known))))
    site.mkdir()
    start = "from wagtail.bin.wagtail import main; main()"
    subprocess.run(
        [sys.executable, "-c", start, "start", "home_page", str(site)], check=True, timeout=300
    )
    (library / "wagtail").rename(site / "wagtail")
    with (site / "home_page/settings/dev.py").open("a", encoding="utf-8") as settings:
        settings.write(
            "\nINSTALLED_APPS = ['django_autoreload_plus', *INSTALLED_APPS]\n"
            "AUTORELOAD_PLUS = {'CHECKS': 'before', 'CHECKPOINT_LIMIT': 12}\n"
        )
    add_state_view(site, site / "home_page/urls.py")
    # Only what is compiled by now is loaded without warnings, and the modules that print them.
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    words = ["manage.py", "check", "--verbosity=0"]
    subprocess.run([sys.executable, *words], cwd=site, env=env, check=True, timeout=300)
    return site


@pytest.mark.timeout(1200)
def test_a_large_project_is_resumed_exactly(wagtail_site: Path) -> None:
    """What holds for a small demo would fail on the projects that need a fast reload."""
    with Site(wagtail_site, options=UNCHECKED) as server:
        fresh = state(server)
        every = [wagtail_site / f"{name.replace('.', '/')}.py" for name in fresh["modules"]]
        own = [path for path in every if path.exists() and path.parts[-2] != "home_page"]
        step = len(own) // PARTS
        files = own[step // 2 :: step]
        edits = [(path, text) for path in files for text in edits_of(path.read_text("utf-8"))]
        origins = compare(server, fresh, edits)
    assert len(origins) > PARTS / 2, origins
