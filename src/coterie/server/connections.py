"""Live connections: every WebSocket of this server, and every request that is still being answered, with the person
behind it, and how they end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol, cast
from weakref import WeakSet

from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from coterie.server.access import Access
from coterie.wire.close_codes import ACCESS_ENDED, ROLE_CHANGED, SERVICE_UNREACHABLE, CloseCode

log = logging.getLogger("coterie")


class Connection(Protocol):
    """A WebSocket's handler that went through the gate. Another request's is one without a ``ws_connection``."""

    coterie_access: Access
    coterie_ended: CloseCode | None
    ws_connection: Any

    def close(self, code: int | None = None, reason: str | None = None) -> None: ...


class Connections:
    """Who is connected or being answered, from the moment the gate let the request pass. *on_pass* is told of each."""

    def __init__(self, on_pass: Callable[[RequestHandler, str], None] = lambda *_: None) -> None:
        self._handlers: WeakSet[RequestHandler] = WeakSet()
        self._on_pass = on_pass

    def add(self, handler: RequestHandler) -> None:
        """Take *handler* in, whose ``coterie_access`` is set."""
        self._handlers.add(handler)
        self._on_pass(handler, cast(Connection, handler).coterie_access.name)

    def discard(self, handler: RequestHandler) -> None:
        """Its connection is closed, its handshake failed, or all of its answer is written."""
        self._handlers.discard(handler)

    def names(self) -> set[str]:
        """The Hub names of everybody who is connected."""
        return {connection.coterie_access.name for connection in self._all()}

    def apply(self, name: str, access: Access | None) -> None:
        """Hold *name*'s connections to *access*; None ends them."""
        for connection in self._of(name):
            if access is None or _is_somebody_else(access, connection.coterie_access):
                _end(connection, ACCESS_ENDED)
            elif access != connection.coterie_access:
                _change(connection, access)

    def suspend(self, name: str) -> None:
        """End *name*'s connections because nobody can say whether they may go on."""
        for connection in self._of(name):
            _end(connection, SERVICE_UNREACHABLE)

    def _of(self, name: str) -> list[Connection]:
        """Those that go on: what has been ended is ended."""
        return [
            connection
            for connection in self._all()
            if connection.coterie_access.name == name and connection.coterie_ended is None
        ]

    def _all(self) -> list[Connection]:
        return [cast(Connection, handler) for handler in self._handlers]


def _is_somebody_else(access: Access, had: Access) -> bool:
    """Whether an account of this name was made anew. A home's owner has no id while the service cannot be asked."""
    return "" not in (access.person, had.person) and access.person != had.person


def _change(connection: Connection, access: Access) -> None:
    had = connection.coterie_access
    connection.coterie_access = access
    if getattr(connection, "ws_connection", None) is None:
        # The handshake or the answer is still under way, and was let pass with what the person had.
        if not access.allows(had.role):
            _end(connection, ROLE_CHANGED)
    elif hasattr(connection, "access_changed"):
        try:
            connection.access_changed(access)
        except Exception:
            log.exception("A connection did not take the change of a role.")
            _end(connection, ROLE_CHANGED)
    elif not access.allows(had.role):
        # It was opened with a role that may no longer be enough, and only opening it anew would check.
        _end(connection, ROLE_CHANGED)


def _end(connection: Connection, code: CloseCode) -> None:
    # From here on the gate passes none of its frames on, whatever the client makes of the close.
    connection.coterie_ended = code
    if not isinstance(connection, WebSocketHandler):
        _cut(cast(RequestHandler, connection))
    elif connection.ws_connection is not None:  # else the handshake is still under way, and ends it when it is done
        try:
            end(connection, code)
        except Exception:
            # A handler that fails to close must keep neither its own connection open nor those that come after it.
            log.exception("A connection did not close as it should.")
            WebSocketHandler.close(cast(WebSocketHandler, connection), code.status, code.reason)


def _cut(handler: RequestHandler) -> None:
    """Whatever of the answer is not written yet is not given: to a slow reader a file goes for hours, as it is by
    then."""
    connection: Any = handler.request.connection
    connection.stream.close()


def end(connection: Connection, code: CloseCode) -> None:
    """Close *connection* with *code*, as its handler does it if it has a way of its own."""
    if hasattr(connection, "end"):
        connection.end(code)
    else:
        connection.close(code.status, code.reason)
