"""Sources compiled in the supervisor."""

from __future__ import annotations

from django_autoreload_plus.supervisor.compiled import Compiled


def test_one_edit_after_the_other_compiles_one_version() -> None:
    """Each save compares what is there now with what the checkpoints hold."""
    compiled = Compiled()
    original = compiled.get("a.py", b"value = 0")
    for number in range(1, 5):
        edited = compiled.get("a.py", b"value = %d" % number)
        assert compiled.get("a.py", b"value = 0") is original
        assert compiled.get("a.py", b"value = %d" % number) is edited


def test_old_versions_are_let_go() -> None:
    """A day of edits would fill the memory."""
    compiled = Compiled()
    first = compiled.get("a.py", b"value = 0")
    for number in range(1, 4):
        compiled.get("a.py", b"value = %d" % number)
    assert compiled.get("a.py", b"value = 0") is not first
