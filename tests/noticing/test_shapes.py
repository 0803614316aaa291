"""What shapes the running code without being a module in the project."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from catalog import write_catalog
from harness import write_file
from noticing.site import Site, add_view, append, configure

if TYPE_CHECKING:
    from pathlib import Path

VIEWS = "teas/views.py"
#: How a file of that kind is read while the program starts.
READERS = {
    "limits.json": "import json\nLIMIT = json.load(open('limits.json'))['limit']",
    "limits.yaml": "LIMIT = open('limits.yaml').read().split()[1].strip('}')",
    "limits.env": "import os\nfd = os.open('limits.env', os.O_RDONLY)\n"
    "LIMIT = os.read(fd, 99).decode().split()[1].strip('}')\nos.close(fd)",
    "limits.toml": "import pathlib\n"
    "LIMIT = pathlib.Path('limits.toml').read_text().split()[1].strip('}')",
}


@pytest.fixture(scope="module")
def shared_place(shared_place: Path) -> Path:
    """Let the shared project read a file of each kind."""
    for name, source in READERS.items():
        (shared_place / name).write_text('{"limit": 1}', encoding="utf-8")
        view = f"{source}\ndef text(): return f'limit {{LIMIT}};'"
        add_view(shared_place, view, name.replace(".", "_"))
    return shared_place


@pytest.mark.parametrize("name", READERS)
def test_a_file_read_while_starting(site: Site, name: str) -> None:
    """A changed value in a configuration file would need a restart by hand."""
    page = f"/{name.replace('.', '_')}/"
    site.write(name, '{"limit": 2}')
    site.shows("limit 2;", page)
    site.write(name, '{"limit": 3}', atomic=True)
    site.shows("limit 3;", page)
    assert site.reloads() == [name, name]


def test_the_file_of_the_environment(site: Site) -> None:
    """The file from which the settings take their values would be edited in vain."""
    before = site.path("tearoom.env").read_text(encoding="utf-8")
    site.write("tearoom.env", before.replace("The Tea Room", "The Coffee Room"))
    site.shows("The Coffee Room", "/")
    site.write("tearoom.env", before)
    site.shows("The Tea Room", "/")
    assert site.reloads() == ["tearoom.env"] * 2


def test_local_settings_made_later(place: Path) -> None:
    """Somebody who follows a project's README would have to restart after creating them."""
    append(
        place / "config/settings.py",
        "try:\n    from config.local_settings import *\nexcept ImportError:\n    pass\n",
    )
    with Site(place) as site:
        site.ready()
        site.write("config/local_settings.py", 'SITE_NAME = "The Local Room"\n')
        site.comes_to_show("The Local Room", "/")
        site.path("config/local_settings.py").unlink()
        site.comes_to_show("The Tea Room", "/")
        assert site.reloads() == ["config/local_settings.py"] * 2


def test_an_admin_module_made_later(place: Path) -> None:
    """The first admin.py of an app would not be found until a restart by hand."""
    (place / "teas/admin.py").rename(place / "admin.txt")
    names = "', '.join(sorted(model.__name__ for model in site._registry))"
    add_view(place, f'from django.contrib.admin import site\ndef text(): return f"in: {{{names}}}"')
    with Site(place) as site:
        site.ready()
        site.shows("in: Group, User", "/shown/")
        site.write("teas/admin.py", (place / "admin.txt").read_text(encoding="utf-8"))
        site.comes_to_show("Tea", "/shown/")
        assert site.reloads() == ["teas/admin.py"]


def test_a_module_that_hides_another(place: Path) -> None:
    """A module created in front of one of the same name would be found only after a restart."""
    add_view(place, "import colorsys\ndef text(): return getattr(colorsys, 'OWN', 'the library')")
    with Site(place) as site:
        site.ready()
        site.shows("the library", "/shown/")
        site.write("colorsys.py", "OWN = 'the own one'\n")
        site.comes_to_show("the own one", "/shown/")


