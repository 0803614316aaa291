"""A resumed process is the one that a fresh start would have made."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checkpoints.places import Site, add_settings, add_state_view
from harness import copy_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from projects import Project

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


@pytest.fixture
def site(project: Path) -> Path:
    """Return the test project with slow modules, of which each follows an even-distance copy."""
    add_state_view(project, project / "config/urls.py")
    for stop in STOPS:
        (project / f"slow_{stop}.py").write_text(SLOW, encoding="utf-8")
        (project / f"after_{stop}.py").write_text("VALUE = 0\n", encoding="utf-8")
    wanted = {"CHECKS": "before", "CHECKPOINT_LIMIT": 50}
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
            yield f"{path}: names {sorted(one.keys() ^ two.keys())} or their order"
        for key in one.keys() & two.keys():
            yield from differences(one[key], two[key], f"{path}/{key}")
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for index, (left, right) in enumerate(zip(one, two, strict=True)):
            yield from differences(left, right, f"{path}/{index}")
    elif one != two and not (isinstance(one, str) and OWN.match(one)):
        yield f"{path}: {one!r} != {two!r}"


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


def compare(server: Site, edits: Iterable[tuple[Path, str]]) -> set[str]:
    """Make the edits one by one; what the reloads were resumed from, all in the same state."""
    fresh = state(server)
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
ORIGINS = {
    "settings",
    "before config.env",
    "before config.settings",
    "at after_early",
    "at after_middle",
    "at after_late",
    "setup",
    "before config.urls",
    "before teas.views",
    "ready, function bodies exchanged",
}


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
    with Site(site) as server:
        origins = compare(server, [*edits, (views, body), (views, text)])
    expected = ORIGINS if sys.version_info >= (3, 12) else {o for o in ORIGINS if "ready" not in o}
    assert expected <= origins


#: A directory with the projects of ``benchmarks/projects.py``, so that they are made only once.
PROJECTS = "AUTORELOAD_PLUS_TEST_PROJECTS"
BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"


@pytest.fixture
def wagtail_project(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Return a Wagtail site with a virtual environment of its own."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import projects

    directory = os.environ.get(PROJECTS) or tmp_path_factory.mktemp("projects")
    try:
        return projects.create("wagtail", Path(directory))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"Wagtail cannot be installed here: {error}")


@pytest.mark.timeout(900)
def test_a_large_project_is_resumed_exactly(wagtail_project: Project, tmp_path: Path) -> None:
    """What holds for a small demo would fail on the projects that need a fast reload."""
    root = copy_project(tmp_path / "site", Path(wagtail_project.site))
    add_state_view(root, root / wagtail_project.urlconf_path.relative_to(wagtail_project.site))
    # A copy of Wagtail in front of the installed one: the files that are edited.
    installed = next(Path(wagtail_project.python).parent.parent.glob("lib/*/site-packages"))
    ignore = shutil.ignore_patterns("static", "locale", "tests", "test", "__pycache__")
    shutil.copytree(installed / "wagtail", root / "wagtail", ignore=ignore)
    command = (wagtail_project.python, "manage.py", "runserver", "{address}")
    options = ("--settings=probe_settings",)
    settings = {"CHECKS": "before", "CHECKPOINT_LIMIT": 12}
    env = {
        "PROBE_RELOADER": "plus",
        "PROBE_AUTORELOAD_PLUS": json.dumps(settings),
        "DJANGO_SETTINGS_MODULE": "probe_settings",
    }
    with Site(root, command=(*command, *options), env=env) as server:
        loaded = state(server)["modules"]
        own = [name for name in loaded if (root / f"{name.replace('.', '/')}.py").exists()]
        step = len(own) // 12
        files = [root / f"{name.replace('.', '/')}.py" for name in own[step // 2 :: step]]
        edits = [(path, text) for path in files for text in edits_of(path.read_text("utf-8"))]
        origins = compare(server, edits)
    assert len(origins) > 10, origins
