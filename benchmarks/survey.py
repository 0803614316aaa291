"""What the rules of swaps say about every hunk, without a server.

    python benchmarks/survey.py --projects rest,cms --output benchmarks/results/survey

Starts each site of ``replay_sites.py`` once, recorded as under the reloader, and prepares every
hunk in a fork of it. That takes seconds where ``replay.py`` takes minutes. With ``--alone`` the
site is started afresh with each hunk that was refused, to tell those that cannot start alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import hunks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import replay_sites

SWAP, REFUSED, NOT_LOADED, INVALID = "swap", "refused", "not loaded", "invalid"
BROKEN = "broken"


def survey(root: Path, packages: list[str]) -> Iterator[dict[str, Any]]:
    """In the site's own interpreter: start it, and prepare each hunk."""
    from django_autoreload_plus.supervisor.swaps import order
    from django_autoreload_plus.swap.compare import Refusal
    from django_autoreload_plus.swap.plan import plan
    from django_autoreload_plus.swap.swapper import Swapper

    site = root / "site"
    _enter(site)
    listeners: dict[str, Any] = {}
    swapper = Swapper(listeners, (), lambda _question: b"")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in listeners:
            listeners[event](arguments)

    hook.__cantrace__ = True  # type: ignore[attr-defined]
    swapper.start()
    sys.addaudithook(hook)
    _start_django()
    swapper.load()
    swapper.build_index()

    def outcome(path: str, hunk: hunks.Hunk) -> list[str]:
        old, new = (
            (text.encode(), compile(text, path, "exec", dont_inherit=True))
            for text in (hunk.old, hunk.new)
        )
        found = plan(path, old, new)
        if isinstance(found, Refusal):
            return [found.reason.code, found.reason.text]
        reason = swapper.apply([order(path, found)])
        return [reason.code, reason.text] if reason else []

    loaded = {getattr(getattr(one, "__spec__", None), "origin", None) for one in _modules()}
    for package in packages:
        for hunk in hunks.between(root / "older", root / "newer", package):
            path = str(site / hunk.path)
            told: dict[str, Any] = {"path": hunk.path, "line": hunk.line, "way": INVALID}
            if hunk.is_valid():
                told |= {"kind": hunk.kind(), "way": NOT_LOADED}
                if path in loaded:
                    reason = _in_a_fork(lambda p=path, h=hunk: outcome(p, h))
                    told |= {"way": REFUSED if reason else SWAP, "reason": reason}
            yield told


def mark_broken(site: replay_sites.ReplaySite, found: list[dict[str, Any]]) -> None:
    """Start the site with each hunk that was refused, and note those with which it fails."""
    refused = {(one["path"], one["line"]): one for one in found if one["way"] == REFUSED}
    site.restore()
    for package in site.subject.packages:
        for hunk in hunks.between(site.older, site.newer, package):
            one = refused.get((hunk.path, hunk.line))
            if one is not None and not _starts(site, hunk):
                one["way"] = BROKEN


def _starts(site: replay_sites.ReplaySite, hunk: hunks.Hunk) -> bool:
    path = site.site / hunk.path
    # Bytecode counts as valid by the second of the source's time: none is kept.
    command = [site.python, "-B", __file__, "--start", str(site.root)]
    env = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    path.write_text(hunk.new, encoding="utf-8")
    try:
        return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0
    finally:
        path.write_text(hunk.old, encoding="utf-8")


def _enter(site: Path) -> None:
    os.chdir(site)
    sys.path.insert(0, str(site))


def _modules() -> list[object]:
    return [*sys.modules.values()]


def _start_django() -> None:
    """Load what runserver has loaded when it is ready."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
    import django

    django.setup()
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver

    get_wsgi_application()
    assert get_resolver().url_patterns


def _in_a_fork(answer: Any) -> list[str]:
    """What a function answers that changes the process."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            found = answer()
        except BaseException:  # noqa: BLE001 - shown with the others
            found = ["error", traceback.format_exc()[-500:]]
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    found = json.loads(text)
    assert isinstance(found, list)
    return found


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Shares and codes as Markdown."""
    lines = [
        "| project | hunks of loaded files | not alone | others exchanged | refused, by code |",
        "|---|---:|---:|---:|---|",
    ]
    for project, found in results.items():
        taken = [one for one in found if one["way"] in {SWAP, REFUSED}]
        swapped = sum(one["way"] == SWAP for one in taken)
        broken = sum(one["way"] == BROKEN for one in found)
        codes = Counter(one["reason"][0] for one in taken if one["way"] == REFUSED)
        refused = ", ".join(f"{code} {count}" for code, count in codes.most_common())
        share = f"{swapped} ({100 * swapped / max(1, len(taken)):.0f} %)"
        lines.append(f"| {project} | {len(taken) + broken} | {broken} | {share} | {refused} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Survey the projects named on the command line."""
    parser = argparse.ArgumentParser(description="Apply the rules of swaps to every hunk.")
    parser.add_argument("--projects", default="wagtail,oscar,rest,cms,allauth")
    parser.add_argument(
        "--directory", type=Path, default=Path(tempfile.gettempdir()) / "autoreload-replay"
    )
    parser.add_argument("--output", type=Path, help="for NAME.md and NAME.json")
    parser.add_argument("--alone", action="store_true", help="tell which hunks cannot start alone")
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        _enter(options.start / "site")
        _start_django()
        return
    if options.inside:
        root, *packages = options.inside
        print("\n", json.dumps([*survey(Path(root), packages)]))
        return
    import replay_sites

    results = {}
    for name in options.projects.split(","):
        site = replay_sites.create(name, options.directory)
        command = [site.python, __file__, "--inside", str(site.root), *site.subject.packages]
        env = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        if options.alone:
            mark_broken(site, found)
        results[f"{name} {site.subject.older} to {site.subject.newer}"] = found
        if options.output:
            options.output.with_suffix(".json").write_text(json.dumps(results, indent=1))
            options.output.with_suffix(".md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