def test_a_module_imported_by_a_request(site: Site) -> None:
    """A module that only some requests need would be edited in vain."""
    site.comes_to_show("Sencha", "/")
    site.shows("rice crackers", "/pairing/sencha/")
    site.beat()
    site.edit("teas/pairings.py", "rice crackers", "seaweed")
    site.shows("seaweed", "/pairing/sencha/")
    # A process that is slow to say what it has imported is believed a moment later: the edit is
    # told together with the next one, or not at all if nobody but the last request has used it.
    assert set(site.reloads()) <= {"teas/pairings.py", "beat.py, teas/pairings.py"}


def test_manage_py_itself(site: Site) -> None:
    """An edit of manage.py would count only from the next start by hand."""
    path = site.path("manage.py")
    text = path.read_text(encoding="utf-8")
    site.write(
        "manage.py", text.replace("def main()", "os.environ['EDITED'] = '1'\n\n\ndef main()")
    )
    site.wait_for_output("manage.py changed · live in")
    assert site.reloads() == ["manage.py"]


def test_code_in_an_archive(place: Path) -> None:
    """A library that is shipped as a zip file would be exchanged in vain."""
    archive = place / "packed.zip"
    pack(archive, 1)
    add_view(
        place,
        f"import sys\nsys.path.append({str(archive)!r})\n"
        "import packed\ndef text(): return f'packed {packed.VALUE};'",
    )
    with Site(place) as site:
        site.ready()
        pack(place / "packed.tmp", 2)
        (place / "packed.tmp").replace(archive)
        site.shows("packed 2;", "/shown/")
        pack(archive, 3)
        site.comes_to_show("packed 3;", "/shown/")
        assert site.reloads() == ["packed.zip", "packed.zip"]


def pack(archive: Path, value: int) -> None:
    """Write a zip file with one module in it."""
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("packed.py", f"VALUE = {value}\n")


def test_an_editable_install(place: Path, tmp_path: Path) -> None:
    """A library under work beside the project would be edited in vain."""
    library = tmp_path / "elsewhere/src/brewlib"
    write_file(library / "__init__.py", "VALUE = 1\n")
    packages = tmp_path / "site-packages"
    write_file(packages / "__editable__.brewlib.pth", f"{library.parent}\n")
    # As the interpreter does with every directory of installed packages.
    text = (place / "manage.py").read_text(encoding="utf-8")
    start = f"import site\n\nsite.addsitedir({str(packages)!r})\n\nDATABASE ="
    (place / "manage.py").write_text(text.replace("DATABASE =", start, 1), encoding="utf-8")
    add_view(place, "import brewlib\ndef text(): return f'library {brewlib.VALUE};'")
    with Site(place) as site:
        site.ready()
        write_file(library / "__init__.py", "VALUE = 2\n")
        site.shows("library 2;", "/shown/")
        [name] = site.reloads()
        assert name.endswith("elsewhere/src/brewlib/__init__.py")


@pytest.mark.skipif(find_spec("pip") is None, reason="pip is not installed here")
def test_an_upgraded_library(place: Path, tmp_path: Path) -> None:
    """After ``pip install --upgrade`` the old library would run until a restart by hand."""
    packages = tmp_path / "site-packages"
    install(packages, wheel(tmp_path, "1.0"))
    text = (place / "manage.py").read_text(encoding="utf-8")
    start = f"sys.path.append({str(packages)!r})\nDATABASE ="
    (place / "manage.py").write_text(text.replace("DATABASE =", start, 1), encoding="utf-8")
    add_view(
        place,
        "import brewlib\nfrom brewlib import deep\n"
        "def text(): return f'library {brewlib.VERSION} {deep.VERSION};'",
    )
    with Site(place) as site:
        site.ready()
        site.shows("library 1.0 1.0;", "/shown/")
        install(packages, wheel(tmp_path, "2.0"))
        site.comes_to_show("library 2.0 2.0;", "/shown/")
        assert len(site.reloads()) >= 1
        install(packages, wheel(tmp_path, "3.0"))
        site.comes_to_show("library 3.0 3.0;", "/shown/")


def install(packages: Path, archive: Path) -> None:
    """Let pip install a library over another version of it."""
    words = ["install", "--quiet", "--upgrade", "--no-deps", "--no-index", "--target"]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, packages, archive], check=True, capture_output=True
    )


