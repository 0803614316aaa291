"""What the watch over starts keeps of those that are over."""

from __future__ import annotations

import asyncio
from weakref import ref

from django_autoreload_plus.options import Options
from django_autoreload_plus.own_code import OwnCode
from django_autoreload_plus.protocol.breadcrumbs import Breadcrumbs
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.supervisor.child import Child
from django_autoreload_plus.supervisor.children import Children
from django_autoreload_plus.supervisor.code_state import CodeState
from django_autoreload_plus.supervisor.start_watch import StartWatch
from django_autoreload_plus.supervisor.state import State
from supervisor.virtual_time import VirtualLoop


def test_a_start_that_is_over_is_forgotten() -> None:
    """Each reload would leave the names of all its files behind until the time limit."""
    loop = VirtualLoop()
    trail = Breadcrumbs.create()
    ours, theirs = Channel.pair()
    try:
        loop.run_until_complete(_watch_and_forget(trail, ours))
    finally:
        for opened in (trail, ours, theirs, loop):
            opened.close()


async def _watch_and_forget(trail: Breadcrumbs, channel: Channel) -> None:
    options = Options(start_timeout=120.0)

    def unexpected(*_: object) -> None:
        raise AssertionError("nothing starts any more")

    watch = StartWatch(
        trail,
        # None of its children is there any more.
        Children(
            received=unexpected,
            unreadable=unexpected,
            unresponsive=unexpected,
            worker_failed=unexpected,
            exited=unexpected,
            replaced=unexpected,
            will_reap=lambda _pid: False,
        ),
        CodeState(OwnCode(())),
        at_once=False,
        options=lambda: options,
        state=State,
        loaded=unexpected,
        begun=unexpected,
        runs=unexpected,
        hangs=unexpected,
    )
    child = Child(1, 0, channel)
    reference = ref(child)
    watch.watch(child)
    del child
    await asyncio.sleep(options.start_timeout / 2)
    assert reference() is None
    await asyncio.sleep(options.start_timeout)
