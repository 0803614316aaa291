"""The process that plays the parent of the one that serves, from the supervisor's side."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path

import pytest

from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.command_line import Entry
from django_autoreload_plus.protocol.launch import Launch
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.supervisor.parent import Parent
from django_autoreload_plus.supervisor.reaper import Reaper
from django_autoreload_plus.supervisor.terminal import Terminal
from supervisor.alone import run, until

SCRIPT = """
import os, sys
if os.environ.get("RUN_MAIN") != "true":
    with open("ran", "a") as file:
        file.write("once ")
    sys.exit(7)
"""


class Scene:
    """A parent with what it needs, and what it has told."""

    def __init__(self, folder: Path, launch: Launch) -> None:
        self.events: list[str] = []
        self.code = CodeState(OwnCode([str(folder)]))
        self.reaper = Reaper(asyncio.get_running_loop())
        self.parent = Parent(
            launch,
            self.code,
            self.reaper,
            is_ending=lambda: False,
            exited=lambda: self.events.append("gone"),
            killed=lambda: self.events.append("killed"),
            terminal=Terminal(),
        )
        self.reaper.start(self.parent.ended)

    def load(self, script: Path) -> None:
        """Note a file as the program that was loaded."""
        self.code.add(m.Loaded((m.LoadedFile(str(script), 0, "__main__"),)))
        self.code.baseline.record([str(script)], keep_text=lambda _path: True)

    def close(self) -> None:
        """Leave nothing running."""
        self.parent.kill()
        self.parent.close()
        self.reaper.stop()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program with code for the parent, in the working directory."""
    monkeypatch.chdir(tmp_path)
    written = tmp_path / "script.py"
    written.write_text(SCRIPT)
    return written


def test_code_for_the_parent_runs_once(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a project starts for the life of the command would never run, or at every save."""

    async def live() -> None:
        with closing(Scene(script.parent, Launch(Entry("script", str(script))))) as scene:
            scene.load(script)
            scene.parent.consider([str(script)])
            scene.parent.went_live()
            await until(lambda: scene.events)
            scene.parent.consider([str(script)])
            scene.parent.went_live()
            assert scene.parent.end()
            assert scene.events == ["gone"]

    run(live)
    assert Path("ran").read_text() == "once "
    assert "has ended (exit code 7)" in capsys.readouterr().err


def test_an_interpreter_that_is_gone(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command would print our traceback, and never start the parent's process again."""

    async def live() -> None:
        with closing(Scene(script.parent, Launch(Entry("script", str(script))))) as scene:
            scene.load(script)
            with monkeypatch.context() as patch:
                patch.setattr(sys, "executable", str(script.with_name("python")))
                scene.parent.consider([str(script)])
                scene.parent.went_live()
                said = ""
                while "no process for code that asks for RUN_MAIN" not in said:
                    await asyncio.sleep(0.001)
                    said += capsys.readouterr().err
            scene.parent.went_live()
            await until(lambda: scene.events)

    run(live)
    assert Path("ran").read_text() == "once "


def test_the_users_own_process_as_the_parent(tmp_path: Path) -> None:
    """Whatever it sends would end the command; its own end would not."""

    async def take_over() -> None:
        ours, theirs = Channel.pair()
        launch = Launch(Entry("script", "script.py"), parent=ours.socket.detach())
        with closing(Scene(tmp_path, launch)) as scene:
            scene.parent.take_over()
            theirs.socket.sendall(b"not a message")
            scene.parent.went_live()
            received: list[m.Message] = []
            while not received:
                await asyncio.sleep(0.001)
                received += [message for message, _ in theirs.drain()]
            assert received == [m.Resume()]
            assert not scene.events
            theirs.close()
            await until(lambda: scene.events)
            assert scene.events == ["killed"]

    run(take_over)
