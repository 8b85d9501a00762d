"""Connections to the process: how many there are, and how long one may take to say what it wants.

uvicorn has a limit for how long a connection may rest between two requests, and none for one that sends a request
piece by piece, or nothing at all (RFC 9112, section 9.8, leaves that to servers). Its limit for their number counts
those that rest, so that whoever holds enough of them keeps out everybody else.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import OrderedDict
from functools import partial
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

#: Files that a process has open besides its connections: the database's, the Hub's, its own.
_OTHER_FILES: Final = 256

#: So many connections may wait to be taken in. asyncio takes in as many in one go.
BACKLOG: Final = 512

#: Connections that are open beyond the limit for a moment: asyncio takes in some while it makes the protocols of those
#: before, and closes what is to be closed one turn of its loop later.
_ON_THEIR_WAY: Final = 4 * BACKLOG

#: How often is logged that there are too many (seconds).
_TOLD_EVERY: Final = 60.0

_TURNED_AWAY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
)

_CANNOT_BE_READ: Final = b"""\
This request cannot be read, or its headers are too large. In a browser: delete the cookies of this site and try again.
"""
_REFUSED: Final = b"\r\n".join(
    [
        b"HTTP/1.1 400 Bad Request",
        b"Connection: close",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(_CANNOT_BE_READ),
        b"",
        _CANNOT_BE_READ,
    ]
)
#: For how long is read, and thrown away, what somebody sends who has been refused (seconds).
_LINGERS: Final = 2.0


class Places:
    """The open connections, at most *most*, None for any number; and which of them wait for the other side, longest
    first: to send a request whole, or to read what was answered."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._taken: set[_ImpatientProtocol] = set()
        self._waiting: OrderedDict[_ImpatientProtocol, None] = OrderedDict()
        self._told_at: float | None = None

    def take(self, connection: _ImpatientProtocol) -> bool:
        """Make room for *connection*, which waits from now on, by closing the one that has waited longest if there are
        too many. False where none of them waits: there is no room."""
        if self._most is not None and len(self._taken) >= self._most:
            self._tell(connection.loop.time())
            if not self._waiting:
                return False
            longest = next(iter(self._waiting))
            self.leave(longest)
            longest.transport.abort()
        self._taken.add(connection)
        self.wait(connection)
        return True

    def wait(self, connection: _ImpatientProtocol) -> None:
        """It is the other side's turn, if it was not before."""
        if connection in self._taken:
            self._waiting.setdefault(connection)

    def go_on(self, connection: _ImpatientProtocol) -> None:
        """It is our turn."""
        self._waiting.pop(connection, None)

    def leave(self, connection: _ImpatientProtocol) -> None:
        """*connection* is closed, or about to be."""
        self._taken.discard(connection)
        self._waiting.pop(connection, None)

    def _tell(self, now: float) -> None:
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY:
            self._told_at = now
            log.warning("More connections than allowed, which is %s.", self._most)


class _ImpatientProtocol(H11Protocol):
    """Hangs up where the headers of a request do not come whole within *seconds* (0: however long they take), nor the
    rest of a body that was answered already, and where others need its place among *places*; and a moment after it has
    said that what came cannot be read. How long a body may take that is being read is for the application to say."""

    def __init__(self, *args: Any, seconds: float, places: Places, **options: Any) -> None:
        super().__init__(*args, **options)
        self._seconds = seconds
        self._places = places
        self._patience: asyncio.TimerHandle | None = None
        self._is_read = True
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._places.take(self):
            self._wait()
        else:
            transport.write(_TURNED_AWAY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        had_sent = self.conn.their_state
        super().data_received(data)
        if self._is_refused:
            return
        theirs = self.conn.their_state
        if had_sent is h11.IDLE and theirs is not h11.IDLE:
            self._places.go_on(self)  # behind the others, should its body be waited for now
        self._see_whose_turn_it_is()
        if theirs is h11.IDLE or self._is_answered_early():
            self._wait()
        else:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Called where no request can be read any more."""
        if self.conn.our_state is h11.SEND_RESPONSE:  # of one that is being answered the body cannot
            super().send_400_response(msg)
            return
        if self.conn.our_state is not h11.IDLE:  # the answer has begun, and nothing can be said any more
            self.transport.close()
            return
        # Closed while more comes in, the system would reset the connection, and the answer be lost on its way, or the
        # proxy take it for ours to have failed (RFC 9112, section 9.6).
        self._is_refused = True
        self._places.wait(self)
        self._stop_waiting()
        self.transport.write(_REFUSED)
        self.transport.write_eof()
        self._patience = self.loop.call_later(_LINGERS, self.transport.close)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._see_whose_turn_it_is()
        if self._is_answered_early():
            self._wait()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_read = False
        self._see_whose_turn_it_is()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read = True
        self._see_whose_turn_it_is()

    def connection_lost(self, exc: Exception | None) -> None:
        self._places.leave(self)
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answered_early(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def _see_whose_turn_it_is(self) -> None:
        # What is about to close may still wait for the rest of its answer to be read.
        is_theirs = self.conn.their_state in (h11.IDLE, h11.SEND_BODY) or self._is_refused
        if is_theirs or not self._is_read or self.transport.is_closing():
            self._places.wait(self)
        else:
            self._places.go_on(self)

    def _wait(self) -> None:
        if self._seconds and self._patience is None and not self.transport.is_closing():
            self._patience = self.loop.call_later(self._seconds, self._hang_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _hang_up(self) -> None:
        self._patience = None
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.transport.close()


def impatient(seconds: float, connections: int | None) -> type[asyncio.Protocol]:
    """The protocol for uvicorn's ``http`` with this patience, 0 for waiting for ever, and so many connections, None for
    any number. It takes no WebSockets: whoever passes it on sets uvicorn's ``ws`` to ``"none"``."""
    # uvicorn calls what it is given; its types ask for a class.
    return partial(_ImpatientProtocol, seconds=seconds, places=Places(connections))  # type: ignore[return-value]


def make_room(connections: int) -> int | None:
    """Let this process have so many connections open, as far as the system allows: at least a quarter of the files that
    it may have open. Answers how many it may have, None for any number; logs it if they are fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = _OTHER_FILES + _ON_THEIR_WAY
    wanted = connections + others
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if not connections:
        return None
    if soft == resource.RLIM_INFINITY:
        return connections
    most = min(connections, max(soft - others, soft // 4))
    if most < connections:
        log.warning("Only %s connections are taken in, for the process may have %s files open.", most, soft)
    return most
