"""Loopback ports that nobody listens on."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from coterie.cli.demo.hub import Ports

LOOPBACK = "127.0.0.1"
_OTHER_LOOPBACK = "::1"
#: Below those that Linux gives to whoever asks for any (ip_local_port_range): one of these could go to somebody else
#: between now and when the Hub, the proxy and the service take theirs.
_FREE = range(20_000, 32_000)


class PortTaken(Exception):
    """Somebody listens on the port already."""


def choose_ports(public: int) -> Ports:
    """The port *public* (0: any free one) and free ones for the rest. Raises PortTaken."""
    with ExitStack() as held:
        # All are held until the last one is found, so that no two are the same.
        chosen = [held.enter_context(_listen(port)).getsockname()[1] for port in (public, 0, 0, 0)]
    return Ports(*chosen)


@contextmanager
def kept_from_others(port: int) -> Iterator[None]:
    """Have nobody listen on *port* of the other loopback address either. Browsers try it too for ``*.localhost``, and a
    program there, such as one in a workspace, would be sent people's cookies. Raises PortTaken."""
    with ExitStack() as held:
        try:
            # Bound and never listening: it is taken, and whoever tries it is refused at once.
            held.enter_context(socket.socket(socket.AF_INET6)).bind((_OTHER_LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _taken(port) from error
            # Otherwise this machine has no such address.
        yield


def _listen(port: int) -> socket.socket:
    for candidate in [] if port else random.sample(_FREE, 50):
        with suppress(PortTaken):
            return _listen_at(candidate)
    return _listen_at(port)


def _listen_at(port: int) -> socket.socket:
    listener = socket.socket()
    # Connections of a demo that just ended may linger on the port; a listener on it is still an error.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise _taken(port) from error
    return listener


def _taken(port: int) -> PortTaken:
    return PortTaken(f"Port {port} is in use already. Choose another one: --port 0 takes a free one.")
