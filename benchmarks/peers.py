"""The reloaders that are compared, and their installation beside a project.

Each is started as its own documentation says, with what it recommends for
development (``uvicorn[standard]``, ``granian[reload]``, watchdog, inotify).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import projects

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = projects.CHECKOUT / "django_autoreload_plus"
OWN = "django-autoreload-plus"
BASE = "Django runserver"
#: Asked in the project's own environment, which may have another Python than this one.
LIST_VERSIONS = """
import json, platform
from importlib.metadata import distributions
found = {one.name.lower(): one.version for one in distributions()}
print(json.dumps({**found, "python": platform.python_version()}))
"""


@dataclass(frozen=True)
class Peer:
    """One way to serve a project while it is edited."""

    name: str
    #: A program of the project's environment and its arguments; ``{address}`` and ``{port}`` are
    #: filled in.
    command: tuple[str, ...]
    #: Which app of ``probe_settings`` belongs to it.
    app: str = ""
    #: What pip has to install; the first one names the version in the table.
    requirements: tuple[str, ...] = ()
    #: It looks for changes at intervals, so an edit has to come at any phase of them.
    polls: bool = False
    #: After a start it takes so many seconds until it notices edits.
    settles: float = 0.0
    #: What it is by its own description, where that is no restart.
    remark: str = ""

    @property
    def distribution(self) -> str:
        """The name under which its version is found."""
        first = self.requirements[0] if self.requirements else "django"
        return first.partition("[")[0].lower()


SERVED = ("runserver", "{address}", f"--settings={projects.SETTINGS}")
RUNSERVER = ("python", "manage.py", *SERVED)
UVICORN = ("uvicorn", "--host=127.0.0.1", "--port={port}", "--log-level=warning")
ASGI = "probe_asgi:application"
WSGI = "probe_wsgi:application"

PEERS = (
    Peer(OWN, RUNSERVER, app="plus", requirements=(OWN,)),
    Peer(BASE, RUNSERVER, polls=True),
    Peer(
        "django-watchfiles",
        RUNSERVER,
        app="watchfiles",
        requirements=("django-watchfiles",),
        settles=1.0,
        remark=(
            "waited for a second longer before each edit, since it missed edits soon after a start"
        ),
    ),
    Peer(
        "runserver_plus",
        ("python", "manage.py", "runserver_plus", "--reloader-type=stat", *SERVED[1:]),
        app="extensions",
        requirements=("django-extensions", "werkzeug"),
        polls=True,
        remark=(
            "with --reloader-type=stat, because Werkzeug's other reloader notices nothing with"
            " watchdog 7"
        ),
    ),
    Peer(
        "hupper + runserver",
        ("hupper", "-m", "manage", *SERVED, "--noreload"),
        requirements=("hupper", "watchdog"),
        settles=1.5,
        remark=(
            "waited for 1.5 seconds longer before each edit, since it looks once a second for what"
            " was loaded, and misses edits before that"
        ),
    ),
    Peer(
        "gunicorn --reload",
        ("gunicorn", "--reload", "--bind={address}", "--threads=4", WSGI),
        requirements=("gunicorn", "inotify"),
    ),
    Peer(
        "uvicorn --reload",
        (*UVICORN, "--reload", ASGI),
        requirements=("uvicorn[standard]",),
    ),
    Peer(
        "granian --reload",
        ("granian", "--reload", "--interface=wsgi", "--host=127.0.0.1", "--port={port}", WSGI),
        requirements=("granian[reload]",),
    ),
    Peer(
        f"{OWN} + uvicorn",
        ("autoreload-plus", *UVICORN, ASGI),
        requirements=(OWN, "uvicorn[standard]"),
    ),
    Peer(
        "uvicorn-hmr",
        ("uvicorn-hmr", "--host=127.0.0.1", "--port={port}", "--log-level=warning", ASGI),
        requirements=("uvicorn-hmr",),
        remark=(
            "runs modules again in the running process; what Django loads in the first request (the"
            " URLconf, the views) it does not follow"
        ),
    ),
    Peer(
        "jurigged + runserver",
        ("jurigged", "manage.py", *SERVED, "--noreload"),
        requirements=("jurigged",),
        remark="patches functions of the running process",
    ),
)


@dataclass
class Environment:
    """A project with the peers installed beside it."""

    project: projects.Project
    versions: dict[str, str] = field(default_factory=dict)

    def misses(self, peer: Peer) -> bool:
        """Tell whether the peer could not be installed."""
        return peer.distribution not in self.versions

    def version(self, peer: Peer) -> str:
        """Return the peer's version, ``""`` if it is missing."""
        return self.versions.get(peer.distribution, "")


def prepare(spec: str, directory: Path, wanted: list[Peer]) -> Environment:
    """Create the project, and install this checkout's package and the peers beside it.

    What is there is used again. A peer that cannot be installed is left out, and said so.
    """
    project = projects.create(spec, directory)
    projects.write_probe(project)
    known = versions(project.python)
    for peer in wanted:
        missing = [name for name in peer.requirements if name.partition("[")[0] not in known]
        if missing:
            install(project.python, peer.name, missing)
    install_package(project.python, directory)
    return Environment(project, versions(project.python))


def install(python: str, name: str, requirements: list[str]) -> None:
    """Install a peer, or say why not."""
    try:
        projects.pip(python, *requirements)
    except subprocess.CalledProcessError as error:
        print(f"{name} cannot be installed: pip ended with {error.returncode}")


def install_package(python: str, directory: Path) -> None:
    """Install a wheel of this checkout, if its sources have changed since the last time."""
    stamp = Path(python).parent.parent / "package.sha256"
    now = fingerprint()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != now:
        projects.pip(python, "--force-reinstall", "--no-deps", str(wheel(python, directory / now)))
        stamp.write_text(now, encoding="utf-8")


def wheel(python: str, folder: Path) -> Path:
    """Return the wheel of this checkout in ``folder``; it is built once."""
    if not list(folder.glob("*.whl")):
        command = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
        subprocess.run([*command, str(folder), str(projects.CHECKOUT)], check=True)
    return next(folder.glob("*.whl"))


def fingerprint() -> str:
    """Return a value that changes with any source of the package."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources() -> Iterator[Path]:
    """Yield the files of the package in a fixed order."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def versions(python: str) -> dict[str, str]:
    """Return what is installed beside a project, by its name in lower case."""
    command = [python, "-c", LIST_VERSIONS]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(found.stdout))


def command_of(peer: Peer, project: projects.Project) -> tuple[str, ...]:
    """Return the command line that serves the project."""
    return str(Path(project.python).with_name(peer.command[0])), *peer.command[1:]


def variables(peer: Peer, project: projects.Project) -> dict[str, str | None]:
    """Return what the peer's environment has besides that of this process."""
    programs = os.pathsep.join((str(Path(project.python).parent), os.environ["PATH"]))
    # Without PYTHONPATH the installed wheel is measured, not the checkout.
    return {"PROBE_RELOADER": peer.app, "PYTHONPATH": None, "PATH": programs}
