"""The newest history of published packages, saved hunk by hunk under a running server.

    python benchmarks/replay.py --projects wagtail,oscar,rest --output benchmarks/results/replay

See ``README.md`` beside this file for what is done and counted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import hunks
import replay_report
import replay_sites
from checkpoints.test_exactness import differences
from django_autoreload_plus import status
from harness import DevServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness import Response

#: Longest wait for a decision, in seconds.
PATIENCE = 90.0
READY = "ready"
#: What became of a hunk that was not saved, or has no way.
INVALID, NOT_LOADED, BROKEN, LOST = "invalid", "not loaded", "broken", "lost"


@dataclass
class Outcome:
    """What became of one hunk."""

    path: str
    line: int
    kind: str
    kinds: list[str]
    #: ``swap``, ``copy``, ``start``, ``taken``; or why there is no way.
    way: str
    origin: str | None = None
    milliseconds: float = 0.0
    reasons: list[dict[str, str]] = field(default_factory=list)
    #: The status of the answer of the package's own page.
    answer: int = 0
    #: Functions that run other code than the disk holds.
    stale: list[str] = field(default_factory=list)
    #: Where the state differs from that of a fresh start; None: not compared.
    differences: list[str] | None = None


class Server:
    """A site under the reloader, asked over its status interface."""

    def __init__(self, site: replay_sites.ReplaySite, code: Path) -> None:
        """``code``: the checkout whose package is to be measured."""
        command = (site.python, "manage.py", "runserver", "{address}", "--skip-checks")
        env = {"PYTHONPATH": str(code), "PYTHONHASHSEED": "0"}
        self._server = DevServer(site.site, command=command, env=env)
        self._server.prints_at_end = False
        self._page = site.subject.page

    @contextlib.contextmanager
    def running(self) -> Iterator[bool]:
        """Start it and wait for what becomes of the start: whether it is live."""
        with self._server:
            wait_until(lambda: self._answers() or "Error" in self._server.output, "an answer")
            yield self.status(wait=True)["state"] == "live"

    def status(self, *, wait: bool = False) -> dict[str, Any]:
        """The answer of the running command. Raises :class:`status.StatusError`."""
        places = status.find([str(self._server.root)], self._server.pid)
        found: dict[str, Any] = status.ask(places, PATIENCE if wait else None)[0]
        return found

    def await_copies(self) -> None:
        """Return when the copy is there from which functions can be exchanged."""

        def is_there() -> bool:
            return READY in {copy["name"] for copy in self.status(wait=True)["copies"]}

        wait_until(is_there, f"the copy {READY}")

    def page(self) -> Response:
        """The page that the package answers."""
        return self._server.get(self._page, timeout=PATIENCE)

    def code(self, path: Path) -> dict[str, Any]:
        """What functions of this file run."""
        found: dict[str, Any] = json.loads(self._get("code", path).text)
        return found

    def state(self, path: Path) -> dict[str, Any]:
        """Everything by which the process could be told from another."""
        text = self._get("state", path).text.replace(str(self._server.port), "PORT")
        found: dict[str, Any] = json.loads(text)
        return found

    def _get(self, view: str, path: Path) -> Response:
        answer = self._server.get(f"/replay/{view}/?path={path}", timeout=PATIENCE)
        if answer.status != 200:
            raise AssertionError(f"/replay/{view}/ of {path} fails: {answer.text[:2000]}")
        return answer

    def _answers(self) -> bool:
        try:
            self.status()
        except status.StatusError:
            return False
        return True


class Replay:
    """The hunks of one subject under one version of the reloader."""

    def __init__(self, site: replay_sites.ReplaySite, code: Path, share: float, seed: int) -> None:
        """``share`` of the hunks are compared with a fresh start."""
        self._site = site
        self._code = code
        self._share = share
        self._seed = seed
        self._noise: set[str] = set()

    def run(self, wanted: Sequence[hunks.Hunk]) -> Iterator[Outcome]:
        """Save each hunk and take it back."""
        waiting = [*wanted]
        while waiting:
            server = Server(self._site, self._code)
            try:
                with server.running() as is_live:
                    assert is_live, "the site does not start"
                    server.page()
                    self._learn_noise(server)
                    while waiting:
                        yield self._one(server, waiting.pop(0))
            except (AssertionError, OSError, status.StatusError) as error:
                print(f"started again: {str(error)[-1500:]}", file=sys.stderr)

    def _one(self, server: Server, hunk: hunks.Hunk) -> Outcome:
        found = Outcome(hunk.path, hunk.line, "", [], INVALID)
        if not hunk.is_valid():
            return found
        found.kind, found.kinds = hunk.kind(), sorted(hunk.kinds(), key=hunks.KINDS.index)
        path = self._site.site / hunk.path
        before = server.code(path)
        if not before["loaded"]:
            found.way = NOT_LOADED
            return found
        found.way = LOST
        try:
            server.await_copies()
            self._save(server, path, hunk.new, found)
            if found.way not in {BROKEN, LOST, NOT_LOADED}:
                found.answer = server.page().status
                found.stale = sorted({*server.code(path)["stale"]} - {*before["stale"]})
                # The same ones whenever a run goes on.
                chance = random.Random(f"{self._seed} {hunk.path} {hunk.line}")
                if chance.random() < self._share:
                    found.differences = self._compare(server, path)
        finally:
            path.write_text(hunk.old, encoding="utf-8")
        server.status(wait=True)
        return found

    def _save(self, server: Server, path: Path, text: str, found: Outcome) -> None:
        known = {reload["time"] for reload in server.status()["reloads"]}
        path.write_text(text, encoding="utf-8")
        reloads = server.status(wait=True)["reloads"]
        new = [one for one in reloads if one["time"] not in known and str(path) in one["files"]]
        if not new:
            return
        last = new[-1]
        found.way = last["way"] if last["outcome"] == "live" else last["outcome"]
        found.origin, found.milliseconds = last["from"], last["milliseconds"]
        found.reasons = [{"code": one["code"], "text": one["text"]} for one in last["reasons"]]

    def _learn_noise(self, server: Server) -> None:
        """Where two fresh starts on the same files differ."""
        if self._share and not self._noise:
            path = self._site.site / f"{replay_sites.URLCONF}.py"
            found = self._compare(server, path)
            self._noise = {_place(one) for one in found}
            print("two fresh starts differ:", *found, sep="\n    ", flush=True)

    def _compare(self, server: Server, path: Path) -> list[str]:
        """Where the state of the server differs from that of a fresh start."""
        here = server.state(path)
        fresh = Server(self._site, self._code)
        with fresh.running() as is_live:
            if not is_live:
                return ["a fresh start fails"]
            fresh.page()
            fresh.code(path)
            there = fresh.state(path)
        found = differences(there, here)
        return [one[:600] for one in found if _place(one) not in self._noise]


def _place(difference: str) -> str:
    return difference.partition(": ")[0]


@contextlib.contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """A folder with the package of an older commit."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["git", "-C", str(HERE.parent), "archive", revision, "django_autoreload_plus"]
        data = subprocess.run(command, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder).resolve()


