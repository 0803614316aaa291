"""What the supervisor is told when it begins."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from . import anonymous
from .codec import build
from .entry import Entry
from .messages import Facts
from .options import Options

#: Carries a :class:`Launch` to the supervisor, taken out when it has been read.
ENVIRONMENT = "DJANGO_AUTORELOAD_PLUS_LAUNCH"
#: Tells a child which inherited descriptor holds its :class:`ChildLaunch`: a variable
#: itself has no room for the files of a large project.
CHILD_ENVIRONMENT = "DJANGO_AUTORELOAD_PLUS_CHILD"
_Kind = TypeVar("_Kind", "Launch", "ChildLaunch")


@dataclass(frozen=True)
class Address:
    """Where a server is going to listen."""

    host: str
    port: int
    ipv6: bool = False


@dataclass(frozen=True)
class Launch:
    """A program and what was known about it before its first start."""

    entry: Entry
    options: Options = field(default_factory=Options)
    facts: Facts = field(default_factory=Facts)
    #: Where to show a failure when the program has not asked for a socket yet.
    address: Address | None = None
    #: A module that the child loads once the one named ``plugin_after`` is
    #: there: how a framework's side of the reloader gets in, also when the
    #: framework's own start fails half-way.
    plugin: str = ""
    plugin_after: str = ""


@dataclass(frozen=True)
class ChildLaunch:
    """What a child is told when it begins."""

    generation: int
    plugin: str = ""
    plugin_after: str = ""
    #: Nothing has been live yet: what a start prints is still to be printed.
    first: bool = True
    #: The latest known; the program's configuration may say otherwise.
    options: Options = field(default_factory=Options)
    #: Files not to be loaded from bytecode.
    changed: tuple[str, ...] = ()
    #: Inherited descriptors: the channel, the gate, the watcher's event queue (or
    #: -1), and where to leave traces.
    channel: int = -1
    gate: int = -1
    events: int = -1
    trail: int = -1


def child_in_memory(launch: ChildLaunch) -> int:
    """A descriptor of shared memory with all that a child is told."""
    descriptor = anonymous.create("autoreload-launch")
    with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
        json.dump(asdict(launch), file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def child_from_environment() -> ChildLaunch | None:
    """Take what the environment leads to out of it, if there is anything."""
    text = os.environ.pop(CHILD_ENVIRONMENT, None)
    if text is None:
        return None
    with open(int(text), encoding="utf-8") as file:
        return _built(file.read(), ChildLaunch, "child launch")


def from_environment() -> Launch | None:
    """Take the :class:`Launch` out of the environment, if there is one."""
    text = os.environ.pop(ENVIRONMENT, None)
    return None if text is None else _built(text, Launch, "launch")


def _built(text: str, kind: type[_Kind], what: str) -> _Kind:
    launch = build(kind, json.loads(text), what)
    assert isinstance(launch, kind)
    return launch
