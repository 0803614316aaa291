from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.adapter.landmarks import LANDMARKS
from django_autoreload_plus.failure.excerpt import SourceReader
from django_autoreload_plus.failure.frames import MAX_FRAMES
from django_autoreload_plus.failure.from_exception import (
    from_check,
    from_exception,
    from_exit,
)
from django_autoreload_plus.failure.from_process import (
    from_death,
    from_syntax_error,
    from_timeout,
    headline,
)
from django_autoreload_plus.failure.masking import mask_secrets
from django_autoreload_plus.paths import shown
from harness import output_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from django_autoreload_plus.protocol.failure import Failure


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Failure]:
    """Import ``main.py`` of a project in which nothing has been imported yet."""

    def run(main: str | bytes, **others: str) -> Failure:
        # A name of its own for each module: tests share one table of modules.
        names = {name: f"{name}_{uuid.uuid4().hex[:8]}" for name in ("main", *others)}
        for name, text in {"main": main, **others}.items():
            data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
            for short, unique in names.items():
                data = data.replace(f"<{short}>".encode(), unique.encode())
            (tmp_path / f"{names[name]}.py").write_bytes(data)
        monkeypatch.syspath_prepend(tmp_path)
        try:
            importlib.import_module(names["main"])
        except BaseException as error:  # noqa: BLE001 - whatever the test's code raises
            return from_exception(error, roots=[str(tmp_path)], landmarks=LANDMARKS)
        raise AssertionError("nothing went wrong")

    return run


def first_line(failure: Failure, base: Path) -> str:
    """Return what is read first, with the path relative to ``base``."""
    return headline(failure).removeprefix(f"{shown(str(base))}/")


def test_the_deepest_own_frame_is_the_place_to_open(fail: Callable[..., Failure]) -> None:
    """Otherwise the page would send the user into a library's file."""
    failure = fail("import json\n\ndef read():\n    return json.loads('{')\n\nread()\n")
    assert failure.line == 4
    assert "/main_" in failure.path
    assert failure.summary.startswith("JSONDecodeError: Expecting property name")
    assert failure.spot is not None
    assert (4, "    return json.loads('{')") in failure.spot.source


def test_own_and_library_frames_are_told_apart(fail: Callable[..., Failure]) -> None:
    """Otherwise the user's own lines would drown in those of libraries."""
    failure = fail("import json\njson.loads('{')\n")
    frames = failure.chain[-1].frames
    assert [frame.own for frame in frames if "main_" in frame.path] == [True]
    assert not any(frame.own for frame in frames if "json" in frame.path)
    assert not any("frozen importlib" in frame.path for frame in frames)
    assert "frozen importlib" not in failure.text


def test_a_virtual_environment_inside_of_the_project_is_not_own(tmp_path: Path) -> None:
    """Otherwise an error in a dependency would be shown as the user's."""
    library = tmp_path / ".venv" / "lib" / "site-packages" / "library.py"
    library.parent.mkdir(parents=True)
    library.write_text("def call():\n    raise ValueError\n")
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(library.read_text(), str(library), "exec"), namespace)  # noqa: S102 - as an import would
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at below
        namespace["call"]()
    failure = from_exception(caught.value, roots=[str(tmp_path)], landmarks=LANDMARKS)
    assert not failure.chain[0].frames[-1].own


