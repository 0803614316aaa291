"""The gate that every kind of server asks before it accepts a connection or begins a request.

The contract of a server on a socket of the supervisor's:

1. It gets the listening socket from :meth:`.Connection.listen` and gives itself to
   :meth:`.Connection.serve`; from then on the supervisor calls the methods of
   :class:`.child.framework.Server`, from another thread.
2. It asks :meth:`AcceptGate.is_open` just before and just after it accepts a connection,
   and again before it reads a request: a file may have been saved in between.
3. A connection on which nothing was read yet, and which it may not serve, it gives to
   :meth:`AcceptGate.hand_back` once the gate says ``retired`` or ``released``.
4. It calls :meth:`AcceptGate.began` before it answers a request, :meth:`AcceptGate.before_answer`
   before it sends a part of the answer, :meth:`AcceptGate.answered` when that is complete and
   :meth:`AcceptGate.ended` in any case, and ends a connection after an answer rather than wait
   for the next request on it.
5. Its main loop returns when it has retired and no answer is under way, or when it was told to
   ``end()``. It sets ``retired`` in ``retire()``, ``released`` in ``release()``, and takes
   ``released`` back in ``resume()``.
6. The listening socket does not block, and other processes accept from it, too. The mode of an
   accepted or adopted connection is the server's to set.
7. Django mixes ``ThreadingMixIn`` into the class of a WSGI server unless the user says
   ``--nothreading``: without it one connection is served after the other.
"""

from __future__ import annotations

import socket

from ...child.connection import Connection
from ...protocol import messages as m


class AcceptGate:
    """Whether this process may begin a request right now."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        #: Another process serves from now on: begin nothing more.
        self.retired = False
        #: While the gate is closed, requests are not to wait in this process.
        self.released = False

    def is_open(self) -> bool:
        """Whether a request may be begun; waits until every file event is decided about."""
        return not self.retired and self._link.gate.admits(self._link.slot)

    def hand_back(self, connection: socket.socket) -> None:
        """Give a connection to whoever serves the new code; close it here afterwards."""
        self._link.send(m.HandBack(), [connection.fileno()])

    def began(self) -> None:
        """A request is about to be answered; :meth:`ended` follows, whatever happens."""
        self._link.under_way.begin()

    def ended(self) -> None:
        """It is under way no longer."""
        self._link.under_way.end()

    def before_answer(self) -> None:
        """A part of an answer is about to be sent: have watched what was loaded for it."""
        self._link.before_answer()

    def answered(self) -> None:
        """A request has been answered."""
        self._link.answered()
