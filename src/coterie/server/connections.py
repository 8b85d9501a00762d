"""Live connections: every WebSocket of this server with the person behind it, and how they end."""

from __future__ import annotations

from typing import Any, Protocol, cast
from weakref import WeakSet

from tornado.websocket import WebSocketHandler

from coterie.server.access import Access
from coterie.wire.close_codes import ACCESS_ENDED, ROLE_CHANGED, SERVICE_UNREACHABLE, CloseCode


class Connection(Protocol):
    """A WebSocket handler that went through the gate."""

    coterie_access: Access
    coterie_ended: CloseCode | None
    ws_connection: Any

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...


class Connections:
    """Who is connected, from the moment the gate let the handshake pass."""

    def __init__(self) -> None:
        self._handlers: WeakSet[WebSocketHandler] = WeakSet()

    def add(self, handler: WebSocketHandler) -> None:
        """Take *handler* in, whose ``coterie_access`` is set."""
        self._handlers.add(handler)

    def discard(self, handler: WebSocketHandler) -> None:
        """Its connection is closed or its handshake failed."""
        self._handlers.discard(handler)

    def names(self) -> set[str]:
        """The Hub names of everybody who is connected."""
        return {connection.coterie_access.name for connection in self._all()}

    def apply(self, name: str, access: Access | None) -> None:
        """Hold *name*'s connections to *access*; None ends them."""
        for connection in self._of(name):
            if access is None or access.person != connection.coterie_access.person:
                _end(connection, ACCESS_ENDED)
            elif access != connection.coterie_access:
                _change(connection, access)

    def suspend(self, name: str) -> None:
        """End *name*'s connections because nobody can say whether they may go on."""
        for connection in self._of(name):
            _end(connection, SERVICE_UNREACHABLE)

    def _of(self, name: str) -> list[Connection]:
        return [connection for connection in self._all() if connection.coterie_access.name == name]

    def _all(self) -> list[Connection]:
        return [cast(Connection, handler) for handler in self._handlers]


def _change(connection: Connection, access: Access) -> None:
    had = connection.coterie_access
    connection.coterie_access = access
    if hasattr(connection, "access_changed"):
        connection.access_changed(access)
    elif not access.allows(had.role):
        # It was opened with a role that may no longer be enough, and only opening it anew would check.
        _end(connection, ROLE_CHANGED)


def _end(connection: Connection, code: CloseCode) -> None:
    if connection.coterie_ended is not None:
        return
    # From here on the gate passes none of its frames on, whatever the client makes of the close.
    connection.coterie_ended = code
    if connection.ws_connection is not None:  # else the handshake is still under way, and ends it when it is done
        end(connection, code)


def end(connection: Connection, code: CloseCode) -> None:
    """Close *connection* with *code*, as its handler does it if it has a way of its own."""
    if hasattr(connection, "end"):
        connection.end(code)
    else:
        connection.close(code.status, code.reason)
