"""Every command of the documents is run as it is written; where it is not, it is said why.

A command of a kind that is not known here fails.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from browser import open_browser
from command.sites import make_site
from documented.pages import ROOT, commands
from harness import NOT_INHERITED, DevServer
from programs import servers, test_documented
from programs.test_management_command import FILES

SCRIPTS = Path(sys.executable).parent
PATH = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
#: What the lines find where they are run: a site, and programs of the names that they have.
SITE = {
    **servers.FILES,
    **FILES,
    **test_documented.PROGRAMS,
    "project/celery.py": test_documented.CELERY,
}
#: Not copied with the repository.
LEFT_OUT = (
    ".git",
    ".venv",
    "venv",
    ".tox",
    "__pycache__",
    ".*_cache",
    "build",
    "dist",
    "*.sqlite3*",
)

#: Run by other tests, which also edit, break and mend.
ELSEWHERE = {
    *(f"autoreload-plus {line}" for line in servers.LINES),
    *test_documented.LINES,
}
#: Serve until they are ended.
SERVE = (
    r"(python )?(-m django_autoreload_plus )?manage\.py runserver( .*)?",
    r"\.venv/bin/python testproject/manage\.py runserver",
    r"autoreload-plus (uvicorn|granian) .*",
)
#: Work until they are ended.
WORK = (
    r"autoreload-plus worker\.py",
    r"(python )?manage\.py autoreload COMMAND",
    r"autoreload-plus celery -A project worker",
)
#: Ask a command that runs.
ASK = (
    r"python manage\.py autoreload_status",
    r"python -m django_autoreload_plus --status.*",
)
#: End by themselves, in a site.
END_IN_SITE = (r"python manage\.py autoreload_report.*", r"python3 -m venv \.venv")
#: End by themselves, in the repository.
END_IN_REPOSITORY = (
    r"python benchmarks/readme\.py .*",
    r"(\.venv/bin/)?python docs/pictures/(make|diagrams)\.py",
    r"ruff check --fix \. && ruff format \.",
    r"git config .*",
)
#: Not run here, but by ``.ci/run``, which ends at the first of them that fails.
IN_CI = (
    r"ruff check",
    r"ruff format --check",
    r"(\.venv/bin/)?sphinx-build .*",
    r"python -m build",
    r"twine check --strict.*",
)
#: Chooses tests: that there are such tests is looked at, since they run already.
TESTS = (r"\.venv/bin/pytest.*",)
#: Take a quarter of an hour, or set up projects from the network: their options are looked at.
LONG = (r"python (benchmarks|tests)/\S+\.py.*",)
#: Installs from the network: names and extras are looked at. ``.ci/run`` installs the wheel with
#: these extras.
INSTALL = (r"(\.venv/bin/)?pip install.*",)
#: What is not to be run, and why.
NOT_RUN = {
    ".venv/bin/pytest": "runs this test, too",
    "tox": "runs all tests with each Python and Django",
    "twine upload dist/*": "publishes",
    "python -m django_autoreload_plus": "the beginning of a command",
    "sudo sysctl fs.inotify.max_user_watches=524288": "changes the machine",
    "sudo sysctl fs.inotify.max_user_instances=1024": "changes the machine",
}
KINDS = (
    SERVE, WORK, ASK, END_IN_SITE, END_IN_REPOSITORY, IN_CI, TESTS, LONG, INSTALL,
)  # fmt: skip


def is_one_of(command: str, kind: tuple[str, ...]) -> bool:
    """Tell whether a command is of this kind."""
    return any(re.fullmatch(pattern, command) for pattern in kind)


def of_kind(*kinds: tuple[str, ...]) -> list[str]:
    """Return the commands of these kinds, in which no command of another kind counts twice."""
    found = []
    for command in parts():
        kind = next((kind for kind in KINDS if is_one_of(command, kind)), None)
        if command not in ELSEWHERE and command not in NOT_RUN and kind in kinds:
            found.append(command)
    return found


@cache
def parts() -> tuple[str, ...]:
    """Return every command; of a chain its parts, unless the chain is run as a whole."""
    found: dict[str, None] = {}
    for command in commands():
        whole = is_one_of(command, (*ASK, *END_IN_REPOSITORY))
        for part in [command] if whole else command.split(" && "):
            found[part] = None
    return tuple(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site with all programs that the documents name."""
    return make_site(tmp_path_factory.mktemp("documented") / "site", SITE)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository, for what writes into it."""
    target = tmp_path_factory.mktemp("documented") / "repository"
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
    if shutil.which("git"):
        run_line("git init --quiet", target)
    return target


def started(command: str, folder: Path) -> DevServer:
    """Return the server, or the worker, of a line, on a free port and with this environment."""
    line = command.replace(".venv/bin/", "").replace("COMMAND", "work")
    if line.startswith("manage.py"):
        line = f"python {line}"
    if "runserver" in line:
        line = f"{line} {{address}}"
    if "granian" in line:
        line = f"{line} --port {{port}}"
    line = line.replace("127.0.0.1:8000", "{address}").replace("8000", "{port}")
    first, *words = shlex.split(line)
    program = shutil.which(first, path=PATH)
    assert program, first
    env = {"PATH": PATH, "PYTHONUNBUFFERED": "1"}
    return DevServer(folder, command=(program, *words), env=env)


def run_line(line: str, folder: Path) -> str:
    """Run a line in a shell, as it is copied, to its good end; return what it printed."""
    env = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace(".venv/bin/", "")],
        cwd=folder,
        env={**env, "PATH": PATH},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


def test_it_is_known_how_each_command_is_run() -> None:
    """A new kind of command would be run by no test."""
    known = {*ELSEWHERE, *NOT_RUN, *of_kind(*KINDS)}
    assert [command for command in parts() if command not in known] == []
    assert set(NOT_RUN) <= set(parts())


@pytest.mark.parametrize("command", of_kind(SERVE))
def test_a_server_serves(command: str, site: Path, repository: Path) -> None:
    """Who copies the line would have no page."""
    folder = repository if "testproject/" in command else site
    program = shlex.split(command)[1]
    if program in {"uvicorn", "granian"}:
        pytest.importorskip(program)
    with started(command, folder) as server:
        server.wait_for("/")


@pytest.mark.parametrize("command", of_kind(WORK))
def test_a_worker_works(command: str, site: Path) -> None:
    """Who copies the line would have no worker."""
    if "celery" in command:
        pytest.importorskip("celery")
    with started(command, site) as worker:
        worker.wait_for_output("works with 1")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> DevServer:
    """Return the server of a site, not yet started."""
    folder = make_site(tmp_path_factory.mktemp("asked") / "site")
    return started("python manage.py runserver", folder)


@pytest.mark.parametrize("command", of_kind(ASK))
def test_a_running_command_answers(command: str, running: DevServer) -> None:
    """Who copies the line would not be told what the server does."""
    if "curl" in command and not shutil.which("curl"):
        pytest.skip("there is no curl")
    with running as server:
        server.wait_for("/")
        # The page may have come a moment before the supervisor knows of it.
        run_line("python -m django_autoreload_plus --status --wait", server.root)
        printed = run_line(command.replace(":8000", f":{server.port}"), server.root)
        assert '"state": "live"' in printed or printed.startswith("live"), printed
        assert "curl" not in command or printed.endswith("one"), printed


@pytest.mark.parametrize("command", of_kind(END_IN_SITE))
def test_a_command_for_a_site_ends_well(command: str, site: Path) -> None:
    """Who copies the line would be told of an error."""
    run_line(command, site)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("command", of_kind(END_IN_REPOSITORY))
def test_a_command_for_the_repository_ends_well(command: str, repository: Path) -> None:
    """A contributor who copies the line would be told of an error."""
    program = shlex.split(command)[0]
    if "make.py" in command:
        # Ends the test as skipped where there is no browser.
        with open_browser():
            pass
    if not shutil.which(program.replace(".venv/bin/", ""), path=PATH):
        pytest.skip(f"there is no {program}")
    run_line(command, repository)


@pytest.mark.parametrize("command", of_kind(IN_CI))
def test_a_command_is_one_of_ci(command: str) -> None:
    """A contributor would check something else than is checked in the end."""
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("not in the source archive")
    words = [word for word in shlex.split(command.replace(".venv/bin/", "")) if word[0] == "-"]
    program = shlex.split(command)[0].rpartition("/")[2]
    lines = [line for line in script.read_text(encoding="utf-8").splitlines() if program in line]
    assert any(all(word in line for word in words) for line in lines), lines


@pytest.mark.parametrize("command", of_kind(TESTS))
def test_there_are_such_tests(command: str) -> None:
    """A contributor would choose tests that do not exist."""
    words = shlex.split(command)[1:]
    collect = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    done = subprocess.run([*collect, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", of_kind(LONG))
def test_a_program_of_the_repository_has_the_options(command: str) -> None:
    """Who copies the line would be told of an unknown option, or of no such file."""
    _, script, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"^ +{re.escape(word)}\b", done.stdout, re.MULTILINE), word


@pytest.mark.parametrize("command", of_kind(INSTALL))
def test_what_is_installed_has_the_name(command: str) -> None:
    """Pip would find no such package, or leave out what an unknown extra stands for."""
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = pyproject.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = re.findall(r"^(\w+) = \[", section, re.MULTILINE)
    for word in shlex.split(command)[2:]:
        name, _, rest = word.partition("[")
        assert name in {"-e", ".", "django-autoreload-plus"}, word
        assert set(filter(None, rest.rstrip("]").split(","))) <= set(extras), word
