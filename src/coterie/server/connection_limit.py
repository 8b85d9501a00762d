"""The server's own port: how many connections it takes in, and which of them it closes when there are too many.

Whoever runs code on the same machine can open as many connections here as they may have files open. tornado takes in
every one, waits an hour for what it will ask, and no longer takes in any once this process may open no more files. Here
their number has a bound; beyond it the one goes that has waited longest without asking anything. Whom the gate let pass
stays, and nobody has more than a share of all, so that no Viewer keeps the others out either.

What is used of tornado without being documented there: ``stream`` of the connection that ``start_request`` and
``on_close`` are given, and of a request's. Without it no request would be answered.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import select
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream
from tornado.web import RequestHandler

log = logging.getLogger("coterie")

#: No more connections than this, however many files may be open: each takes some memory.
_MOST: Final = 4000

#: Within how many seconds the first request's headers have to be there.
_FIRST_HEADERS: Final = 20.0

#: Within how many seconds each later request's have to: longer than proxies keep a connection for the next one, traefik
#: 90, so that none sends a request into one that is being closed.
_NEXT_HEADERS: Final = 120.0

#: One person has at most this part of all connections: dozens of pages, each with a handful of WebSockets.
_SHARE: Final = 1 / 8

#: So many connections may wait to be taken in, as far as the system allows (``net.core.somaxconn``).
_BACKLOG: Final = 1024

#: How often is logged that there are too many (seconds).
_TOLD_EVERY: Final = 60.0

#: What ``accept`` fails with where this process or the machine can open no more files (accept(2)).
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_TURNED_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
)


def most_connections() -> int:
    """How many connections this process should take in: as many as half of the files that it may have open. The other
    half is for kernels, terminals, journals and documents."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else min(_MOST, max(1, files // 2))