def wheel(folder: Path, version: str) -> Path:
    """Build a library of two modules."""
    path = folder / f"brewlib-{version}-py3-none-any.whl"
    about = f"brewlib-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("__init__", "deep"):
            file.writestr(f"brewlib/{name}.py", f"VERSION = '{version}'\n")
        file.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: brewlib\nVersion: {version}\n"
        )
        file.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{about}/RECORD", "")
    return path


def test_translations(site: Site) -> None:
    """A compiled translation would show only after a restart, or cost one."""
    german = {"Accept-Language": "de"}
    before, process = site.get("/greeting/", headers=german).text, site.process()
    write_catalog(site.path("teas/locale/de/LC_MESSAGES/django.mo"), {"Good afternoon!": "Grüezi!"})
    assert "Grüezi!" not in before
    site.wait_for_output("translations reset\n")
    assert "Grüezi!" in site.get("/greeting/", headers=german).text
    assert site.process() == process
    # Twice on a busy machine, where the file is found while it is still being written.
    assert {*site.news()} == {"teas/locale/de/LC_MESSAGES/django.mo changed · translations reset"}


@pytest.mark.parametrize("atomic", [False, True])
def test_templates(site: Site, *, atomic: bool) -> None:
    """A template would show only after a restart, or cost one."""
    site.get("/greeting/")
    process = site.process()
    path = site.path("teas/templates/teas/greeting.html")
    edit = f"edited at once: {atomic}"
    text = path.read_text(encoding="utf-8").replace("<h1>", f"<h1>{edit}")
    site.write("teas/templates/teas/greeting.html", text, atomic=atomic)
    site.comes_to_show(edit, "/greeting/")
    assert site.process() == process
    assert site.news() == []


def test_a_template_that_hides_another(place: Path) -> None:
    """A new template in front of one of the same name would be ignored."""
    settings = (place / "config/settings.py").read_text(encoding="utf-8")
    apps = settings.replace('    "teas",\n', "").replace("APPS = [", 'APPS = [\n    "teas",')
    (place / "config/settings.py").write_text(apps, encoding="utf-8")
    with Site(place) as site:
        site.ready()
        assert "the own login" not in site.get("/admin/login/").text
        process = site.process()
        site.write("teas/templates/admin/login.html", "the own login")
        site.comes_to_show("the own login", "/admin/login/")
        assert site.process() == process


def test_own_globs(place: Path) -> None:
    """Files that only the user knows to be code would be edited in vain."""
    configure(place, WATCH=["rules/**/*.toml"])
    with Site(place) as site:
        site.ready()
        site.write("rules/first.toml", "a = 1\n")
        site.wait_for_output("rules/first.toml changed · live in")
        site.write("rules/deep/down/second.toml", "a = 1\n")
        site.wait_for_output("rules/deep/down/second.toml changed · live in")
        seen = site.mark()
        site.write("rules/deep/down/second.toml", "a = 2\n")
        site.wait_for_output("second.toml changed · live in", since=seen)
        site.seen()
        site.write("rules/third.txt", "a = 1\n")
        assert site.news() == []


def test_files_that_match_own_globs_from_the_start(place: Path) -> None:
    """A file nobody has loaded yet would count as changed by a save, and not by its removal."""
    configure(place, WATCH=["rules/*.toml"])
    write_file(place / "rules/first.toml", "a = 1\n")
    with Site(place) as site:
        site.ready()
        site.write("rules/first.toml", "a = 1\n")
        assert site.news() == []
        site.path("rules/first.toml").unlink()
        site.wait_for_output("rules/first.toml changed · live in")
        assert site.reloads() == ["rules/first.toml"]


def test_own_exceptions(place: Path) -> None:
    """A file that the user has excepted would still cause reloads."""
    configure(place, IGNORE=["limits.json", "generated"])
    (place / "limits.json").write_text("1", encoding="utf-8")
    write_file(place / "generated/__init__.py", "VALUE = 1\n")
    add_view(
        place,
        "import generated\nLIMIT = open('limits.json').read()\n"
        "def text(): return f'{LIMIT} {generated.VALUE};'",
    )
    with Site(place) as site:
        site.ready()
        site.write("limits.json", "2")
        site.write("generated/__init__.py", "VALUE = 2\n")
        assert site.news() == []
