"""What can be wrong with a project: how it gets in, what the user reads, how it goes away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: A comment makes the mended file another one than it was before the mistake.
MENDED = "\n# mended\n"

_READY = '''
    def ready(self) -> None:
        """Fail."""
        raise RuntimeError("the kettle is cold")
'''
_MIDDLEWARE = """
class Steam:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)
"""
_CRASH = "\nimport ctypes\n\nctypes.string_at(0)\n"
_KILL = "\nimport os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\n"
#: The line the code hangs on is the one of ``sleep()``.
_HANG = "\nimport time\n\n\ndef wait_for_steam():\n    time.sleep(3600)\n\n\nwait_for_steam()\n"
SETTINGS = "config/settings.py"
STEEPING = "teas/steeping.py"


@dataclass(frozen=True)
class Mistake:
    """A mistake in one file, put in by replacing ``old``, or at the end of the file."""

    path: str
    new: str
    #: What the terminal and the page say.
    says: str
    old: str = ""
    #: Makes a good project one in which the mistake can be made.
    prepare: Callable[[Path], None] | None = None
    #: ``manage.py`` itself does not get far enough to call the reloader.
    before_setup: bool = False
    #: There is an exception with a traceback to show.
    traceback: bool = True
    #: Found after a reload only when the new code is live already.
    late: bool = False
    #: Mended by creating this file, relative to the project, not by an edit.
    cure: str = ""

    def make(self, project: Path) -> str:
        """Save the file with the mistake in it; returns what was right."""
        path = project / self.path
        text = path.read_text(encoding="utf-8")
        assert text.count(self.old) == 1 or not self.old
        write_file(path, text.replace(self.old, self.new) if self.old else text + self.new)
        return text

    def mend(self, project: Path, good: str) -> None:
        """Put the project right: the file was ``good`` before the mistake."""
        if self.cure:
            write_file(project / self.cure, "HEAT = 1\n")
        else:
            write_file(project / self.path, good + MENDED)


def add_middleware(project: Path) -> None:
    """Have a middleware that works."""
    write_file(project / "teas/middleware.py", _MIDDLEWARE)
    add_setting(project, 'MIDDLEWARE.append("teas.middleware.Steam")')


def add_library_folder(project: Path) -> None:
    """Have a folder outside of the project on ``sys.path``."""
    libraries = project.parent / "libraries"
    libraries.mkdir(exist_ok=True)
    add_setting(project, f"import sys\nsys.path.append({str(libraries)!r})")


def limit_start(project: Path) -> None:
    """Give the code little time to start, but enough for good code on a busy machine."""
    add_setting(project, 'AUTORELOAD_PLUS["START_TIMEOUT"] = 10.0')


def add_setting(project: Path, line: str) -> None:
    """Have a line in the settings."""
    path = project / SETTINGS
    text = path.read_text(encoding="utf-8")
    if line not in text:
        write_file(path, f"{text}{line}\n")


MISTAKES = {
    "syntax error in a view": Mistake(
        "teas/views.py",
        'VERSION = ("1"',
        "'(' was never closed",
        old='VERSION = "1"',
        traceback=False,
    ),
    "syntax error in the models": Mistake(
        "teas/models.py",
        "class Tea(models.Model)\n",
        "expected ':'",
        old="class Tea(models.Model):\n",
        traceback=False,
    ),
    "syntax error in the settings": Mistake(
        SETTINGS,
        "DEBUG = = True",
        "invalid syntax",
        old="DEBUG = True",
        before_setup=True,
        traceback=False,
    ),
    "syntax error in the urls": Mistake(
        "teas/urls.py",
        'app_name = "teas',
        "unterminated string literal",
        old='app_name = "teas"',
        traceback=False,
    ),
    "syntax error in manage.py": Mistake(
        "manage.py",
        "def main() -> None\n",
        "expected ':'",
        old="def main() -> None:\n",
        before_setup=True,
        traceback=False,
    ),
    "exception in a module": Mistake(
        STEEPING, '\nraise ValueError("too hot")\n', "ValueError: too hot"
    ),
    "exception in ready()": Mistake("teas/apps.py", _READY, "RuntimeError: the kettle is cold"),
    "exception in the settings": Mistake(
        SETTINGS, "\nTEAPOT = 1 / 0\n", "ZeroDivisionError", before_setup=True
    ),
    "exception in manage.py": Mistake(
        "manage.py",
        'def main() -> None:\n    """Fail."""\n    raise RuntimeError("no command")\n',
        "RuntimeError: no command",
        old="def main() -> None:\n",
        before_setup=True,
    ),
    "exception in the URLconf": Mistake(
        "config/urls.py", '\nraise LookupError("lost")\n', "LookupError: lost"
    ),
    "exception in a middleware": Mistake(
        "teas/middleware.py",
        '        raise KeyError("steam")\n',
        "KeyError: 'steam'",
        old="        self.get_response = get_response\n",
        prepare=add_middleware,
    ),
    "no WSGI application": Mistake(
        SETTINGS,
        '\nWSGI_APPLICATION = "config.wsgi.missing"\n',
        "WSGI application 'config.wsgi.missing' could not be loaded",
    ),
    "failed check": Mistake(
        "teas/models.py",
        'ordering = ["nam"]',
        "models.E015",
        old='ordering = ["name"]',
        traceback=False,
        late=True,
    ),
    "missing dependency": Mistake(
        STEEPING,
        "\nimport kettle_drivers\n",
        "No module named 'kettle_drivers'",
        prepare=add_library_folder,
        cure="../libraries/kettle_drivers.py",
    ),
    "circular import": Mistake(
        STEEPING, "\nfrom teas.models import Tea\n", "partially initialized module 'teas.models'"
    ),
    "sys.exit()": Mistake(STEEPING, "\nimport sys\n\nsys.exit()\n", "sys.exit() was called"),
    "sys.exit(3)": Mistake(STEEPING, "\nimport sys\n\nsys.exit(3)\n", "sys.exit(3) was called"),
    "os._exit(3)": Mistake(
        STEEPING, "\nimport os\n\nos._exit(3)\n", "ended itself with code 3", traceback=False
    ),
    "a crash": Mistake(STEEPING, _CRASH, "ended by SIGSEGV", traceback=False),
    "killed": Mistake(STEEPING, _KILL, "ended by SIGKILL", traceback=False),
    "hangs": Mistake(STEEPING, _HANG, "time.sleep(3600)", prepare=limit_start, traceback=False),
    "an OSError like that of a port in use": Mistake(
        "config/wsgi.py", '\nraise OSError(98, "no such leaf")\n', "no such leaf"
    ),
}
#: Those tried without checkpoints, too: one for each way a failure is found.
MAIN = (
    "syntax error in a view",
    "exception in the settings",
    "exception in a module",
    "exception in manage.py",
    "failed check",
    "sys.exit(3)",
    "killed",
)
