"""Whoever asks is answered when everything that was saved before has been reported."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from django_autoreload_plus.options import Options
from watcher.noticing import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from watcher.noticing import Noticed


def reported_until_answered(noticed: Noticed) -> set[str]:
    """Ask now; return what is reported before the answer."""
    answered = threading.Event()
    noticed.watcher.when_caught_up(answered.set)
    assert answered.wait(DEADLINE)
    return set().union(*noticed.reports())


def test_each_way_to_save(on_every_backend: Noticed, root: Path) -> None:
    """A tool that asks just after a save would be told about the code before it."""
    noticed = on_every_backend
    file, other, missing = root / "a.py", root / "b.py", root / "later.py"
    file.write_text("0")
    other.write_text("0")
    noticed.watch(file, other, missing=[missing])
    assert reported_until_answered(noticed) <= {str(noticed.sentinel), str(file), str(other)}
    for number in range(1, 8):
        file.write_text("1" * (number + 1))
        assert str(file) in reported_until_answered(noticed)
        draft = root / "draft"
        draft.write_text("2" * (number + 1))
        draft.replace(other)
        assert str(other) in reported_until_answered(noticed)
    missing.write_text("3")
    assert str(missing) in reported_until_answered(noticed)
    other.unlink()
    assert str(other) in reported_until_answered(noticed)


def test_a_new_match_of_a_glob(noticed_either_way: Noticed, root: Path) -> None:
    """A new template or plugin would be missing from the answer."""
    noticed = noticed_either_way
    noticed.watch(globs=[(root, "conf/**/*.toml")])
    reported_until_answered(noticed)
    (root / "conf" / "deep").mkdir(parents=True)
    (root / "conf" / "deep" / "a.toml").write_text("")
    assert str(root / "conf" / "deep" / "a.toml") in reported_until_answered(noticed)


def test_what_no_event_tells_of(noticed: Noticed, root: Path) -> None:
    """On a share of another machine the answer would come before the change is seen."""
    file = root / "a.py"
    file.write_text("0")
    noticed.watch(file)
    reported_until_answered(noticed)
    # As where the kernel tells of nothing.
    noticed.watcher._backend.remove(str(root))
    file.write_text("11")
    assert reported_until_answered(noticed) == {str(file)}


def test_a_file_that_is_still_being_written(noticed: Noticed, root: Path) -> None:
    """Half of a file would be taken for a mistake of the developer's, because somebody asks."""
    file = root / "a.py"
    file.write_text("0")
    noticed.watch(file)
    reported_until_answered(noticed)
    with file.open("w") as draft:
        draft.write("if True:")
        draft.flush()
        assert reported_until_answered(noticed) == set()
    assert reported_until_answered(noticed) == {str(file)}


def test_another_watcher_answers(make_noticed: Callable[..., Noticed]) -> None:
    """A question would stay open for ever when the settings change how to watch."""
    first = make_noticed(start=False)
    answered = threading.Event()
    first.watcher.open()
    first.watcher.when_caught_up(answered.set)
    second = make_noticed(Options(safety_interval=3600.0), start=False)
    second.watcher.open(first.watcher)
    second.watch()
    second.watcher.start()
    assert answered.wait(DEADLINE)
