"""Apps that know Django's reloader signals need no change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import write_catalog
from command.sites import is_page, site
from harness import DevServer, write_file

if TYPE_CHECKING:
    from pathlib import Path

RECEIVERS = """
from pathlib import Path
from django.apps import AppConfig
from django.utils.autoreload import autoreload_started, file_changed

HERE = Path(__file__).resolve().parent.parent

def started(sender, **kwargs):
    sender.watch_dir(HERE / "content", "**/*.md")
    sender.watch_dir(str(HERE / "flat"), "*.txt")
    sender.watch_dir(HERE / "not\\0there", "*")
    sender.extra_files.add(HERE / "extra.ini")
    watched = set(sender.watched_files())
    (HERE / "watched").write_text("\\n".join(sorted(map(str, watched))))

def changed(sender, file_path, **kwargs):
    assert isinstance(file_path, Path)
    print("told of", file_path.name, flush=True)
    return file_path.suffix == ".md"

class ShopConfig(AppConfig):
    name = "shop"

    def ready(self):
        autoreload_started.connect(started)
        file_changed.connect(changed)
"""
FILES = {
    "shop/apps.py": RECEIVERS,
    "content/deep/one.md": "1",
    "flat/one.txt": "1",
    "flat/deep/two.txt": "1",
    "extra.ini": "1",
}
#: Nobody resets the translations when a catalogue has changed.
DEAF = """

    def ready(self):
        from django.utils import autoreload, translation

        translation.gettext("warm")
        for signal in (autoreload.autoreload_started, autoreload.file_changed):
            signal.disconnect(dispatch_uid="translation_file_changed")
"""
GERMAN = {"Accept-Language": "de"}


def live_lines(server: DevServer) -> int:
    """Count the reloads so far."""
    return server.output.count("live in")


def test_receivers_decide(tmp_path: Path) -> None:
    """Apps that watch their own files, or reload them themselves, would stop working."""
    with site(tmp_path, files=FILES) as server:
        is_page(server, "one")
        watched = server.path("watched").read_text().splitlines()
        for name in ("shop/views.py", "extra.ini", "content/deep/one.md", "flat/one.txt"):
            assert str(server.path(name)) in watched
        for name in ("content/deep/one.md", "content/new/deep/two.md"):
            mark = server.mark()
            write_file(server.path(name), "2")
            server.wait_for_output(f"told of {server.path(name).name}", since=mark)
        # Not by a glob of a single level.
        write_file(server.path("flat/deep/two.txt"), "2")
        assert live_lines(server) == 0
        for count, name in enumerate(("flat/one.txt", "flat/new.txt", "extra.ini"), start=1):
            mark = server.mark()
            write_file(server.path(name), "2")
            server.wait_for_output(f"{name} changed · live in", since=mark)
            server.wait_for_output(f"told of {server.path(name).name}", since=mark)
            assert live_lines(server) == count
        # The copies that the new process came from ask, too.
        mark = server.mark()
        write_file(server.path("content/deep/one.md"), "3")
        server.wait_for_output("told of one.md", since=mark)
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        server.wait_for_output("told of views.py")
        # The line follows the answer.
        server.wait_for_output("shop/views.py changed · live in")
        assert live_lines(server) == 4
        assert "two.txt" not in server.output


def test_a_receiver_that_raises_does_not_end_the_server(tmp_path: Path) -> None:
    """One app's mistake would stop every reload."""
    apps = RECEIVERS.replace(
        "    return file_path", "    raise ValueError('tea')\n    return file_path"
    )
    with site(tmp_path, files={**FILES, "shop/apps.py": apps}) as server:
        is_page(server, "one")
        server.edit("shop/views.py", '"one"', '"two"')
        is_page(server, "two")
        server.wait_for_output("ValueError: tea")


def test_a_receiver_that_raises_at_a_reload_is_shown(tmp_path: Path) -> None:
    """What an app asks for would not be watched, and nobody would know why."""
    with site(tmp_path, files=FILES) as server:
        is_page(server, "one")
        server.edit(
            "shop/apps.py", "    sender.watch_dir(str", "    1 / 0\n    sender.watch_dir(str"
        )
        server.wait_for_output(r"ZeroDivisionError.* · waiting for a fix")
        mark = server.mark()
        server.edit("shop/apps.py", "    1 / 0\n", "")
        server.wait_for_output("live in", since=mark)
        is_page(server, "one")
        # What was asked for in the end is watched.
        mark = server.mark()
        write_file(server.path("content/deep/one.md"), "2")
        server.wait_for_output("told of one.md", since=mark)


def test_translations_without_receivers(project: Path) -> None:
    """A project that has switched Django's receivers off would show old translations."""
    with (project / "teas/apps.py").open("a") as file:
        file.write(DEAF)
    catalogue = project / "teas/locale/de/LC_MESSAGES/django.mo"
    with DevServer(project) as server:
        server.wait_for("/greeting/")
        assert "Guten Tag!" in server.get("/greeting/", headers=GERMAN).text
        for number, text in enumerate(("Moin!", "Servus!")):
            mark = server.mark()
            write_catalog(catalogue, {"Good afternoon!": text})
            server.wait_for_output("translations reset\n", since=mark)
            assert text in server.get("/greeting/", headers=GERMAN).text
            assert live_lines(server) == number
            # What was frozen before the change has the new text, too.
            server.edit("teas/views.py", f'VERSION = "{number + 1}"', f'VERSION = "{number + 2}"')
            assert server.get("/version/").text == f"version {number + 2}"
            assert text in server.get("/greeting/", headers=GERMAN).text
            server.wait_for_output("teas/views.py changed · live in", since=mark)
