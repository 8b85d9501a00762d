"""A connection's way out: the one place that knows tornado from inside.

tornado makes a frame anew for each connection that a message goes to, and a task to send it. Here a frame is made once
and, as long as nothing waits, handed to the socket at once; what the socket does not take waits in tornado's buffer, so
that ping, pong and close frames, which tornado sends, keep their place between ours. Receiving is tornado's, only that
it would have the system stop listening within each frame and begin again after it.

What is used of tornado without being documented there: ``WebSocketHandler.ws_connection`` with ``stream`` and
``server_terminated``; ``IOStream.socket``; ``IOStream._write_buffer`` with its ``_size``;
``IOStream._read_buffer_size``; and ``IOStream._state``, which ``IOStream.io_loop`` is told. Where any of it is missing,
all is left to tornado.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from socket import SO_LINGER, SOL_SOCKET, socket
from struct import pack
from time import monotonic
from typing import Any, Final, cast

from tornado.concurrent import Future
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from coterie.server.rooms.frames import from_wire

#: Bytes that may wait for a connection to read them before nothing more is offered to it. One message may be larger.
MAX_WAITING: Final = 4 * 1024 * 1024

#: The same for what may not be left out, counted from the moment at which anything began to wait. All that a room
#: knows of who is there has to fit.
MAX_ANSWERS_WAITING: Final = 3 * 1024 * 1024

#: Seconds in which a connection for which something waits has to read some of it.
PATIENCE: Final = 60.0

#: Seconds in which a connection has to send something, be it the answer to a ping, or to read some of what waits.
SILENCE: Final = 90.0

#: Bytes that are handed to tornado at a time. So reading slowly can be told from not reading.
_PIECE: Final = 256 * 1024

#: Bytes that may have come and not been read by anybody while still more is listened for.
_MAX_AHEAD: Final = 4096

#: For ``SO_LINGER``: what the network has not taken when a socket is closed is dropped.
_DROP: Final = pack("ii", 1, 0)


class Stream:
    """What a room sends to one open WebSocket; an ``Outlet``.

    *on_drained* is called each time that all that had to wait has left; *on_stuck* when the connection does not read
    what it must, or seems to be dead: a connection can die without anybody being told, and jupyter_server has tornado
    send pings but wait for no answer.
    """

    # What is written here goes past ``WebSocketHandler.write_message``, and so past what the gate puts around it to
    # silence connections whose access has ended. What stands there for rooms is ``RoomHandler.end``, which calls
    # ``stop`` and ``end`` here.

    def __init__(self, handler: WebSocketHandler, on_drained: Callable[[], None], on_stuck: Callable[[], None]) -> None:
        self._handler = handler
        self._connection = handler.ws_connection
        self._plain = plain_stream(handler)
        self._on_drained = on_drained
        self._on_stuck = on_stuck
        self._waiting = 0  # bytes of ours
        self._answers_waiting = 0  # bytes, what has left meanwhile included
        self._has_moved = False
        self._patience: asyncio.TimerHandle | None = None
        self._alive_at = monotonic()
        self._arrived = 0  # bytes of a message that has not come whole
        self._listening = asyncio.get_running_loop().call_later(SILENCE / 3, self._listen)
        self._is_over = False
        self._is_clear = self._plain is not None  # nothing of ours waits, and the socket may be written to
        if self._plain is not None:
            self._socket_send = self._plain.socket.send
            self._buffer = self._plain._write_buffer
            self._plain.io_loop = cast(IOLoop, _Listening(self._plain))

    @property
    def is_idle(self) -> bool:
        return not self._waiting

    @property
    def waiting(self) -> int:
        """Bytes that have not left yet."""
        return self._waiting

    def offer(self, wire: bytes) -> bool:
        # This is run for every update and everybody who reads it.
        if self._is_clear and not self._buffer._size and not self._is_closing:
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

    def heard(self) -> None:
        """Something has come."""
        self._alive_at = monotonic()

    def end(self, status: int, reason: str) -> None:
        """Close the connection. Nothing is sent any more, nor what waits: where anything does, the connection is cut
        off without a word, because a close frame has no place within a frame that is half sent. Where nothing waits,
        *status* and *reason* are sent; what the network has taken before that may still arrive."""
        self.stop()
        stream = getattr(self._handler.ws_connection, "stream", None)
        if isinstance(stream, IOStream) and not stream.closed() and stream.writing():
            if isinstance(stream.socket, socket):
                stream.socket.setsockopt(SOL_SOCKET, SO_LINGER, _DROP)
            stream.close()
        self._handler.close(status, reason)

    def stop(self) -> None:
        """Nothing is sent any more. What waits with tornado is tornado's to send or to drop."""
        self._is_over = True
        self._is_clear = False
        self._listening.cancel()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _wait(self, wire: bytes, start: int = 0) -> None:
        """Leave *wire* to tornado, from *start* on."""
        if self._is_over or self._is_closing:
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
            if not outcome.cancelled() and outcome.exception() is None and not self._is_over:
                self._alive_at = monotonic()
                if not self._waiting:
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

    def _listen(self) -> None:
        # A large message is one wire frame, which no answer to a ping can cut into: it may take longer to arrive.
        arrived = self._plain._read_buffer_size if self._plain is not None else 0
        if arrived != self._arrived:
            self._arrived = arrived
            self._alive_at = monotonic()
        if monotonic() - self._alive_at >= SILENCE:
            self._on_stuck()
        if not self._is_over:
            self._listening = asyncio.get_running_loop().call_later(SILENCE / 3, self._listen)

    @property
    def _is_closing(self) -> bool:
        """Whether tornado has sent a close frame, after which nothing may come."""
        return self._connection is not None and self._connection.server_terminated


class _Listening:
    """The loop as one stream has it: the stream goes on listening as long as little has come that nobody has read."""

    def __init__(self, stream: IOStream) -> None:
        self._stream = stream
        self._loop = stream.io_loop

    def update_handler(self, fd: Any, events: int) -> None:
        """What ``IOLoop.update_handler`` does, with reading among *events* although the stream leaves it out."""
        if self._stream._read_buffer_size <= _MAX_AHEAD:
            events |= IOLoop.READ
            self._stream._state = events  # what it has is what it compares with before it tells us anything
        self._loop.update_handler(fd, events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


def plain_stream(handler: WebSocketHandler) -> IOStream | None:
    """The stream below *handler*'s open WebSocket, if bytes go from it to the network as they are and it is built as
    this module thinks. None for TLS and for whatever else there may come to be."""
    stream = getattr(handler.ws_connection, "stream", None)
    if type(stream) is not IOStream or not isinstance(stream.socket, socket):
        return None
    if not all(isinstance(getattr(stream, name, None), int) for name in ("_read_buffer_size", "_state")):
        return None
    return stream if isinstance(getattr(getattr(stream, "_write_buffer", None), "_size", None), int) else None