@pytest.mark.parametrize(
    ("source", "name", "line"),
    [
        ("def f():\n\tif 1:\n        pass\n", "TabError", 3),
        ("def f():\nreturn 1\n", "IndentationError", 2),
        ("x = (\n\n\n", "SyntaxError", 1),
        ("x = 1\nprint('a\n", "SyntaxError", 2),
        ("def f(a, a):\n    pass\n", "SyntaxError", 1),
        ("x = 1\nreturn\n", "SyntaxError", 2),
        ("# -*- coding: nonsense -*-\n", "SyntaxError", 0),
    ],
)
def test_a_file_that_does_not_compile(
    fail: Callable[..., Failure], source: str, name: str, line: int
) -> None:
    """Otherwise the commonest of all mistakes would not show its file and line."""
    failure = fail("import <broken>\n", broken=source)
    assert failure.kind == "syntax"
    assert failure.summary.startswith(f"{name}: ")
    assert "/broken_" in failure.path
    assert failure.line == (line or failure.line)
    assert 'File "' in failure.text
    # The supervisor, which only compiles, tells the same story.
    with pytest.raises(SyntaxError) as caught:
        compile(source.encode(), failure.path, "exec")
    seen_from_outside = from_syntax_error(failure.path, caught.value)
    assert headline(seen_from_outside) == headline(failure)


def test_the_column_of_a_syntax_error_is_marked(fail: Callable[..., Failure]) -> None:
    """Otherwise a long line would have to be searched for the mistake."""
    failure = fail("value = 'a' + + * 2\n")
    assert failure.spot is not None
    assert failure.spot.columns is not None
    start, end = failure.spot.columns
    assert "value = 'a' + + * 2"[start:end] == "*"


@pytest.mark.parametrize("source", ["x = 1\0\n", "x = " + "(" * 100_000 + "\n"])
def test_what_compile_refuses_in_other_ways(tmp_path: Path, source: str) -> None:
    """Otherwise such a file would end the supervisor."""
    path = tmp_path / "strange.py"
    path.write_text(source)
    try:
        compile(source, str(path), "exec")
    except Exception as error:  # noqa: BLE001 - depends on the version of Python
        failure = from_syntax_error(str(path), error)
    assert failure.path == str(path)
    assert str(path) in failure.text
    assert failure.line


def test_a_cause_and_a_context(fail: Callable[..., Failure]) -> None:
    """Otherwise the first of two mistakes, mostly the real one, would be hidden."""
    failure = fail(
        """
        try:
            try:
                {}["first"]
            except KeyError as error:
                raise ValueError("second") from error
        except ValueError:
            raise RuntimeError("third")
        """
    )
    assert [(link.type, link.relation) for link in failure.chain] == [
        ("KeyError", ""),
        ("ValueError", "cause"),
        ("RuntimeError", "context"),
    ]
    assert failure.summary == "RuntimeError: third"
    assert "The above exception was the direct cause" in failure.text


def test_a_suppressed_context_stays_hidden(fail: Callable[..., Failure]) -> None:
    """Otherwise ``from None`` would not do what Python promises."""
    failure = fail(
        "try:\n    1 / 0\nexcept ArithmeticError:\n    raise ValueError('x') from None\n"
    )
    assert [link.type for link in failure.chain] == ["ValueError"]
    assert "ZeroDivisionError" not in failure.text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups came with Python 3.11")
def test_a_group_shows_its_parts(fail: Callable[..., Failure]) -> None:
    """Otherwise only the number of the mistakes would be seen."""
    failure = fail(
        """
        def caught(kind):
            try:
                raise kind("inside")
            except kind as error:
                return error

        raise ExceptionGroup("several", [caught(OSError), caught(ValueError)])
        """
    )
    assert [(link.type, link.relation) for link in failure.chain] == [
        ("ExceptionGroup", ""),
        ("OSError", "part"),
        ("ValueError", "part"),
    ]
    assert failure.line == 4
    assert failure.summary.startswith("ExceptionGroup: several")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="notes came with Python 3.11")
def test_notes_are_in_the_text(fail: Callable[..., Failure]) -> None:
    """Otherwise a library's explanation would be lost."""
    failure = fail("error = ValueError('x')\nerror.add_note('look at y')\nraise error\n")
    assert failure.text.endswith("ValueError: x\nlook at y\n")


