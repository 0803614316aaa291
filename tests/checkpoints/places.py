"""Projects with more in them, for tests of what a reload resumes from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness import DevServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from harness import Response

#: Makes the server say what it decided, and why.
TALKATIVE = {"DJANGO_AUTORELOAD_PLUS_DEBUG": "1"}
#: Keeps copies that a small project would let go for the memory of all processes together.
KEEPS_IN_MEMORY = "AUTORELOAD_PLUS = {'CHECKPOINT_MEMORY': 5000}"
#: Keeps those, too, that are more than usual where each import takes long.
KEEPS_ALL = "AUTORELOAD_PLUS = {'CHECKPOINT_MEMORY': 5000, 'CHECKPOINT_LIMIT': 50}"
FROM = r"^\S+ +from (.+); event"


class Site(DevServer):
    """A talkative server on a project that a test may edit."""

    def __init__(
        self,
        root: Path,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        command: Sequence[str] | None = None,
        terminal: bool = False,
    ) -> None:
        env = {**TALKATIVE, **(env or {})}
        super().__init__(root, options=options, env=env, command=command, terminal=terminal)

    def origin(self, since: int) -> str:
        """Await the end of a reload; what it was resumed from."""
        return self.wait_for_output(FROM, since=since)[1]

    def answer(self, path: str, text: str) -> Response:
        """Ask until the answer holds a text."""
        return self.wait_for(path, lambda response: text in response.text)

    def copies(self, *awaited: str, one_of: Collection[str] = ()) -> dict[str, int]:
        """The frozen copies by their labels, each with its process id.

        Those of the code before stay until the new code has answered: they are awaited to go.
        Copies name themselves when the processor has time for it: those labels are awaited, and
        one of those that a copy at one place may have.
        """
        title = re.compile(r"autoreload checkpoint: (.+)")
        found: list[tuple[str, int]] = []

        def are_complete() -> bool:
            matches = ((title.fullmatch(item.command), item.pid) for item in self.processes())
            found[:] = [(match[1], pid) for match, pid in matches if match]
            labels = dict(found).keys()
            is_there = not one_of or bool(labels & {*one_of})
            return len(labels) == len(found) and labels >= {*awaited} and is_there

        wanted = ", ".join([*awaited, *one_of]) or "any"
        wait_until(are_complete, f"one copy at each point, {wanted} included")
        return dict(found)


def before(module: str) -> set[str]:
    """Return the labels that a copy taken just before the import of a module may have.

    On a slow machine one at even distances may have been due at that very import.
    """
    return {f"before {module}", f"at {module}"}


def add_settings(project: Path, text: str) -> None:
    """Append to the settings of the test project."""
    path = project / "config/settings.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")


def add_view(project: Path, name: str, source: str) -> None:
    """Add a module ``name`` with a view ``name`` and its address ``/name/``."""
    (project / f"{name}.py").write_text(source, encoding="utf-8")
    urls = project / "config/urls.py"
    text = urls.read_text(encoding="utf-8")
    urls.write_text(
        f"{text}\nimport {name}\n\nurlpatterns.insert(0, path('{name}/', {name}.{name}))\n",
        encoding="utf-8",
    )


def add_state_view(site: Path, urlconf: Path) -> None:
    """Add the view that shows the state of the process at ``/state/``."""
    shutil.copy(Path(__file__).with_name("state_view.py"), site)
    with urlconf.open("a", encoding="utf-8") as file:
        file.write(
            "\nimport state_view\nfrom django.urls import path as _path\n"
            "urlpatterns = [_path('state/', state_view.state), *urlpatterns]\n"
        )
