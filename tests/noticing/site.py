"""A real server on a project that is edited, and what it says about the edits."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

from harness import DevServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: Each line that the reloader prints, without the time of day and its own further details.
LINE = re.compile(r"^\d\d:\d\d:\d\d {2}(\S.*)$", re.MULTILINE)
BEAT = "beat.py"
#: Answers with its number, so that an edit of it shows when everything before it is over.
BEAT_SOURCE = """
from django.http import HttpResponse

BEAT = {number}


def beat(request):
    return HttpResponse(f"beat {{BEAT}};")
"""
#: Without the safety net an edit counts as noticed only if an event told of it.
NO_NET = 3600.0


class Site(DevServer):
    """A server whose project has one more file, which is edited to see that all is quiet."""

    def __init__(
        self,
        root: Path,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        super().__init__(root, options=options, env=env, command=command)
        self._beats = 0
        self._seen = 0

    def ready(self) -> Site:
        """Await the first answer; what was printed so far is not asked for again."""
        self.wait_for("/beat/")
        self.seen()
        return self

    def seen(self) -> list[str]:
        """What the reloader has said since the last call, line by line."""
        output = self.output
        # A line under way is for the next call.
        end = output.rfind("\n") + 1
        since, self._seen = self._seen, end
        return LINE.findall(output[since:end])

    def news(self) -> list[str]:
        """What the reloader has said when everything up to now is over and done with."""
        lines = self._heard_with_beat() + self._heard_with_beat()
        # A file that changes so often is also called one that a program may write.
        return [line for line in lines if not line.startswith(f"{BEAT} changed ")]

    def reloads(self) -> list[str]:
        """The names in each line of a reload; fails if anything else was said."""
        return [self._reload(line) for line in self.news()]

    def beat(self) -> None:
        """Let everything that is under way come to its end."""
        self.news()

    def process(self) -> int:
        """Which process answers."""
        found: int = json.loads(self.get("/process/").text)["pid"]
        return found

    def shows(self, text: str, path: str = "/version/") -> None:
        """Assert that the very next answer has the text: no old one in between."""
        answer = self.get(path)
        assert text in answer.text, f"{path} answers {answer.text[:500]!r}, without {text!r}"

    def comes_to_show(self, text: str, path: str = "/version/") -> None:
        """Await an answer with the text."""
        self.wait_for(path, lambda answer: text in answer.text)

    def _heard_with_beat(self) -> list[str]:
        """What is said until an edit of the file for it is live."""
        self._beats += 1
        self.write(BEAT, BEAT_SOURCE.format(number=self._beats))
        self.comes_to_show(f"beat {self._beats};", "/beat/")
        # The line follows the answer.
        pattern = rf"^\S+ +(.*, )?{BEAT}( and \d+ more files|, .*)? changed · live in .*\n"
        self.wait_for_output(pattern, since=self._seen)
        return self.seen()

    @staticmethod
    def _reload(line: str) -> str:
        found = re.fullmatch(r"(.+) changed · live in [\d.]+ m?s", line)
        assert found, f"not about a reload: {line}"
        return found[1]


def add_beat(project: Path) -> None:
    """Add the file that is edited to see that everything else is over."""
    (project / BEAT).write_text(BEAT_SOURCE.format(number=0), encoding="utf-8")
    append(
        project / "config/urls.py", "import beat\nurlpatterns.append(path('beat/', beat.beat))\n"
    )


def append(path: Path, text: str) -> None:
    """Add lines to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")


def configure(project: Path, **options: object) -> None:
    """Set the reloader's options; the safety net is away unless it is asked for."""
    append(
        project / "config/settings.py",
        f"AUTORELOAD_PLUS = { {'SAFETY_INTERVAL': NO_NET, **options}!r}\n",
    )


def add_view(project: Path, source: str, name: str = "shown") -> None:
    """Add a module with a function ``text()`` that is shown at ``/<name>/``."""
    (project / f"{name}.py").write_text(f"{source}\n", encoding="utf-8")
    append(
        project / "config/urls.py",
        "from django.http import HttpResponse\n"
        f"import {name}\n"
        f"urlpatterns.append(path('{name}/', lambda request: HttpResponse({name}.text())))\n",
    )


def git(project: Path, *words: str) -> None:
    """Run git as a developer does, but with none of their configuration."""
    identity = {
        f"GIT_{who}_{what}": f"{what.lower()}@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    env = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *words], cwd=project, env=env, check=True, capture_output=True)


def make_repository(project: Path) -> None:
    """Put everything in the project under version control."""
    (project / ".gitignore").write_text(f"*.sqlite3*\n__pycache__\n{BEAT}\n", encoding="utf-8")
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "begin")


def commit(project: Path, message: str) -> None:
    """Commit everything."""
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", message)