def test_a_circle_of_exceptions_ends(fail: Callable[..., Failure]) -> None:
    """Otherwise the child would hang while it says what is wrong."""
    failure = fail(
        """
        first, second = ValueError("1"), ValueError("2")
        first.__cause__, second.__cause__ = second, first
        raise first
        """
    )
    assert [link.message for link in failure.chain] == ["2", "1"]


def test_a_very_long_chain_is_shortened(fail: Callable[..., Failure]) -> None:
    """Otherwise a retry loop would make a page of many megabytes."""
    failure = fail(
        """
        last = None
        for number in range(2000):
            error = ValueError(str(number))
            error.__context__ = last
            last = error
        raise last
        """
    )
    assert len(failure.chain) < 50
    assert failure.chain[0].message == "0"
    assert failure.summary == "ValueError: 1999"
    assert len(failure.text) < 300_000


def test_an_endless_recursion_is_abbreviated(fail: Callable[..., Failure]) -> None:
    """Otherwise thousands of equal frames would hide where it began."""
    failure = fail("def ping():\n    pong()\n\ndef pong():\n    ping()\n\nping()\n")
    assert failure.summary.startswith("RecursionError")
    assert len(failure.chain[0].frames) <= MAX_FRAMES
    assert failure.chain[0].omitted > 100
    assert failure.text.count("\n") < 600
    assert "is left out" in failure.text


def test_a_million_frames(fail: Callable[..., Failure]) -> None:
    """Otherwise a raised recursion limit would cost a minute and a gigabyte."""
    failure = fail(
        """
        class Layered(Exception):
            pass

        import types
        error = Layered("deep")
        try:
            raise error
        except Layered:
            entry = error.__traceback__
        for _ in range(200_000):
            entry = types.TracebackType(entry, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
        raise error.with_traceback(entry)
        """
    )
    assert failure.summary == "Layered: deep"
    assert len(failure.text) < 300_000


@pytest.mark.parametrize(
    "method",
    ["raise ValueError('again')", "raise SystemExit(3)", "return 5", "return '\\ud800'"],
)
def test_an_exception_that_cannot_be_printed(fail: Callable[..., Failure], method: str) -> None:
    """Otherwise a broken ``__str__`` would hide the place of the mistake."""
    failure = fail(
        f"""
        class Odd(Exception):
            def __str__(self):
                {method}

        raise Odd
        """
    )
    assert failure.summary.startswith("Odd")
    assert failure.line == 6
    json.dumps(failure.text)


def test_a_message_of_megabytes_is_cut(fail: Callable[..., Failure]) -> None:
    """Otherwise the channel and the page would choke on it."""
    failure = fail("raise ValueError('x' * 5_000_000)\n")
    assert len(failure.text) < 300_000
    assert len(failure.summary) <= 300


def test_source_lines_are_those_on_the_disk_now(tmp_path: Path) -> None:
    """Otherwise the page would show the lines before the last save."""
    path = tmp_path / "module.py"
    path.write_text("a = 1\nb = 2\n")
    assert SourceReader().around(str(path), 2, 1) == ((1, "a = 1"), (2, "b = 2"))
    path.write_text("a = 1\nb = 3\n")
    assert SourceReader().around(str(path), 2, 1) == ((1, "a = 1"), (2, "b = 3"))


def test_files_without_readable_source(tmp_path: Path) -> None:
    """Otherwise a deleted or binary file would take the whole report with it."""
    undecodable = tmp_path / "latin.py"
    undecodable.write_bytes(b"name = '\xe4'\nx = 1\n")
    assert SourceReader().around(str(undecodable), 2, 0) == ((2, "x = 1"),)
    huge = tmp_path / "huge.py"
    with huge.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    assert SourceReader().around(str(huge), 1, 5) == ()
    long_line = tmp_path / "minified.py"
    long_line.write_text("x = '" + "y" * 1_000_000 + "'\n")
    assert len(SourceReader().around(str(long_line), 1, 5)[0][1]) <= 400
    assert SourceReader().around(str(tmp_path / "gone.py"), 1, 5) == ()
    assert SourceReader().around(str(tmp_path), 1, 5) == ()
    assert SourceReader().around("<nowhere>", 1, 5) == ()
    assert SourceReader().around("a\0b", 1, 5) == ()
    os.mkfifo(tmp_path / "pipe.py")
    assert SourceReader().around(str(tmp_path / "pipe.py"), 1, 5) == ()


