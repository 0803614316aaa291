"""Which files are the developer's own decides what is read first, swapped and shown."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

import django_autoreload_plus
from django_autoreload_plus.own_code import OwnCode, OwnModules, is_installed, package_folder

if TYPE_CHECKING:
    from pathlib import Path

VENV = "/home/me/shop/.venv/lib/python3.13/site-packages"


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("/home/me/shop/views.py", True),
        (f"{VENV}/wagtail/models.py", False),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", False),
        ("/home/me/other/views.py", False),
        # Only a folder of that very name holds installed packages.
        ("/home/me/shop/my-site-packages-demo/views.py", True),
        ("/home/me/shop-two/views.py", False),
        (json.__file__, False),
    ],
)
def test_a_file(path: str, is_own: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """An edit would be looked at seconds late, or a library shown as the mistake's place."""
    assert OwnCode(["/home/me/shop"]).owns(path) is is_own


def test_a_project_among_installed_packages() -> None:
    """Who works on a library where it is installed would find nothing taken for own."""
    own = OwnCode(["/home/me/shop", f"{VENV}/wagtail"])
    assert own.owns(f"{VENV}/wagtail/models.py")
    assert not own.owns(f"{VENV}/oscar/models.py")


def test_a_link_to_the_project(tmp_path: Path) -> None:
    """A project that is reached by a link would be taken for somebody else's."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    own = OwnCode([str(tmp_path / "link")])
    assert own.owns(str(tmp_path / "link/views.py"))
    assert own.owns(str(tmp_path / "real/views.py"))


def test_the_folder_of_packages() -> None:
    """Each installed package would be watched by a watch of its own."""
    assert package_folder(f"{VENV}/wagtail/models.py") == VENV
    assert package_folder(VENV) == VENV
    assert package_folder("/home/me/shop/views.py") is None
    assert is_installed(VENV)


def test_a_module() -> None:
    """Copies would be taken before modules of libraries, which nobody edits."""
    modules = OwnModules()
    assert not modules.owns("json.decoder")
    assert not modules.owns("pytest")
    assert not modules.owns(f"{django_autoreload_plus.__name__}.options")
    assert modules.owns("harness")
    assert not modules.owns(f"nobody{os.getpid()}")
