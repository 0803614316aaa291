"""From a file that may have changed to a verdict."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.supervisor.inspector import Inspector
from django_autoreload_plus.supervisor.reload_log import ReloadLog
from django_autoreload_plus.supervisor.state import Phase, State
from django_autoreload_plus.supervisor.terminal import Terminal
from supervisor.alone import Heard, run, until

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from django_autoreload_plus.supervisor import events


class Notes(ReloadLog):
    """What users would be told of an inspection."""

    def __init__(self) -> None:
        super().__init__(Terminal())
        self.news: list[object] = []

    def taken(self, paths: frozenset[str], *, translations: bool) -> None:
        """Note what was taken."""
        self.news.append((paths, translations))

    def unchanged(self, *, kept: Collection[str], undone: bool) -> None:
        """Note that there was nothing, and whether that ends a failure."""
        assert not kept
        self.news.append("undone" if undone else "unchanged")


class Inspected:
    """An inspection of files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = CodeState(OwnCode([str(folder)]))
        self.heard = Heard()
        self.log = Notes()
        self.decided: list[events.Inspected] = []
        self.inspector = Inspector(
            self.code,
            self.heard.children,
            self.log,
            state=lambda: State(Phase.BROKEN, newest=1, live=1),
            asks=lambda: False,
            quiet_time=lambda: 0.0,
            decided=self.decided.append,
        )

    def loaded(self, name: str, text: str) -> str:
        """Return the path of a file that the running program was made from."""
        path = self.folder / name
        path.write_text(text)
        self.code.baseline.record([str(path)], keep_text=self.code.is_own)
        return str(path)

    async def verdict(self, path: str) -> str:
        """Inspect a file, and return what is decided."""
        self.inspector.begin([path])
        await until(lambda: self.decided)
        return self.decided.pop().verdict


def test_verdicts_about_a_source(tmp_path: Path) -> None:
    """A save without a change would restart, or an edit would not."""

    async def inspect() -> None:
        inspected = Inspected(tmp_path)
        path = inspected.loaded("views.py", "one = 1\n")
        assert await inspected.verdict(path) == "same"
        (tmp_path / "views.py").write_text("two = 2\n")
        assert await inspected.verdict(path) == "new"
        inspected.code.decide()
        assert await inspected.verdict(path) == "known"
        (tmp_path / "views.py").write_text("two = (\n")
        assert await inspected.verdict(path) == "syntax"
        (tmp_path / "views.py").write_text("one = 1\n")
        assert await inspected.verdict(path) == "same"
        assert inspected.log.news == ["undone", "unchanged", "undone"]
        inspected.heard.close()

    run(inspect)


def test_only_the_answer_to_the_question_counts(tmp_path: Path) -> None:
    """A late answer about one edit would be taken for the next edit of that file."""

    async def inspect() -> None:
        inspected = Inspected(tmp_path)
        path = inspected.loaded("tea.txt", "one")
        (tmp_path / "tea.txt").write_text("two")
        inspected.inspector.begin([path])
        questions: list[tuple[m.Message, list[int]]] = []
        while not questions:
            await asyncio.sleep(0.001)
            questions += inspected.heard.other_end.drain()
        question = questions[0][0]
        assert isinstance(question, m.Changed)
        inspected.inspector.answered(m.Handled(question.token + 1, (path,)))
        await asyncio.sleep(0.01)
        assert inspected.inspector.is_under_way
        inspected.inspector.answered(m.Handled(question.token, (path,)))
        await until(lambda: inspected.decided)
        assert inspected.decided[0].verdict == "taken"
        assert inspected.log.news == [(frozenset({path}), False)]
        inspected.heard.close()

    run(inspect)