def test_the_source_of_a_module_in_an_archive(tmp_path: Path) -> None:
    """Otherwise a project run from a zip file would see no lines at all."""
    code = (
        "import sys, zipfile\n"
        "with zipfile.ZipFile('app.zip', 'w') as file:\n"
        "    file.writestr('inner.py', 'x = 1\\nraise ValueError(x)\\n')\n"
        "sys.path.insert(0, 'app.zip')\n"
        "from django_autoreload_plus.failure.from_exception import from_exception\n"
        "try:\n"
        "    import inner\n"
        "except ValueError as error:\n"
        "    failure = from_exception(error, roots=['.'])\n"
        "print(failure.path, failure.line, failure.spot.source)\n"
    )
    output = _python(code, tmp_path)
    assert output.endswith("inner.py 2 ((1, 'x = 1'), (2, 'raise ValueError(x)'))\n")


def test_an_exit_shows_who_called_it(fail: Callable[..., Failure]) -> None:
    """Otherwise the user would have to search all code for a ``sys.exit()``."""
    failure = fail("import <other>\n", other="import sys\n\nsys.exit('no database')\n")
    assert failure.kind == "exit"
    assert "sys.exit('no database')" in failure.summary
    assert failure.line == 3
    assert "/other_" in failure.path
    assert "SystemExit: no database" in failure.text
    assert from_exit(None).summary.startswith("sys.exit() was called")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (3, "exit", "code 3"),
        (0, "exit", "code 0"),
        (-signal.SIGSEGV, "signal", "SIGSEGV"),
        (-signal.SIGKILL, "signal", "memory"),
        (-64, "signal", ""),
        (-200, "signal", "signal 200"),
        (0xC0000005, "exit", "0xC0000005"),
    ],
)
def test_a_process_that_died(status: int, kind: str, words: str) -> None:
    """Otherwise a crash would look like any other error, or like nothing."""
    failure = from_death(status, "last words")
    assert failure.kind == kind
    assert words in failure.text
    assert "last words" in failure.text


