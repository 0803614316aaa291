"""Debuggers' prompts: a change that would end a process with an open one waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..protocol import messages as m
from . import events
from .child import Child

#: A debugger that steps shows the next prompt within this time, in seconds, or none.
_STEP = 1.0


class OpenPrompts:
    """The open prompts of all children."""

    def __init__(self, handle: Callable[[events.Event], None], left: Callable[[], None]) -> None:
        """``handle`` decides about an event; ``left`` is called before that of a prompt's end."""
        self._handle = handle
        self._left = left

    def changed(self, child: Child, message: m.Prompt) -> None:
        """A debugger in a child shows its prompt, or has been answered."""
        if child.prompt_ends is not None:
            child.prompt_ends.cancel()
        child.prompts, child.prompts_main = message.is_open, message.main
        if message.is_open:
            self._handle(events.PromptOpened(child.generation))
        elif message.steps:
            loop = asyncio.get_running_loop()
            child.prompt_ends = loop.call_later(_STEP, self.end, child)
        else:
            self.end(child)

    def end(self, child: Child) -> None:
        """The prompt of a child is left for good, or the child is gone."""
        self._left()
        self._handle(events.PromptLeft(child.generation))
