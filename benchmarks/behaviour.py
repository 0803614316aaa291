"""What becomes of broken code, of a save without a change, and of a data file's edit."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

import reload
import session as sessions
from comparison import Behaviour
from harness import fetch
from reload import PAGE, Edit

if TYPE_CHECKING:
    from session import Session

#: A module that is imported by the URLconf: the project cannot start while it is broken.
MODULE = Edit("late module", "late module", "probe/views.py", 'LATE = "{stamp}"')
DATA = Edit("data file", "data file", "probe.env", "data={stamp};")
#: Seconds between two looks where nothing is timed.
UNHURRIED = 0.05
#: After so many seconds, and the time of a start, a reloader has met broken code.
AFTER_BREAKING = 1.5
ANSWERS_WITHIN = 3.0
#: Two saves are surely within one second if the first one comes in its first part, and the second
#: one so many seconds later.
EARLY, BETWEEN = 0.1, 0.5


def observe(session: Session) -> Behaviour:
    """Note what becomes of a touch, of two saves in a second, of a data file and of broken code."""
    touch, twice, data = touched(session), saved_twice(session), data_file(session)
    met, mended = broken(session)
    return Behaviour(touch, data, met, mended, twice)


def touched(session: Session) -> str:
    """Tell whether a file that is written again as it was costs a restart."""
    path = reload.place(session.project, MODULE)
    before = process_of(session.page())
    path.write_bytes(path.read_bytes())
    deadline = time.monotonic() + session.patience
    while time.monotonic() < deadline:
        text = session.asks()
        if text is None or process_of(text) != before:
            session.page()
            session.rest(after=1.0)
            return "restarts"
        time.sleep(UNHURRIED)
    return "nothing"


def process_of(page: str) -> str:
    """Return the process that made the page."""
    return page.partition("process=")[2].partition(";")[0]


def saved_twice(session: Session) -> str:
    """Tell which of two saves of one size is shown that come within a second.

    The second one comes as soon as the first one is shown, or after half a second.
    """
    while time.time() % 1 > EARLY:
        time.sleep(sessions.TICK)
    first = int(sessions.write(session, MODULE, hurried=True))
    deadline = time.monotonic() + BETWEEN
    while time.monotonic() < deadline and not shows_at_least(session, first):
        time.sleep(sessions.TICK)
    second = int(sessions.write(session, MODULE, hurried=True))
    deadline = time.monotonic() + session.patience
    while time.monotonic() < deadline:
        if shows_at_least(session, second):
            session.rest(after=1.0)
            return "the second"
        time.sleep(UNHURRIED)
    stays = shows_at_least(session, first)
    session.start()
    return "the first" if stays else "none"


def shows_at_least(session: Session, stamp: int) -> bool:
    """Tell whether the page shows this save or a later one."""
    return (sessions.shown(session.asks(), MODULE) or 0) >= stamp


def data_file(session: Session) -> str:
    """Tell whether an edit of a file that the settings read is noticed."""
    samples = sessions.measure_edit(session, DATA, 1)
    session.rest(after=1.0)
    is_noticed = any(sample.seconds is not None for sample in samples)
    return "noticed" if is_noticed else "not noticed"


def broken(session: Session) -> tuple[str, str]:
    """Save a syntax error, see what is answered, mend it, and see whether that is shown."""
    path = reload.place(session.project, MODULE)
    good = path.read_bytes()
    path.write_bytes(good + b"\ndef broken(:\n")
    time.sleep(AFTER_BREAKING + session.run.starts[0])
    met = what_is_met(session)
    path.write_bytes(good)
    return met, "by itself" if goes_on(session) else "after a start by hand"


def goes_on(session: Session) -> bool:
    """Tell whether the page comes back, and shows the next edit."""
    try:
        session.page()
    except AssertionError:
        return False
    session.rest(after=session.run.starts[0])
    return sessions.measure_once(session, MODULE).seconds is not None


def what_is_met(session: Session) -> str:
    """Say what a client meets now."""
    try:
        answer = fetch(session.server.port, PAGE, timeout=ANSWERS_WITHIN)
    except ConnectionRefusedError:
        return "connection refused"
    except TimeoutError:
        return "no answer"
    except (OSError, http.client.HTTPException):
        return "connection cut"
    if sessions.shown(answer.text, MODULE) is not None:
        return "the old code answers"
    return (
        "the error"
        if "SyntaxError" in answer.text
        else f"status {answer.status} without the reason"
    )
