"""Globs mean what ``Path.glob`` means, without walking where nothing can match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.watcher.globs import Glob, IgnoreRules
from watcher.test_paths import write

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    "a.toml", "b.txt", "config/a.toml", "config/deep/b.toml", "config/deep/er/c.toml",
    "other/config/d.toml", "[odd]/e.toml",
]  # fmt: skip


def found(glob: Glob, directory: Path, states: frozenset[int], prefix: str = "") -> set[str]:
    """Walk as the watcher does."""
    result = set()
    for entry in directory.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            below = glob.below(states, entry.name, link=False)
            if below:
                result |= found(glob, entry, below, name + "/")
        elif glob.matches(states, entry.name):
            result.add(name)
    return result


@pytest.mark.parametrize(
    "pattern",
    ["*.toml", "**/*.toml", "*/*.toml", "**/config/*.toml", "**/deep/**/*.toml", "**/**/c.*"],
)
def test_globs_mean_what_pathlib_means(tmp_path: Path, pattern: str) -> None:
    """A user's ``WATCH`` glob would match other files than expected."""
    for name in FILES:
        write(tmp_path / name)
    glob = Glob.parse(str(tmp_path), pattern)
    expected = {str(p.relative_to(tmp_path)) for p in tmp_path.glob(pattern) if p.is_file()}
    assert found(glob, tmp_path, glob.start) == expected


def test_fixed_directories_are_walked_to_directly(tmp_path: Path) -> None:
    """``config/*.toml`` would look through the whole project."""
    glob = Glob.parse(str(tmp_path), "config/deep/*.toml")
    assert glob.base == str(tmp_path / "config" / "deep")
    assert Glob.parse(str(tmp_path), "**") == Glob.parse(str(tmp_path), "**/*")


def test_closed_directories_are_entered_only_from_inside(tmp_path: Path) -> None:
    """Watching ``node_modules/mine/**`` on purpose would be impossible."""
    glob = Glob.parse(str(tmp_path), "**/*.js")
    assert not glob.below(glob.start, "node_modules", link=False)
    assert not glob.below(glob.start, "linked", link=True)
    inside = Glob.parse(str(tmp_path), "node_modules/mine/**/*.js")
    assert inside.below(inside.start, "lib", link=False)


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("*.log", "/p/a/debug.log", True),
        ("*.log", "/p/a/debug.log.py", False),
        ("generated", "/p/a/generated/deep/x.py", True),
        ("generated/", "/p/generated/x.py", True),
        ("a/*.py", "/p/a/x.py", True),
        ("a/*.py", "/p/b/a/x.py", False),
        ("a/*.py", "/p/a/b/x.py", False),
        ("a/**/x.py", "/p/a/x.py", True),
        ("a/**/x.py", "/p/a/b/c/x.py", True),
        ("**/x.py", "/q/x.py", False),
        ("/q/**", "/q/x.py", True),
        ("/q/**", "/qx.py", False),
        ("v[0-9].py", "/p/v1.py", True),
        ("v[!0-9].py", "/p/v1.py", False),
    ],
)
def test_ignore_rules(pattern: str, path: str, *, ignored: bool) -> None:
    """The setting ``IGNORE`` would ignore too much or too little."""
    assert IgnoreRules([pattern], "/p")(path) is ignored


def test_no_rules_ignore_nothing() -> None:
    """An empty setting would ignore everything."""
    assert not IgnoreRules([], "/p")("/p/x.py")
