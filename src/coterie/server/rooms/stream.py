"""A connection's way out and in: the one place that knows tornado from inside.

tornado makes a frame anew for each connection that a message goes to, and a task to send it. Here a frame is made once
and, as long as nothing waits, handed to the socket at once; what the socket does not take waits in tornado's buffer, so
that ping, pong and close frames, which tornado sends, keep their place between ours. In the same way tornado reads each
frame in four steps that may each have to wait; here all that has come is taken at once.

What is used of tornado without being documented there: ``WebSocketHandler.ws_connection`` with ``stream``,
``client_terminated``, ``_receive_frame_loop``, ``_handle_message`` and ``_abort``; ``IOStream.socket``; and
``IOStream._write_buffer`` with its ``_size``. Where any of it is missing, all is left to tornado.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from socket import socket
from time import monotonic
from typing import Any, Final

from tornado.concurrent import Future
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from coterie.server.rooms.frames import from_wire
from coterie.server.rooms.incoming import BrokenWire, Incoming, MessageTooLarge

#: Bytes that may wait for a connection to read them before nothing more is offered to it. One message may be larger.
MAX_WAITING: Final = 4 * 1024 * 1024

#: The same for what may not be left out, counted from the moment at which anything began to wait.
MAX_ANSWERS_WAITING: Final = 1024 * 1024

#: Seconds in which a connection for which something waits has to read some of it.
PATIENCE: Final = 60.0

#: Bytes that are handed to tornado or asked of it at a time. So reading slowly can be told from not reading.
_PIECE: Final = 256 * 1024

#: For how long one connection is listened to before it is the others' turn, in seconds.
_TURN: Final = 0.005

#: The status of a WebSocket that is closed because of a message's size (RFC 6455, section 7.4.1).
_TOO_LARGE: Final = 1009

_RECEIVING: Final = ("client_terminated", "_receive_frame_loop", "_handle_message", "_abort")


class Stream:
    """What a room sends to one open WebSocket; an ``Outlet``.

    *on_drained* is called each time that all that had to wait has left; *on_stuck* when the connection does not read
    what it must.
    """

    def __init__(self, handler: WebSocketHandler, on_drained: Callable[[], None], on_stuck: Callable[[], None]) -> None:
        self._handler = handler
        self._plain = plain_stream(handler)
        self._on_drained = on_drained
        self._on_stuck = on_stuck
        self._waiting = 0  # bytes of ours
        self._answers_waiting = 0  # bytes, what has left meanwhile included
        self._has_moved = False
        self._patience: asyncio.TimerHandle | None = None
        self._is_over = False
        self._is_clear = self._plain is not None  # nothing of ours waits, and the socket may be written to
        if self._plain is not None:
            self._socket_send = self._plain.socket.send
            self._buffer = self._plain._write_buffer

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    @property
    def waiting(self) -> int:
        """Bytes that have not left yet."""
        return self._waiting

    def offer(self, wire: bytes) -> bool:
        # This is run for every update and everybody who reads it.
        if self._is_clear and not self._buffer._size:
            try:
                sent = self._socket_send(wire)
            except OSError:
                sent = 0  # full, or broken: tornado finds out which
            if sent < len(wire):
                self._wait(wire, sent)
            return True
        if self._waiting and self._waiting + len(wire) > MAX_WAITING and not self._is_over:
            return False
        self._wait(wire)
        return True

    def send(self, wire: bytes) -> None:
        if not self._waiting:
            self.offer(wire)
            return
        self._answers_waiting += len(wire)
        if self._answers_waiting <= MAX_ANSWERS_WAITING:
            self._wait(wire)
        elif not self._is_over:
            self._on_stuck()

    def stop(self) -> None:
        """Nothing is sent any more. What waits with tornado is tornado's to send or to drop."""
        self._is_over = True
        self._is_clear = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _wait(self, wire: bytes, start: int = 0) -> None:
        """Leave *wire* to tornado, from *start* on."""
        if self._is_over:
            return
        try:
            if self._plain is None:
                self._hand_over(self._handler.write_message(from_wire(wire), binary=True), len(wire))
                return
            whole = memoryview(wire)  # connections that are slow at the same time share one copy of a message
            for at in range(start, len(wire), _PIECE):
                piece = whole[at : at + _PIECE]
                self._hand_over(self._plain.write(piece), len(piece))
        except (StreamClosedError, WebSocketClosedError):
            pass  # on_close follows

    def _hand_over(self, written: Future[None], size: int) -> None:
        self._waiting += size
        self._is_clear = False
        if self._patience is None:
            self._has_moved = False
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._look)

        def left(outcome: Future[None]) -> None:
            self._waiting -= size
            self._has_moved = True
            if not outcome.cancelled() and outcome.exception() is None and not self._waiting and not self._is_over:
                self._drained()

        written.add_done_callback(left)

    def _drained(self) -> None:
        self._answers_waiting = 0
        self._is_clear = self._plain is not None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._on_drained()

    def _look(self) -> None:
        self._patience = None
        if not self._has_moved:
            self._on_stuck()
            return
        self._has_moved = False
        self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._look)


def take_over_receiving(handler: WebSocketHandler, max_size: Callable[[], int]) -> None:
    """Read what comes to *handler*, whose WebSocket is being opened, without tornado. *max_size* answers the largest
    message that is read now, in bytes. What a message is worth stays tornado's to say, and the handler's."""
    connection: Any = handler.ws_connection
    if plain_stream(handler) is not None and all(hasattr(connection, name) for name in _RECEIVING):
        connection._receive_frame_loop = lambda: _receive(handler, connection, max_size)


async def _receive(handler: WebSocketHandler, connection: Any, max_size: Callable[[], int]) -> None:
    incoming = Incoming(max_size)
    spent = 0.0  # seconds since it was the others' turn, for certain
    try:
        while not connection.client_terminated:
            data = await connection.stream.read_bytes(_PIECE, partial=True)
            began = monotonic()
            for opcode, payload in incoming.feed(data):
                handled = connection._handle_message(opcode, payload)
                if handled is not None:
                    await handled
                if spent + monotonic() - began > _TURN:
                    await asyncio.sleep(0)
                    spent, began = 0.0, monotonic()
            spent += monotonic() - began
    except MessageTooLarge:
        connection.close(_TOO_LARGE, "message too big")
        connection._abort()
    except (BrokenWire, StreamClosedError):
        connection._abort()
    finally:
        handler.on_ws_connection_close(connection.close_code, connection.close_reason)


def plain_stream(handler: WebSocketHandler) -> IOStream | None:
    """The stream below *handler*'s open WebSocket, if bytes go from it to the network as they are and it is built as
    this module thinks. None for TLS and for whatever else there may come to be."""
    stream = getattr(handler.ws_connection, "stream", None)
    if type(stream) is not IOStream or not isinstance(stream.socket, socket):
        return None
    return stream if isinstance(getattr(getattr(stream, "_write_buffer", None), "_size", None), int) else None
