"""Gives a forked process handles of its own in place of those by which a program wakes itself.

An event loop that was made, and does not run, has an epoll object and a pipe, a pair of
sockets or an eventfd, of which this process alone holds both ends (Linux). A ``fork()`` would
share them with the checkpoint. While nothing waits in them, new ones in their places, under
the same numbers, with the same flags and registrations, cannot be told from them.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ...records import dataclass
from .status_flags import status_flags
from .unix_sockets import UnixSocket, look

#: What is registered with an epoll object, as proc_pid_fdinfo(5) shows it: in hex, but the number.
_REGISTERED = re.compile(
    r"^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+) +pos:\S+ ino:([0-9a-f]+)", re.MULTILINE
)
_EVENTFD = re.compile(r"^eventfd-(count|id|semaphore): +([0-9a-f]+)$", re.MULTILINE)
#: EPOLLET and EPOLLONESHOT: registered anew, an event would be reported for a second time.
_ONCE = 1 << 31 | 1 << 30
_INT = (1 << 32) - 1


class Handle(Protocol):
    """A thing of the kernel's that can be made anew."""

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Its numbers in this process."""

    def renew(self) -> None:
        """Put another one, alike, in its place. :class:`OSError`: it cannot be made."""


@dataclass(frozen=True)
class Pipe:
    """A pipe: the descriptors of the end to read from, and of the other."""

    descriptors: tuple[int, ...]

    def renew(self) -> None:
        """See :class:`Handle`."""
        _put(os.pipe(), self.descriptors)


@dataclass(frozen=True)
class SocketPair:
    """Two sockets that are connected with each other."""

    descriptors: tuple[int, ...]
    type: int

    def renew(self) -> None:
        """See :class:`Handle`."""
        _put(_socket_pair(self.type), self.descriptors)


@dataclass(frozen=True)
class EventFd:
    """An eventfd, with the value 0."""

    descriptors: tuple[int, ...]
    flags: int

    def renew(self) -> None:
        """See :class:`Handle`."""
        _put([os.eventfd(0, self.flags)], self.descriptors)


@dataclass(frozen=True)
class Epoll:
    """An epoll object; ``registered``: descriptors, each with the events waited for."""

    descriptors: tuple[int, ...]
    registered: tuple[tuple[int, int], ...]

    def renew(self) -> None:
        """See :class:`Handle`. What is registered has to be renewed first."""
        with select.epoll() as new:
            for descriptor, events in self.registered:
                new.register(descriptor, events)
            _put([os.dup(new.fileno())], self.descriptors)


def find(candidates: Mapping[int, tuple[int, int]]) -> list[Handle]:
    """The handles among these open descriptors, by identity, that can be renewed.

    They are in the order in which it has to be done.
    """
    kinds: dict[str, list[int]] = defaultdict(list)
    for descriptor in candidates:
        # The listing's own is closed by now.
        with contextlib.suppress(OSError):
            kinds[_kind(descriptor)].append(descriptor)
    return [
        *_pipes({descriptor: candidates[descriptor] for descriptor in kinds["pipe"]}),
        *_socket_pairs({descriptor: candidates[descriptor] for descriptor in kinds["socket"]}),
        *_eventfds(kinds["[eventfd]"]),
        *_epolls(kinds["[eventpoll]"]),
    ]


def _kind(descriptor: int) -> str:
    kind, _, name = os.readlink(f"/proc/self/fd/{descriptor}").partition(":")
    return name if kind == "anon_inode" else kind


def _pipes(ends: Mapping[int, tuple[int, int]]) -> Iterator[Pipe]:
    for found in _by_inode(ends).values():
        found.sort(key=_access)
        if [*map(_access, found)] == [os.O_RDONLY, os.O_WRONLY]:
            with _closed_at_the_end(os.pipe()) as new:
                if all(map(_is_alike, found, new)) and _capacity(found[0]) == _capacity(new[0]):
                    yield Pipe(tuple(found))


def _socket_pairs(ends: Mapping[int, tuple[int, int]]) -> Iterator[SocketPair]:
    single = {inode: found[0] for inode, found in _by_inode(ends).items() if len(found) == 1}
    for inode, descriptor in single.items():
        # Not a Unix socket, or a kernel that tells nothing of them.
        with contextlib.suppress(OSError):
            one, peer = look(descriptor)
            if inode < peer and peer in single:
                pair = descriptor, single[peer]
                with _closed_at_the_end(_socket_pair(one.type)) as new:
                    is_alike = all(map(_is_alike, pair, new))
                    if is_alike and [*map(_look, pair)] == [*map(_look, new)]:
                        yield SocketPair(pair, one.type)


def _by_inode(descriptors: Mapping[int, tuple[int, int]]) -> dict[int, list[int]]:
    """The descriptors of each pipe or socket; there is one file system for all of a kind."""
    found: dict[int, list[int]] = defaultdict(list)
    for descriptor, (_, inode) in descriptors.items():
        found[inode].append(descriptor)
    return found


def _look(descriptor: int) -> UnixSocket:
    return look(descriptor)[0]


def _socket_pair(type_: int) -> tuple[int, int]:
    one, other = socket.socketpair(socket.AF_UNIX, type_)
    return one.detach(), other.detach()


def _eventfds(descriptors: Iterable[int]) -> Iterator[EventFd]:
    known = {descriptor: dict(_EVENTFD.findall(_details(descriptor))) for descriptor in descriptors}
    ids = [details.get("id") for details in known.values()]
    for descriptor, details in known.items():
        # Linux shows the id since 5.2, and whether it is a semaphore since 6.5.
        if ids.count(details.get("id")) == 1 and "semaphore" in details:
            flags = os.EFD_SEMAPHORE if int(details["semaphore"]) else 0
            with _closed_at_the_end([os.eventfd(0, flags)]) as new:
                if int(details["count"], 16) == 0 and _is_alike(descriptor, *new):
                    yield EventFd((descriptor,), flags)


def _epolls(descriptors: list[int]) -> Iterator[Epoll]:
    for descriptor in descriptors:
        others = (other for other in descriptors if other != descriptor)
        registered = [*_registered(descriptor)]
        if None not in registered and not any(_is_the_same(descriptor, other) for other in others):
            yield Epoll((descriptor,), tuple(filter(None, registered)))


def _registered(epoll: int) -> Iterator[tuple[int, int] | None]:
    """Descriptors, each with the events waited for; ``None``: one that cannot be put back."""
    for number, events, data, inode in _REGISTERED.findall(_details(epoll)):
        descriptor, mask = int(number), int(events, 16)
        try:
            # What was registered may have been closed: it counts while it is open elsewhere.
            is_open = os.fstat(descriptor).st_ino == int(inode, 16)
            is_nested = _kind(descriptor) == "[eventpoll]"
        except OSError:
            is_open, is_nested = False, False
        # Python registers the number itself, with a remainder that is left to chance.
        is_plain = int(data, 16) & _INT == descriptor and not mask & _ONCE
        yield (descriptor, mask) if is_open and is_plain and not is_nested else None


def _is_alike(old: int, new: int) -> bool:
    """Whether nothing waits in it, and nothing was set but whether calls wait."""
    flags = [status_flags(descriptor) & ~os.O_NONBLOCK for descriptor in (old, new)]
    return flags[0] == flags[1] and _events(old) == _events(new)


def _events(descriptor: int) -> list[tuple[int, int]]:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLPRI | select.POLLOUT | select.POLLRDHUP)
    return [(0, events) for _, events in poll.poll(0)]


def _is_the_same(one: int, other: int) -> bool:
    """Whether two numbers lead to one open file: then they have one mode."""
    mode, others = os.get_blocking(one), os.get_blocking(other)
    os.set_blocking(one, not mode)
    try:
        return os.get_blocking(other) != others
    finally:
        os.set_blocking(one, mode)


def _put(new: Iterable[int], old: Iterable[int]) -> None:
    for descriptor, number in zip(new, old, strict=True):
        os.set_blocking(descriptor, os.get_blocking(number))
        os.dup2(descriptor, number, os.get_inheritable(number))
        os.close(descriptor)


@contextlib.contextmanager
def _closed_at_the_end(descriptors: Sequence[int]) -> Iterator[Sequence[int]]:
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _details(descriptor: int) -> str:
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="utf-8") as file:
        return file.read()


def _access(descriptor: int) -> int:
    return status_flags(descriptor) & os.O_ACCMODE


def _capacity(pipe: int) -> int:
    import fcntl

    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