def drawn(site: replay_sites.ReplaySite, options: argparse.Namespace) -> list[hunks.Hunk]:
    """The hunks of a subject in random order; more of them begin with the same ones."""
    found = [
        hunk
        for package in site.subject.packages
        for hunk in hunks.between(site.older, site.newer, package)
    ]
    random.Random(options.seed).shuffle(found)
    return found[: options.most or len(found)]


def replay(
    site: replay_sites.ReplaySite, code: Path, options: argparse.Namespace, result: dict[str, Any]
) -> Iterator[None]:
    """Add the outcomes that a result is without, one by one, saying how it goes."""
    site.restore()
    known = {(hunk["path"], hunk["line"]) for hunk in result["hunks"]}
    wanted = [one for one in drawn(site, options) if (one.path, one.line) not in known]
    for outcome in Replay(site, code, options.compare, options.seed).run(wanted):
        result["hunks"].append(asdict(outcome))
        codes = " ".join(reason["code"] for reason in outcome.reasons)
        print(
            f"{len(result['hunks'])} {outcome.path}:{outcome.line} {outcome.kind} ·"
            f" {outcome.way} {outcome.milliseconds:.0f} ms {codes}"
            + "".join(f"\n    STALE {name}" for name in outcome.stale)
            + "".join(f"\n    DIFFERS {text}" for text in outcome.differences or ()),
            flush=True,
        )
        yield


def _commit(revision: str) -> str:
    command = ["git", "-C", str(HERE.parent), "rev-parse", "--short", revision]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Results:
    """All outcomes, kept in a file; what is there is not replayed again."""

    def __init__(self, path: Path | None) -> None:
        """``path`` without its ending; None: nothing is kept."""
        self._path = path
        is_there = path is not None and path.with_suffix(".json").exists()
        text = path.with_suffix(".json").read_text("utf-8") if path and is_there else "[]"
        self._known: list[dict[str, Any]] = json.loads(text)
        self.shown: list[dict[str, Any]] = []

    def of(self, project: str, version: str) -> dict[str, Any]:
        """The result of a project under a version, to be completed."""
        key = {"project": project, "version": version}
        same = [one for one in self._known if key.items() <= one.items()]
        about = {"time": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
        self.shown.append(same[0] if same else {**key, **about, "hunks": []})
        return self.shown[-1]

    def keep(self) -> None:
        """Write down what there is."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            others = [one for one in self._known if one not in self.shown]
            text = json.dumps([*self.shown, *others], indent=1)
            self._path.with_suffix(".json").write_text(text, encoding="utf-8")
            table = replay_report.table(self.shown)
            self._path.with_suffix(".md").write_text(table, encoding="utf-8")


def run(options: argparse.Namespace) -> None:
    """Replay all subjects. Raises :class:`subprocess.CalledProcessError`."""
    results = Results(options.output)
    for name in options.projects.split(","):
        site = replay_sites.create(name, options.directory)
        subject = site.subject
        project = f"{subject.distribution} {subject.older} to {subject.newer}"
        for revision in filter(None, (options.against, "" if options.only_against else "HEAD")):
            result = results.of(project, _commit(revision))
            is_here = revision == "HEAD"
            with contextlib.nullcontext(HERE.parent) if is_here else checkout(revision) as code:
                for _ in replay(site, code, options, result):
                    results.keep()
    results.keep()
    print(replay_report.table(results.shown))


def main() -> None:
    """Replay, and write a table and every single outcome."""
    parser = argparse.ArgumentParser(description="Replay the history of packages.")
    parser.add_argument("--projects", default=",".join(replay_sites.SUBJECTS))
    parser.add_argument(
        "--directory", type=Path, default=Path(tempfile.gettempdir()) / "autoreload-replay"
    )
    parser.add_argument("--against", metavar="REV", help="a commit of this package to set beside")
    parser.add_argument("--only-against", action="store_true", help="replay that commit alone")
    parser.add_argument("--most", type=int, default=0, help="hunks a project, drawn; 0: all")
    parser.add_argument("--compare", type=float, default=0.05, help="share compared with a start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, help="NAME.md and NAME.json; what is there is not replayed again"
    )
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Whoever ends this ends the servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(options)


if __name__ == "__main__":
    main()
