"""Sending without blocking: a process that reads nothing must not stop the event loop.

A child may be stopped (SIGSTOP, a debugger in C) while its socket's buffer is full. What it
does not take waits in its channel, and is written when the kernel has room again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..protocol.channel import Channel, ChannelClosed
from ..protocol.messages import Message


def send(channel: Channel, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send a message now or, without waiting, as soon as there is room.

    Raises :class:`~django_autoreload_plus.protocol.channel.ChannelClosed` where it is known
    that the other end is gone, and its subclass
    :class:`~django_autoreload_plus.protocol.channel.ChannelFull` where it reads nothing.
    """
    if not channel.post(message, descriptors):
        asyncio.get_running_loop().add_writer(channel, _write, channel)


def close(channel: Channel) -> None:
    """Read and write nothing more."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(channel)
    loop.remove_writer(channel)
    channel.close()


def _write(channel: Channel) -> None:
    try:
        is_done = channel.flush()
    except ChannelClosed:
        # Whoever reads from the channel comes to know of it.
        is_done = True
    if is_done:
        asyncio.get_running_loop().remove_writer(channel)
