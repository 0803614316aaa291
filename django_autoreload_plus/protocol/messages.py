"""The messages between the supervisor and its children.

Frozen dataclasses, sent as JSON. Paths are absolute; times are nanoseconds of
the system clock, durations seconds. A descriptor that travels with a message is
attached to it by the channel (see :mod:`.channel`).
"""

from __future__ import annotations

from ..options import Options
from ..records import dataclass, field
from .address import Address
from .failure import Failure
from .measured import Import, Point
from .probes import Probe
from .reasons import Reason

#: Raised when a message changes its meaning; both ends come from one
#: installation, so a difference means that it was upgraded while running.
VERSION = 8

#: The exit code of a program that Ctrl-C has ended while it was loaded, as of shells.
INTERRUPTED = 130
#: The exit code with which a child asks for a fresh start.
RESTART_CODE = 3
#: The label of the checkpoint taken when everything is loaded and nothing is served yet.
READY = "ready"
#: The label of the checkpoint taken before the first line of a program whose command is not known.
PROGRAM = "program"
#: The label of the checkpoint taken before any code of the project's but its entry.
SETTINGS = "settings"
#: The label of the checkpoint between the two, when the settings are loaded.
APPS = "apps"
#: The label of the checkpoint taken when the framework has loaded its applications.
SETUP = "setup"


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
    #: Paths at which a module was looked for and not found.
    missing: tuple[str, ...] = ()
    #: ``(directory, pattern)`` pairs the program wants to have watched.
    globs: tuple[tuple[str, str], ...] = ()
    #: Files the program itself writes: state, not code. Sources are told of only
    #: while it starts: generated for this start, and code like any other after it.
    written: tuple[str, ...] = ()
    #: What was asked of the file system without opening a file, with the first answers.
    probes: tuple[Probe, ...] = ()
    #: The answers that are others now because the program itself has changed them.
    changed_probes: tuple[Probe, ...] = ()


@dataclass(frozen=True)
class ProjectInfo:
    """Facts about the program that the supervisor needs."""

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
    #: The variable ``TZ`` (``""``: not set), which decides about the time in the program's
    #: own lines; ``None``: unknown.
    time_zone: str | None = None


@dataclass(frozen=True)
class Configured:
    """Child: the options and facts that its configuration gives."""

    options: Options = field(default_factory=Options)
    project: ProjectInfo = field(default_factory=ProjectInfo)


@dataclass(frozen=True)
class Listen:
    """Child: I need a socket listening at this address.

    Without ``bind`` only one that an older child has left: otherwise the program binds its own.
    """

    address: Address
    bind: bool = True


@dataclass(frozen=True)
class Keep:
    """Child: the program listens there, on the attached socket; keep it for later children."""

    address: Address
    #: Processes of the program accept there, which say :class:`Serving` when they begin.
    by_workers: bool = False


@dataclass(frozen=True)
class Listening:
    """Supervisor: here it is (attached), or a ``message`` why not, with its ``errno`` if any."""

    error: int = 0
    message: str = ""


@dataclass(frozen=True)
class AskClearance:
    """Child: I wait before doing what only one process may do at a time."""

    #: The audit event.
    act: str
    #: A database file, which matters only if another process of ours has it locked.
    database: str = ""


@dataclass(frozen=True)
class Cleared:
    """Supervisor: go on. ``alone``: no older process is left, you need not ask again."""

    alone: bool = True


@dataclass(frozen=True)
class Started:
    """Child: everything is loaded, the program itself runs now."""

    #: It follows the convention of the exit code 3.
    restarts: bool = True
    #: A thread of it reads what the supervisor sends.
    reads_messages: bool = True


@dataclass(frozen=True)
class Serving:
    """Child: I accept connections."""

    #: Checks follow; it ends them by :class:`Say` or :class:`Failed`.
    unchecked: bool = False


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
class Replacing:
    """Child: I become another image (``exec``), which will use the attached channel.

    Without a channel: it could not be done.
    """


@dataclass(frozen=True)
class Say:
    """Child: what its checks have to say, for the terminal if it is new."""

    text: str
    #: The child has printed it already.
    printed: bool = False


@dataclass(frozen=True)
class Prompt:
    """Child: a debugger's prompt is open, or has been left."""

    is_open: bool
    #: In the main thread, which gets SIGINT.
    main: bool = False
    #: It was left by a step: the debugger is expected back.
    steps: bool = False


@dataclass(frozen=True)
class Resume:
    """Supervisor: nothing changed, accept connections again."""


@dataclass(frozen=True)
class Release:
    """Supervisor: somebody else answers for now; give back what waits for you."""


@dataclass(frozen=True)
class Retire:
    """Supervisor: newer code takes over; finish what is being answered, then exit.

    After ``grace`` seconds exit although something is still being answered. A second
    one may shorten that.
    """

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
class AskLoaded:
    """Supervisor: report now what was loaded since the last report."""

    token: int


@dataclass(frozen=True)
class Reported:
    """Child: everything up to here has been reported."""

    token: int


@dataclass(frozen=True)
class AskWatched:
    """Child: close the attached descriptor when all that I have reported is watched.

    Who holds the other end waits for that: it takes no thread that reads answers, and any
    number of threads, and of the program's processes, can wait.
    """


@dataclass(frozen=True)
class HandBack:
    """Child: a connection (attached) on which nothing was read yet."""


@dataclass(frozen=True)
class WorkersChannel:
    """Child: worker processes of the program report on the attached socket."""


