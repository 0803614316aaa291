"""Debuggers' prompts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.supervisor import events
from django_autoreload_plus.supervisor.open_prompts import OpenPrompts
from supervisor.virtual_time import run_at_once

if TYPE_CHECKING:
    from django_autoreload_plus.supervisor.child import Child


def test_a_step_is_no_end_of_the_debugging(child: Child) -> None:
    """A change would end the process between two steps of a debugger."""
    happened: list[events.Event] = []
    ended: list[str] = []
    opened, left = events.PromptOpened(2), events.PromptLeft(2)

    async def step() -> None:
        prompts = OpenPrompts(happened.append, lambda: ended.append("left"))
        prompts.changed(child, m.Prompt(is_open=True))
        prompts.changed(child, m.Prompt(is_open=False, steps=True))
        await asyncio.sleep(0.5)
        prompts.changed(child, m.Prompt(is_open=True))
        await asyncio.sleep(5)
        assert happened == [opened, opened]
        prompts.changed(child, m.Prompt(is_open=False, steps=True))
        await asyncio.sleep(5)
        assert happened == [opened, opened, left]

    run_at_once(step)
    assert ended == ["left"]
