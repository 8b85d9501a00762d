"""Loopback ports that nobody listens on."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from coterie.cli.demo.hub import Ports

LOOPBACK = "127.0.0.1"


class PortTaken(Exception):
    """Somebody listens on the port already."""


def choose_ports(public: int) -> Ports:
    """The port *public* (0: any free one) and free ones for the rest. Raises PortTaken."""
    with ExitStack() as held:
        # All are held until the last one is found, so that no two are the same.
        chosen = [held.enter_context(_listen(port)).getsockname()[1] for port in (public, 0, 0, 0)]
    return Ports(*chosen)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    # Connections of a demo that just ended may linger on the port; a listener on it is still an error.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortTaken(f"Port {port} is in use already. Choose another one: --port 0 takes a free one.") from error
    return listener