class ConnectionLimit:
    """The open connections, at most *most*, each in one of three states, which its request goes through: its headers
    have not come, *first_headers* seconds at most where it is the first; the gate has not let it pass; it has. Those
    that are in the first, and then those in the second, are closed to make room, longest first; of the third, the same
    person's longest where they have more than their share. A WebSocket stays in the state that it was opened in."""

    def __init__(self, most: int, first_headers: float = _FIRST_HEADERS) -> None:
        self._most = most
        self._first_headers = first_headers
        self._waiting: OrderedDict[IOStream, None] = OrderedDict()
        self._asking: OrderedDict[IOStream, None] = OrderedDict()
        self._passed: dict[str, OrderedDict[IOStream, None]] = {}
        self._names: dict[IOStream, str] = {}
        self._detached: set[IOStream] = set()
        self._timers: dict[IOStream, asyncio.TimerHandle] = {}
        self._told_at: float | None = None

    def __len__(self) -> int:
        """How many are open; WebSockets that are closed may still count until there are too many."""
        return len(self._waiting) + len(self._asking) + len(self._names)

    def enter(self, stream: IOStream) -> bool:
        """Take *stream* in, a new connection. False where there is no room for it, and none can be made."""
        if len(self) >= self._most:
            self._drop_closed()
        if len(self) >= self._most and not self.make_room():
            return False
        self._waiting[stream] = None
        loop = asyncio.get_running_loop()
        self._timers[stream] = loop.call_later(self._first_headers, stream.close)
        return True

    def make_room(self) -> bool:
        """Close the connection that has waited longest. False where none may be closed."""
        self._tell()
        for streams in (self._waiting, self._asking):
            if streams:
                longest = next(iter(streams))
                self._forget(longest)
                longest.close()
                return True
        return False

    def wait(self, stream: IOStream) -> None:
        """All of the last request on *stream* is answered, or there was none."""
        if stream not in self._waiting and self._is_in(stream):
            self._forget(stream)
            self._waiting[stream] = None

    def ask(self, stream: IOStream) -> None:
        """The headers of a request have come."""
        if stream in self._waiting:
            self._forget(stream)
            self._asking[stream] = None

    def let_pass(self, handler: RequestHandler, name: str) -> None:
        """The gate has let *handler*'s request pass, which is *name*'s and may become a WebSocket."""
        connection: Any = handler.request.connection
        stream = connection.stream
        if stream not in self._asking:
            return
        self._forget(stream)
        own = self._passed.setdefault(name, OrderedDict())
        own[stream], self._names[stream] = None, name
        if len(own) > max(1, self._most * _SHARE):
            self._drop_closed()
        if len(own) > max(1, self._most * _SHARE):
            longest = next(iter(own))
            self._forget(longest)
            longest.close()

    def leave(self, stream: IOStream) -> None:
        """*stream* is closed or has become a WebSocket, which tornado tells nobody the end of."""
        if stream.closed():
            self._forget(stream)
        else:
            self._drop_closed()
            self._detached.add(stream)

    def _is_in(self, stream: IOStream) -> bool:
        return stream in self._asking or stream in self._names

    def _forget(self, stream: IOStream) -> None:
        self._waiting.pop(stream, None)
        self._asking.pop(stream, None)
        if (name := self._names.pop(stream, None)) is not None:
            del self._passed[name][stream]
            if not self._passed[name]:
                del self._passed[name]
        self._detached.discard(stream)
        if (timer := self._timers.pop(stream, None)) is not None:
            timer.cancel()

    def _drop_closed(self) -> None:
        for stream in [stream for stream in self._detached if stream.closed()]:
            self._forget(stream)

    def _tell(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            log.warning("More connections than this server takes in, which is %d.", self._most)


class GuardedServer(HTTPServer):
    """tornado's server with a *limit*. ``HTTPServer.configure`` puts it in the place of tornado's own."""

    _limit: ConnectionLimit

    def initialize(self, *args: Any, limit: ConnectionLimit, **kwargs: Any) -> None:  # type: ignore[override]
        """As tornado's own."""
        self._limit = limit
        super().initialize(*args, **{"idle_connection_timeout": _NEXT_HEADERS, **kwargs})

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Listen on *sockets*, which are used up by that."""
        super().add_sockets([_Listener(sock, self._limit) for sock in sockets])

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Take a new connection in, or turn it away."""
        if self._limit.enter(stream):
            super().handle_stream(stream, address)
        else:
            stream.write(_TURNED_AWAY)
            stream.close()

    def start_request(self, server_conn: Any, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Tells the limit when a request is waited for, and when its headers come."""
        self._limit.wait(server_conn.stream)
        return _Announcing(super().start_request(server_conn, request_conn), self._limit, server_conn.stream)

    def on_close(self, server_conn: Any) -> None:
        """Tells the limit."""
        self._limit.leave(server_conn.stream)
        super().on_close(server_conn)


class _Announcing(HTTPMessageDelegate):
    """Passes everything on to *delegate*, and tells *limit* when the headers of a request have come on *stream*."""

    def __init__(self, delegate: HTTPMessageDelegate, limit: ConnectionLimit, stream: IOStream) -> None:
        self._delegate = delegate
        self._limit = limit
        self._stream = stream

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        self._limit.ask(self._stream)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class _Listener(socket.socket):
    """Listens in the place of *sock*, and goes on where no more files can be opened, by whomever they were: tornado
    would leave a connection waiting that it cannot take in, and try again for ever, doing nothing else."""

    def __init__(self, sock: socket.socket, limit: ConnectionLimit) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self.listen(_BACKLOG)
        self._limit = limit
        self._spare: int | None = None
        self._keep_spare()

    def accept(self) -> tuple[socket.socket, Any]:
        """As usual. Where there is no room for another file, some is made by closing a connection; where none
        may be closed, the new one is (ConnectionAbortedError, as of one that its other side gave up)."""
        if (taken := self._accept_if_there_is_room()) is not None:
            return taken
        # Linux looks for room before it looks for a connection, and tornado asks until there is none.
        if not self._is_anybody_waiting():
            raise BlockingIOError(errno.EAGAIN, "Nobody waits to be taken in.")
        if self._limit.make_room() and (taken := self._accept_if_there_is_room()) is not None:
            return taken
        self._let_go_of_spare()
        try:
            if (taken := self._accept_if_there_is_room()) is not None:
                taken[0].close()
        finally:
            self._keep_spare()
        raise ConnectionAbortedError(errno.ECONNABORTED, "There is no room for this connection.")

    def _is_anybody_waiting(self) -> bool:
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(0))

    def _accept_if_there_is_room(self) -> tuple[socket.socket, Any] | None:
        try:
            return super().accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                return None
            raise

    def close(self) -> None:
        """Stop listening."""
        self._let_go_of_spare()
        super().close()

    def _keep_spare(self) -> None:
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _let_go_of_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
