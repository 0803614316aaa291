"""Django's servers on the socket that the supervisor holds; one module for each kind.

A new kind of server is one more module beside these, with its contract in :mod:`.gate`,
and one more case here.
"""

from __future__ import annotations

import sys
from socketserver import BaseServer
from typing import Any

from ...child.connection import Connection
from ...protocol.address import Address
from .daphne import held_daphne
from .wsgi import held_server


def on_shared_socket(server_class: Any, link: Connection, command: Any) -> Any:
    """``server_class`` serving on the supervisor's socket; ``None`` for an unknown kind.

    ``command`` is the ``runserver`` that has chosen the class and knows the address.
    """
    if issubclass(server_class, BaseServer):
        return held_server(server_class, link)
    daphne = sys.modules.get("daphne.server")
    if daphne is not None and issubclass(server_class, daphne.Server):
        address = Address(command.addr, int(command.port), command.use_ipv6)
        return held_daphne(server_class, link, address)
    return None
