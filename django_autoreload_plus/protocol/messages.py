"""The messages between the supervisor and its children.

Frozen dataclasses, sent as JSON. Paths are absolute; times are nanoseconds of
the system clock, durations seconds. A descriptor that travels with a message is
attached to it by the channel (see :mod:`.channel`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .failure import Failure
from .options import Options

#: Raised when a message changes its meaning; both ends come from one
#: installation, so a difference means that it was upgraded while running.
VERSION = 1

#: The exit code of a program that Ctrl-C has ended while it was loaded, as of shells.
INTERRUPTED = 130
#: The label of the copy taken when everything is loaded and nothing is served yet.
READY = "ready"


@dataclass(frozen=True)
class Hello:
    """Child: the channel works; this is who I am."""

    pid: int
    version: int = VERSION


@dataclass(frozen=True)
class LoadedFile:
    """A file that shaped the process, and when it was first looked for."""

    path: str
    time: int
    #: The module made from it, or ``""`` for a file read as data.
    module: str = ""


@dataclass(frozen=True)
class Loaded:
    """Child: what shaped this process since the last report, in order."""

    files: tuple[LoadedFile, ...] = ()
    #: Places where a module was looked for and not found.
    missing: tuple[str, ...] = ()
    #: ``(directory, pattern)`` pairs the program wants to have watched.
    globs: tuple[tuple[str, str], ...] = ()
    #: Files the program itself writes: state, not code. Sources are told of only
    #: while it starts: generated for this start, and code like any other after it.
    written: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the supervisor has to know about the program it runs."""

    #: Show failures in full (a debug setting); else answer with a bare 500.
    debug: bool = True
    allowed_hosts: tuple[str, ...] = ()
    #: As the command line and the settings want it; ``None``: where a terminal can show it.
    color: bool | None = None
    verbosity: int = 1
    #: Somebody besides the framework itself wants to be asked about changes.
    asks: bool = False
    #: Project folders: code below them is the user's own.
    roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Configured:
    """Child: the options and facts that its configuration gives."""

    options: Options = field(default_factory=Options)
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class Listen:
    """Child: I need a socket listening at this address."""

    host: str
    port: int
    ipv6: bool = False


@dataclass(frozen=True)
class Listening:
    """Supervisor: here it is (attached), or a ``message`` why not, with its ``errno`` if any."""

    error: int = 0
    message: str = ""


@dataclass(frozen=True)
class Started:
    """Child: everything is loaded, the program itself runs now."""


@dataclass(frozen=True)
class Serving:
    """Child: I accept connections."""


@dataclass(frozen=True)
class Failed:
    """Child: the code cannot start; I am about to exit."""

    failure: Failure


@dataclass(frozen=True)
class Finished:
    """Child: the program ended by itself; the command ends with this code."""

    code: int


@dataclass(frozen=True)
class Restart:
    """Child: the program itself asks for a fresh start."""


@dataclass(frozen=True)
class Say:
    """Child: what its checks have to say, for the terminal if it is new."""

    text: str
    #: The child has printed it already.
    printed: bool = False


@dataclass(frozen=True)
class Resume:
    """Supervisor: nothing changed, accept connections again."""


@dataclass(frozen=True)
class Release:
    """Supervisor: somebody else answers for now; give back what waits for you."""


@dataclass(frozen=True)
class Retire:
    """Supervisor: newer code takes over; finish what is being answered."""

    grace: float


@dataclass(frozen=True)
class Changed:
    """Supervisor: these files changed; take those that you can."""

    token: int
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Handled:
    """Child: these were taken, all others need a new process."""

    token: int
    paths: tuple[str, ...] = ()
    translations: bool = False


@dataclass(frozen=True)
class HandBack:
    """Child: a connection (attached) on which nothing was read yet."""


@dataclass(frozen=True)
class Adopt:
    """Supervisor: serve this connection (attached) that another one accepted."""


# -- checkpoints ----------------------------------------------------------


@dataclass(frozen=True)
class Froze:
    """Child: I freeze here; my orders come over the attached channel."""

    label: str
    pid: int
    #: Time spent importing so far, in seconds.
    elapsed: float = 0.0
    #: Exit handlers wait in it, so that it has to outlive what follows it.
    handlers: bool = False


@dataclass(frozen=True)
class Refused:
    """Child: no copy could be taken here, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Fork:
    """Supervisor to a frozen copy: make a process with the attached channel."""

    token: int


@dataclass(frozen=True)
class Forked:
    """Frozen copy: there it is."""

    token: int
    pid: int


@dataclass(frozen=True)
class Exited:
    """Frozen copy: a process made from it has ended."""

    pid: int
    status: int


@dataclass(frozen=True)
class Used:
    """Child: requests have used these (languages), for which tables are computed."""

    languages: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """Child: I have answered my first request."""


@dataclass(frozen=True)
class Touched:
    """Child: what I had written to of the memory of the copy I was made from.

    Addresses, each with the number of pages in a row, up to the next copy taken.
    """

    label: str
    pages: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Compute:
    """Supervisor to a frozen copy: compute the tables for these languages now."""

    languages: tuple[str, ...]


@dataclass(frozen=True)
class Dissolve:
    """Supervisor to a frozen copy: run your exit handlers and go."""


@dataclass(frozen=True)
class Waiting:
    """A process made from a frozen copy: I do nothing but wait for :class:`Go`."""


@dataclass(frozen=True)
class Swap:
    """A file whose function bodies are to be exchanged: marshalled code, as base64."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class SwapRefused:
    """Child: exchanging the bodies would not give what a fresh start gives."""

    reason: str


@dataclass(frozen=True)
class Go:
    """Supervisor to a process made from a frozen copy: go on from there."""

    generation: int
    #: Files not to be loaded from bytecode.
    changed: tuple[str, ...] = ()
    #: Modules before whose import a checkpoint is wanted, if it is worth it.
    stops: tuple[str, ...] = ()
    #: Those of them that have just been edited: it is.
    edited: tuple[str, ...] = ()
    #: Nothing has been live yet: print what a start prints.
    first: bool = False
    checkpoints: bool = True
    swaps: tuple[Swap, ...] = ()
    #: Languages in which requests have come.
    languages: tuple[str, ...] = ()
    #: Changes that the program can take without being loaded anew.
    taken: tuple[str, ...] = ()
    #: What the attached descriptors listen to.
    sockets: tuple[Listen, ...] = ()
    #: Tell by :class:`Touched` what was written to.
    learn: bool = False


Message = (
    Hello
    | Loaded
    | Configured
    | Listen
    | Listening
    | Started
    | Serving
    | Failed
    | Finished
    | Restart
    | Say
    | Resume
    | Release
    | Retire
    | Changed
    | Handled
    | HandBack
    | Adopt
    | Froze
    | Refused
    | Fork
    | Forked
    | Exited
    | Dissolve
    | Go
    | SwapRefused
    | Waiting
    | Used
    | Answered
    | Touched
    | Compute
)

REGISTRY: dict[str, type] = {cls.__name__: cls for cls in Message.__args__}