def test_a_hanging_start_shows_where(tmp_path: Path) -> None:
    """Otherwise nobody could tell which line waits."""
    (tmp_path / "waiting.py").write_text(
        "import faulthandler\n\ndef wait():\n    faulthandler.dump_traceback()\n\nwait()\n"
    )
    done = subprocess.run(
        [sys.executable, "waiting.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=True
    )
    stack = done.stderr.replace('"waiting.py"', f'"{tmp_path}/waiting.py"')
    failure = from_timeout(120, stack)
    assert first_line(failure, tmp_path) == (
        "waiting.py:4: Not ready after 120 s: the code hangs while it is starting"
    )
    assert [frame.line for frame in failure.chain[0].frames] == [6, 4]
    assert from_timeout(1.5).path == ""


def test_the_reloaders_own_frames_are_taken_out(tmp_path: Path) -> None:
    """Otherwise every traceback would begin and go on with code the user never saw."""
    carrier = tmp_path / "reloader"
    carrier.mkdir()
    (carrier / "entry.py").write_text(
        "import runpy, sys, hook\n"
        "from django_autoreload_plus.failure.from_exception import from_exception\n"
        "hook.install()\n"
        "try:\n"
        "    runpy.run_path('manage.py', run_name='__main__')\n"
        "except BaseException as error:\n"
        f"    failure = from_exception(error, roots=['.'], skip=[{str(carrier)!r}])\n"
        "    print(failure.text, end='')\n"
    )
    (carrier / "hook.py").write_text(
        "import importlib.machinery, sys\n"
        "class Loader(importlib.machinery.SourceFileLoader):\n"
        "    def exec_module(self, module):\n"
        "        super().exec_module(module)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        spec = importlib.machinery.PathFinder.find_spec(name, path)\n"
        "        if spec and name in ('outer', 'inner'):\n"
        "            spec.loader = Loader(name, spec.origin)\n"
        "        return spec\n"
        "def install():\n"
        "    sys.meta_path.insert(0, Finder())\n"
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / "manage.py").write_text("import outer\n")
    (project / "outer.py").write_text("import inner\n")
    (project / "inner.py").write_text("def f():\n    raise ValueError('x')\nf()\n")
    script = f"import sys; sys.path[:0] = [{str(carrier)!r}, '.']; import entry"
    printed = [line for line in _python(script, project).splitlines() if "File" in line]
    assert [line.partition(", line")[0].rpartition("/")[2].strip('"') for line in printed] == [
        '  File "manage.py',
        "outer.py",
        "inner.py",
        "inner.py",
    ]


def test_a_mistake_of_the_reloader_itself_is_shown(tmp_path: Path) -> None:
    """Otherwise a bug of ours would be blamed on the user's import."""
    path = tmp_path / "hook.py"
    path.write_text("def broken():\n    raise KeyError('ours')\n")
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)  # noqa: S102 - as an import would
    with pytest.raises(KeyError) as caught:
        namespace["broken"]()
    failure = from_exception(caught.value, roots=[], skip=[str(tmp_path)])
    assert "hook.py" in failure.text


def test_failed_checks_without_colours() -> None:
    """Otherwise the page would be full of escape sequences."""
    failure = from_check(
        "\x1b[31;1mSystemCheckError\x1b[0m: x\n\nERRORS:\n?: (urls.E7) Bad view.\n"
    )
    assert failure.kind == "check"
    assert failure.summary == "Bad view. (urls.E7)"
    assert "\x1b" not in failure.text


@pytest.mark.parametrize(
    ("source", "visible"),
    [
        ('SECRET_KEY = "hidden"', "masked"),
        ("SECRET_KEY: Final[str] = 'hidden'", "masked"),
        ("    'PASSWORD': 'hidden',", "masked"),
        ('SECRET_KEY = env("SECRET_KEY", default="hidden")', "masked"),
        ("connect(password='hidden')", "masked"),
        ('AWS_SECRET_ACCESS_KEY = (\n    "hidden"\n)', "masked"),
        ('PRIVATE_KEY = """-----BEGIN\nhidden\n"""', "masked"),
        ('DATABASE = "postgres://me:hidden@host/name"', "masked"),
        ("API_KEY = 'hidden", "masked"),
        ('config["API_TOKEN"] = "hidden"', "masked"),
        ('NAME = "hidden"', "visible"),
        ('token == "hidden"', "visible"),
        ("# the secret key is hidden", "visible"),
    ],
)
def test_secrets_are_masked(source: str, visible: str) -> None:
    """Otherwise a settings line beside the mistake would show the secret key."""
    shown = mask_secrets(source)
    assert ("hidden" in shown) is (visible == "visible")
    assert list(map(len, shown.split("\n"))) == list(map(len, source.split("\n")))