@dataclass(frozen=True)
class Adopt:
    """Supervisor: serve this connection (attached) that another one accepted."""


# -- checkpoints ----------------------------------------------------------


@dataclass(frozen=True)
class OpenFile:
    """A file or folder that is open, and what stood at its path then."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True)
class Froze:
    """Child: I freeze here; my orders come over the attached channel."""

    label: str
    pid: int
    #: Time spent importing so far, in seconds.
    elapsed: float = 0.0
    #: Exit handlers wait in it, so that it has to outlive what follows it.
    handlers: bool = False
    #: The files that are open: a fresh start would open those that stand there now.
    open_files: tuple[OpenFile, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Child: no checkpoint could be taken here, and why."""

    label: str
    reason: Reason


@dataclass(frozen=True)
class Fork:
    """Supervisor to a checkpoint: make a process with the attached channel."""

    token: int


@dataclass(frozen=True)
class Forked:
    """Checkpoint: there it is."""

    token: int
    pid: int


@dataclass(frozen=True)
class Exited:
    """Checkpoint: a process made from it has ended."""

    pid: int
    status: int


@dataclass(frozen=True)
class Used:
    """Child: requests have used these; the framework's adapter knows what the keys stand for."""

    uses: tuple[str, ...]


@dataclass(frozen=True)
class Answered:
    """Child: I have answered my first request."""

    #: Nothing else was done meanwhile that could have waited.
    undisturbed: bool = False


@dataclass(frozen=True)
class Touched:
    """Child: what I had written to of the memory of the checkpoint I was made from.

    Addresses, each with the number of pages in a row, up to the next checkpoint taken.
    """

    label: str
    pages: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Compute:
    """Supervisor to a checkpoint: compute now what requests with these keys need."""

    uses: tuple[str, ...]


@dataclass(frozen=True)
class ReadCode:
    """Supervisor to a checkpoint: read the bytecode of these sources, as time permits."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class CodeRead:
    """Checkpoint: it is read; I keep the code of so many modules."""

    modules: int


@dataclass(frozen=True)
class Dissolve:
    """Supervisor to a checkpoint: run your exit handlers and go."""


@dataclass(frozen=True)
class Waiting:
    """A process made from a checkpoint: I do nothing but wait for :class:`Go`."""


@dataclass(frozen=True)
class Swap:
    """A file whose function bodies are to be exchanged: marshalled code, as hexadecimal digits."""

    path: str
    old: str
    new: str
    #: Statements that went and came; the two codes are without them.
    names: str = ""
    #: What differs, in words; none: only line numbers do.
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class SwapRefused:
    """Child: exchanging the bodies would not give what a fresh start gives."""

    reason: Reason


@dataclass(frozen=True)
class Go:
    """Supervisor to a process made from a checkpoint: go on from there."""

    generation: int
    #: No other process of the program is there.
    alone: bool = False
    #: Files not to be loaded from bytecode.
    changed: tuple[str, ...] = ()
    #: Modules before whose import a checkpoint is wanted, if it is worth it.
    points: tuple[str, ...] = ()
    #: Those of them that have just been edited: it is.
    edited: tuple[str, ...] = ()
    #: Nothing has been live yet: print what a start prints.
    first: bool = False
    checkpoints: bool = True
    swaps: tuple[Swap, ...] = ()
    #: What requests have used, as in :class:`Used`.
    uses: tuple[str, ...] = ()
    #: Changes that the program can take without being loaded anew.
    taken: tuple[str, ...] = ()
    #: The addresses of the attached listening sockets, in order.
    sockets: tuple[Address, ...] = ()
    #: Tell by :class:`Touched` what was written to.
    learn: bool = False


@dataclass(frozen=True)
class Measured:
    """A child that was to measure its start: everything is loaded, and I end now."""

    imports: tuple[Import, ...]
    points: tuple[Point, ...]
    #: When everything was loaded, in seconds since the program began.
    end: float
    #: When the program began, by the monotonic clock.
    begin: float


#: Messages of a child, and of a process that is to become one.
FromChild = (
    Hello
    | Loaded
    | Configured
    | Listen
    | Keep
    | AskClearance
    | Started
    | Serving
    | Failed
    | Finished
    | Restart
    | Replacing
    | Say
    | Prompt
    | Handled
    | Reported
    | AskWatched
    | HandBack
    | WorkersChannel
    | Used
    | Answered
    | Touched
    | Waiting
    | Froze
    | Refused
    | SwapRefused
)
#: Those of them that worker processes of the program send, by a socket of their own.
FromWorker = Loaded | Serving | Failed | HandBack | AskWatched
#: Messages to a child, and to a process that is to become one.
ToChild = Listening | Cleared | Resume | Release | Retire | Changed | AskLoaded | Adopt | Go
#: Messages of a checkpoint.
FromCheckpoint = Forked | Exited | CodeRead
#: Messages to a checkpoint.
ToCheckpoint = Fork | Compute | ReadCode | Dissolve

#: Messages of a child with descriptors: at least and at most so many.
DESCRIPTORS: dict[type, tuple[int, int]] = {
    HandBack: (1, 1),
    WorkersChannel: (1, 1),
    Froze: (1, 1),
    Keep: (1, 1),
    AskWatched: (1, 1),
    Replacing: (0, 1),
}

Message = FromChild | ToChild | FromCheckpoint | ToCheckpoint | Measured

REGISTRY: dict[str, type] = {cls.__name__: cls for cls in Message.__args__}
