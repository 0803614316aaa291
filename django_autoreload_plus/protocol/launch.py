"""The data with which the supervisor, a child and a parent's process begin."""

from __future__ import annotations

import json
import os
from typing import TypeVar

from ..options import Options
from ..records import asdict, dataclass, field
from . import shared_memory
from .address import Address
from .codec import build
from .command_line import Entry
from .messages import ProjectInfo

#: Carries a :class:`Launch` to the supervisor, taken out when it has been read.
ENVIRONMENT = "DJANGO_AUTORELOAD_PLUS_LAUNCH"
#: Tells a child which inherited descriptor holds its :class:`ChildLaunch`: a variable
#: itself has no room for the files of a large project.
CHILD_ENVIRONMENT = "DJANGO_AUTORELOAD_PLUS_CHILD"
#: Carries a :class:`ParentLaunch`.
PARENT_ENVIRONMENT = "DJANGO_AUTORELOAD_PLUS_PARENT"
#: The variable that is ``"true"`` in the child, and tells it from the process the user started.
RUN_MAIN = "RUN_MAIN"
_Kind = TypeVar("_Kind", "Launch", "ChildLaunch", "ParentLaunch")


@dataclass(frozen=True)
class FirstChild:
    """A child that was started before its supervisor: its id, and inherited descriptors."""

    pid: int
    channel: int
    gate: int
    trail: int
    #: An epoll instance that takes the place of the watcher's event queue.
    events: int
    #: Signals that wait until the supervisor handles them.
    blocked: tuple[int, ...] = ()


@dataclass(frozen=True)
class Launch:
    """A program and what was known about it before its first start."""

    entry: Entry
    options: Options = field(default_factory=Options)
    #: The program runs from its first line, not only when it tells so or listens. It is
    #: ended gently, whatever it does, and its end by itself is that of the command.
    at_once: bool = False
    #: The options that the command line has given: they win over the program's own.
    given: tuple[str, ...] = ()
    project: ProjectInfo = field(default_factory=ProjectInfo)
    #: Where to show a failure when the program has not asked for a socket yet.
    address: Address | None = None
    #: A module that the child loads once the one named ``plugin_after`` is
    #: there: how a framework's side of the reloader gets in, also when the
    #: framework's own start fails half-way.
    plugin: str = ""
    plugin_after: str = ""
    #: The environment that the command was started with is no longer known.
    environment_lost: bool = False
    #: The names under which code asks for the variable that tells the child from its parent.
    role_variables: tuple[str, ...] = (RUN_MAIN,)
    #: An inherited descriptor: the channel to the process that plays the parent, or -1.
    parent: int = -1
    #: The program has a server that asks for its socket; others it binds are beside the point.
    has_server: bool = False
    first_child: FirstChild | None = None


@dataclass(frozen=True)
class ChildLaunch:
    """The data with which a child begins."""

    generation: int
    plugin: str = ""
    plugin_after: str = ""
    #: Nothing has been live yet: what a start prints is still to be printed.
    first: bool = True
    #: The latest known; the program's configuration may say otherwise.
    options: Options = field(default_factory=Options)
    #: As :attr:`Launch.at_once`.
    at_once: bool = False
    #: No other process of the program is there.
    alone: bool = False
    #: As :attr:`Launch.given`.
    given: tuple[str, ...] = ()
    #: Files not to be loaded from bytecode.
    changed: tuple[str, ...] = ()
    #: Another start from the command line would come to the same state.
    repeatable: bool = True
    #: See :attr:`Launch.has_server`.
    has_server: bool = False
    #: Measure the start, tell of it, and end when everything is loaded.
    measures: bool = False
    #: Inherited descriptors: the channel, the gate, the watcher's event queue (or
    #: -1), and where to leave traces.
    channel: int = -1
    gate: int = -1
    events: int = -1
    trail: int = -1
    #: Its end says that the program may run; -1: it may.
    turn: int = -1


@dataclass(frozen=True)
class ParentLaunch:
    """The data with which a process that plays the parent begins."""

    #: An inherited descriptor.
    channel: int
    plugin: str = ""
    plugin_after: str = ""


def child_in_memory(launch: ChildLaunch) -> int:
    """A descriptor of shared memory that holds what the child is launched with."""
    descriptor = shared_memory.create("autoreload-launch")
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


def parent_from_environment() -> ParentLaunch | None:
    """Take the :class:`ParentLaunch` out of the environment, if there is one."""
    text = os.environ.pop(PARENT_ENVIRONMENT, None)
    return None if text is None else _built(text, ParentLaunch, "parent launch")


def from_environment() -> Launch | None:
    """Take the :class:`Launch` out of the environment, if there is one."""
    text = os.environ.pop(ENVIRONMENT, None)
    return None if text is None else _built(text, Launch, "launch")


def _built(text: str, kind: type[_Kind], what: str) -> _Kind:
    launch = build(kind, json.loads(text), what)
    assert isinstance(launch, kind)
    return launch