PROJECT = {
    "manage.py": """
        import os
        import django
        from django.core.management import call_command

        def main():
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")
            django.setup()
            from django.core.handlers.wsgi import WSGIHandler
            WSGIHandler()
            from django.conf import settings
            settings.SECRET_KEY
            call_command("check")

        main()
        """,
    "site1/settings.py": """
        DEBUG = True
        SECRET_KEY = "x"
        USE_TZ = True
        DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
        INSTALLED_APPS = [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "polls.apps.PollsConfig",
        ]
        MIDDLEWARE = [
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ]
        ROOT_URLCONF = "site1.urls"
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        """,
    "site1/urls.py": """
        from django.urls import include, path

        urlpatterns = [
            path("polls/", include("polls.urls")),
        ]
        """,
    "polls/apps.py": """
        from django.apps import AppConfig

        class PollsConfig(AppConfig):
            name = "polls"
        """,
    "polls/models.py": """
        from django.db import models

        class Question(models.Model):
            text = models.CharField(max_length=200)
            author = models.ForeignKey("auth.User", on_delete=models.CASCADE)
        """,
    "polls/views.py": """
        from django.views.generic import ListView
        from polls.models import Question

        class IndexView(ListView):
            model = Question

        def detail(request):
            return None
        """,
    "polls/urls.py": """
        from django.urls import path
        from polls import views

        urlpatterns = [
            path("", views.IndexView.as_view()),
            path("detail/", views.detail),
        ]
        """,
}
DRIVER = """
import os, runpy, sys
from django_autoreload_plus.adapter.landmarks import LANDMARKS
from django_autoreload_plus.failure.from_exception import from_check, from_exception
from django_autoreload_plus.failure.from_process import headline
root = os.getcwd()
sys.path.insert(0, root)
try:
    runpy.run_path("manage.py", run_name="__main__")
except BaseException as error:
    if type(error).__name__ == "SystemCheckError":
        failure = from_check(str(error), roots=[root], landmarks=LANDMARKS)
    else:
        failure = from_exception(error, roots=[root], landmarks=LANDMARKS)
    print(headline(failure))
else:
    print("nothing is wrong")
"""
#: What is typed wrong (file, right, wrong), and the first line to be read.
MISTAKES = {
    "a comma missing in INSTALLED_APPS": (
        ("site1/settings.py", '"django.contrib.contenttypes",', '"django.contrib.contenttypes"'),
        ("site1/settings.py:8: ", "a comma is missing after", "django.contrib.contenttypes"),
    ),
    "a comma missing in MIDDLEWARE": (
        ("site1/settings.py", 'common.CommonMiddleware",', 'common.CommonMiddleware"'),
        ("site1/settings.py:12: ", "a comma is missing after", "CommonMiddleware"),
    ),
    "an app misspelt": (
        ("site1/settings.py", '"polls.apps.PollsConfig"', '"pols.apps.PollsConfig"'),
        ("site1/settings.py:9: ", "ModuleNotFoundError", "pols"),
    ),
    "an app config misspelt": (
        ("site1/settings.py", '"polls.apps.PollsConfig"', '"polls.apps.PolsConfig"'),
        ("site1/settings.py:9: ", "PolsConfig"),
    ),
    "a middleware misspelt": (
        ("site1/settings.py", "csrf.CsrfViewMiddleware", "csrf.CsrfViewMidleware"),
        ("site1/settings.py:13: ", "CsrfViewMidleware"),
    ),
    "the settings module misspelt": (
        ("manage.py", "site1.settings", "site.setings"),
        ("manage.py:7: ", "site"),
    ),
    "the root URLconf misspelt": (
        ("site1/settings.py", "site1.urls", "site1.url"),
        ("site1/settings.py:15: ", "ModuleNotFoundError", "site1.url"),
    ),
    "the name in an app config misspelt": (
        ("polls/apps.py", 'name = "polls"', 'name = "pols"'),
        ("polls/apps.py:5: ", "Cannot import 'pols'"),
    ),
    "the database engine misspelt": (
        ("site1/settings.py", "backends.sqlite3", "backends.sqlite4"),
        ("site1/settings.py:16: ", "django.db.backends.sqlite4"),
    ),
    "no secret key": (
        ("site1/settings.py", 'SECRET_KEY = "x"', 'SECRET_KEY = ""'),
        ("site1/settings.py:3: ", "SECRET_KEY setting must not be empty"),
    ),
    "a name that the module does not have": (
        ("polls/views.py", "import Question", "import Qestion"),
        ("polls/views.py:3: ", "ImportError: cannot import name 'Qestion'"),
    ),
    "a package that is not installed": (
        ("polls/views.py", "from polls.models", "import requests_oauth9\nfrom polls.models"),
        ("polls/views.py:3: ", "ModuleNotFoundError: No module named 'requests_oauth9'"),
    ),
    "a view misspelt": (
        ("polls/urls.py", "views.detail", "views.detial"),
        ("polls/urls.py:7: ", "AttributeError: module 'polls.views' has no attribute 'detial'"),
    ),
    "an included URLconf misspelt": (
        ("site1/urls.py", "polls.urls", "polls.url"),
        ("site1/urls.py:5: ", "ModuleNotFoundError: No module named 'polls.url'"),
    ),
    "as_view() forgotten": (
        ("polls/urls.py", "IndexView.as_view()", "IndexView"),
        ("polls/urls.py:6: ", "has an invalid view, pass IndexView.as_view() instead"),
    ),
    "urlpatterns misspelt": (
        ("polls/urls.py", "urlpatterns", "urlpattern"),
        ("polls/urls.py:", "ImproperlyConfigured", "does not appear to have any patterns"),
    ),
    "tabs and spaces": (
        ("polls/views.py", "    model = Question", "\tif True:\n        pass"),
        ("polls/views.py:7: ", "TabError"),
    ),
    "a bracket not closed": (
        ("polls/urls.py", "as_view()),", "as_view(),"),
        ("polls/urls.py:", "SyntaxError"),
    ),
    "a colon forgotten": (
        ("polls/views.py", "def detail(request):", "def detail(request)"),
        ("polls/views.py:8: ", "SyntaxError: expected ':'"),
    ),
    "an import forgotten": (
        ("polls/models.py", "from django.db import models", ""),
        ("polls/models.py:4: ", "NameError: name 'models' is not defined"),
    ),
    "a circular import": (
        (
            "polls/models.py",
            "from django.db import models",
            "from django.db import models\nfrom polls.views import detail",
        ),
        ("polls/views.py:3: ", "circular import"),
    ),
    "a field without its arguments": (
        ("polls/models.py", "CharField(max_length=200)", "ForeignKey()"),
        ("polls/models.py:5: ", "TypeError", "missing 2 required positional arguments"),
    ),
    "a field with a wrong argument": (
        ("polls/models.py", "CharField(max_length=200)", "CharField(max_length='200')"),
        ("polls/models.py:5: ", "polls.Question.text: 'max_length' must be a positive integer"),
    ),
    "a relation without on_delete": (
        ("polls/models.py", ", on_delete=models.CASCADE", ""),
        ("polls/models.py:6: ", "TypeError", "on_delete"),
    ),
    "a relation to nothing": (
        ("polls/models.py", "auth.User", "auth.Usr"),
        ("polls/models.py:6: ", "auth.Usr"),
    ),
    "a dictionary key misspelt": (
        ("site1/settings.py", "USE_TZ = True", "import os\nUSE_TZ = os.environ['NO_SUCH_NAME']"),
        ("site1/settings.py:5: ", "KeyError: 'NO_SUCH_NAME'"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_first_line_names_file_line_and_mistake(tmp_path: Path, mistake: str) -> None:
    """Otherwise a beginner would read fifty lines of a framework's frames, and no answer."""
    (name, right, wrong), words = MISTAKES[mistake]
    for path, text in PROJECT.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).with_name("__init__.py").touch()
        (tmp_path / path).write_text("\n" + textwrap.dedent(text).lstrip("\n"))
    typed = (tmp_path / name).read_text()
    assert right in typed
    (tmp_path / name).write_text(typed.replace(right, wrong))
    line = _python(DRIVER, tmp_path).splitlines()[0]
    assert line.startswith(words[0])
    assert all(word in line for word in words), line


def _python(code: str, directory: Path) -> str:
    environment = dict(os.environ)
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return output_of(code, cwd=directory, env=environment)
