"""What goes between the server and a worker's process: frames of plain data, with rows of bytes beside it.

A frame is a front (big-endian: 4 bytes "cote", u64 number of the call, u32 length of the data, u8 number of rows), then
the length of each row (u64), then the data in JSON, then the rows. These go from the socket to where they stay without
being copied on the way, so that however long they are, no other thread waits.

Nothing that comes through is believed: whatever it says, the most that reading it does is to take up so much memory.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, Final

from coterie.server.rooms.journal.records import MAX_BODY
from coterie.server.rooms.worker.plain import Malformed

_MAGIC: Final = b"cote"
_FRONT: Final = struct.Struct(">4sQIB")
_LENGTH: Final = struct.Struct(">Q")
_TIMEVAL: Final = struct.Struct("@ll")

#: Bytes of the longest data: more versions than a journal has after years.
MAX_DATA: Final = 16 * 1024 * 1024

#: Rows of bytes in a frame, and how long all of them may be, in bytes: as long as what a journal takes.
MAX_ROWS: Final = 8
MAX_ROWS_SIZE: Final = MAX_BODY

#: How long the rest of a frame that has begun may take, in seconds. Whoever sends it has all of it in memory.
REST_WITHIN: Final = 30.0


class Pipe:
    """One end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        # The system's own time limits, because Python's make one long read into many.
        limit = _TIMEVAL.pack(int(REST_WITHIN), int(REST_WITHIN % 1 * 1_000_000))
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def send(self, number: int, plain: Any, rows: Sequence[bytes] = ()) -> None:
        """Raises OSError if the other end is closed or does not read, and ValueError, having sent nothing, for more
        than a frame may hold."""
        data = json.dumps(plain).encode()
        if len(data) > MAX_DATA or len(rows) > MAX_ROWS or sum(map(len, rows)) > MAX_ROWS_SIZE:
            raise ValueError("the frame is too large")
        lengths = [_LENGTH.pack(len(row)) for row in rows]
        self._end.sendall(b"".join((_FRONT.pack(_MAGIC, number, len(data), len(rows)), *lengths, data)))
        for row in rows:
            self._end.sendall(row)

    def receive(self) -> tuple[int, Any, list[bytes]]:
        """The number, the data and the rows of the next frame, once there is one.

        Raises EOFError if the other end is closed, Malformed for what is no frame, and OSError, TimeoutError for one
        whose rest does not come.
        """
        self.is_readable(None)
        give_up_at = time.monotonic() + REST_WITHIN
        magic, number, size, count = _FRONT.unpack(self._exactly(_FRONT.size, give_up_at))
        if magic != _MAGIC:
            raise Malformed("no frame")
        if size > MAX_DATA or count > MAX_ROWS:
            raise Malformed("a frame larger than there are")
        lengths = [_LENGTH.unpack(self._exactly(_LENGTH.size, give_up_at))[0] for _ in range(count)]
        if sum(lengths) > MAX_ROWS_SIZE:
            raise Malformed("a frame larger than there are")
        data = self._exactly(size, give_up_at)
        rows = [self._exactly(length, give_up_at) for length in lengths]
        try:
            return number, json.loads(data.decode()), rows
        except (ValueError, RecursionError) as error:
            raise Malformed("no JSON") from error

    def is_readable(self, within: float | None) -> bool:
        """Whether ``receive`` would find something, the end of it included; waits so many seconds for that, or for
        ever."""
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(None if within is None else within * 1000))

    def close(self) -> None:
        self._end.close()

    def _exactly(self, size: int, give_up_at: float) -> bytes:
        data = b""
        while len(data) < size:  # once, unless a signal or the time limit comes
            try:
                part = self._end.recv(size - len(data), socket.MSG_WAITALL)
            except BlockingIOError as error:
                raise TimeoutError from error
            if not part:
                raise EOFError
            data = data + part if data else part
            if len(data) < size and time.monotonic() > give_up_at:
                raise TimeoutError
        return data
