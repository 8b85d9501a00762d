"""What goes between the server and a worker's process: values, and one long row of bytes beside them.

A frame is two lengths (u64, big-endian), then a pickle, then the bytes. These go from the socket to where they stay
without being copied on the way, so that however long they are, no other thread waits.
"""

from __future__ import annotations

import pickle
import select
import socket
import struct
from typing import Any, Final

_LENGTHS: Final = struct.Struct(">QQ")


class Pipe:
    """One end. Both ends belong to this program: what comes through is trusted."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, value: Any, data: bytes = b"") -> None:
        """Raises OSError if the other end is closed."""
        pickled = pickle.dumps(value)
        self._end.sendall(_LENGTHS.pack(len(pickled), len(data)) + pickled)
        self._end.sendall(data)

    def receive(self) -> tuple[Any, bytes]:
        """Raises EOFError if the other end is closed, or OSError."""
        value, data = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
        return pickle.loads(self._exactly(value)), self._exactly(data)  # noqa: S301

    def is_readable(self, within: float) -> bool:
        """Whether ``receive`` would find something, the end of it included; waits so many seconds for that."""
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(within * 1000))

    def close(self) -> None:
        self._end.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:  # once, unless a signal comes
            part = self._end.recv(size - len(data), socket.MSG_WAITALL)
            if not part:
                raise EOFError
            data = data + part if data else part
        return data
