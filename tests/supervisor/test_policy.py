"""Decisions that a random walk seldom comes to."""

from __future__ import annotations

from django_autoreload_plus.records import replace
from django_autoreload_plus.supervisor import events, policy
from django_autoreload_plus.supervisor.actions import Admit, Defer, Kill, Pause, ShowFailure, Start
from django_autoreload_plus.supervisor.state import Phase, State
from supervisor.alone import FAILURE


def test_the_live_code_fails_while_the_next_one_starts() -> None:
    """The fix of code that has failed late would be ended, and its failure shown again."""
    starting = State(Phase.STARTING, newest=2, live=1, serves=True)
    state, actions = policy.step(starting, events.StartFailed(1, FAILURE))
    assert (state.phase, state.live) == (Phase.STARTING, 0)
    assert actions == (Kill(1),)


def test_the_live_code_fails_while_a_change_is_looked_at() -> None:
    """A change that may be the fix would not be tried, or the failure not be shown."""
    deciding = State(Phase.DECIDING, newest=1, live=1, serves=True, inspecting=True)
    held, _ = policy.step(deciding, events.StartFailed(1, FAILURE))
    _, actions = policy.step(held, events.Inspected("new"))
    assert Start(2) in actions
    _, actions = policy.step(held, events.Inspected("known"))
    assert ShowFailure(FAILURE) in actions


DEBUGGED = State(
    Phase.DECIDING, newest=1, live=1, serves=True, inspecting=True, prompts=frozenset({1})
)


def test_a_change_waits_for_the_prompt() -> None:
    """A save would end the process that is being looked into."""
    state, actions = policy.step(DEBUGGED, events.Inspected("new"))
    assert actions == (Defer(),)
    # Said once, however often it is saved.
    state, actions = policy.step(state, events.FilesChanged(frozenset({"a.py"})))
    state, again = policy.step(state, events.Inspected("syntax", FAILURE))
    assert Defer() not in (*actions, *again)
    state, actions = policy.step(state, events.Inspected("known"))
    assert actions == ()
    _, actions = policy.step(state, events.PromptLeft(1))
    assert ShowFailure(FAILURE) in actions
    undone, actions = policy.step(state, events.Inspected("same"))
    assert actions == (Admit(1),)
    assert undone.deferred is None


def test_a_start_with_a_prompt_is_not_ended() -> None:
    """The same for a prompt in code that is being imported."""
    starting = replace(DEBUGGED, phase=Phase.STARTING, newest=2, prompts=frozenset({2}))
    waiting, actions = policy.step(starting, events.Inspected("new"))
    assert actions == (Defer(),)
    _, actions = policy.step(waiting, events.PromptLeft(2))
    assert Kill(2) in actions
    assert Start(3) in actions
    # What it goes on to say is about old code.
    failed, actions = policy.step(waiting, events.StartFailed(2, FAILURE))
    assert actions == ()
    assert Start(3) in policy.step(failed, events.PromptLeft(2))[1]


def test_a_program_that_turns_out_to_run_with_a_prompt_is_not_ended() -> None:
    """A save at a prompt that has just opened would end it all the same."""
    starting = replace(DEBUGGED, phase=Phase.STARTING, newest=2, prompts=frozenset({2}))
    live = events.Live(2, serves=True, outdated=True)
    waiting, _ = policy.step(starting, events.Inspected("new"))
    for before, expected in ((waiting, False), (replace(starting, inspecting=False), True)):
        state, actions = policy.step(before, live)
        assert state.live == 2
        assert Start(3) not in actions
        assert (Defer() in actions) is expected
        assert Start(3) in policy.step(state, events.PromptLeft(2))[1]


def test_no_page_while_the_process_that_has_failed_ends() -> None:
    """A request after the fix would be answered with the failure before it."""
    broken = State(Phase.BROKEN, newest=2, ending=2, at_once=True, inspecting=True)
    state, actions = policy.step(broken, events.Inspected("new"))
    assert state.phase is Phase.CLEARING
    assert Pause() in actions
