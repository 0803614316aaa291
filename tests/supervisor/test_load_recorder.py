"""When loaded files are compared with the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol.messages import LoadedFile
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.supervisor.load_recorder import LoadRecorder
from supervisor.alone import run, until

if TYPE_CHECKING:
    from pathlib import Path


def test_libraries_are_read_later(tmp_path: Path) -> None:
    """A large project's first answer would wait until every library was read."""

    async def record() -> None:
        code = CodeState(OwnCode([str(tmp_path / "site")]))
        for name in ("site", "lib"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.py").write_text("one = 1\n")
        own, other = str(tmp_path / "site/a.py"), str(tmp_path / "lib/a.py")
        later: list[frozenset[str]] = []
        recorder = LoadRecorder(code, doubt=lambda _paths: None, edited=later.append)
        assert not recorder.record([LoadedFile(own, 0), LoadedFile(other, 0)])
        assert own in code.baseline
        assert other not in code.baseline
        await until(lambda: other in code.baseline)
        assert not later

    run(record)
