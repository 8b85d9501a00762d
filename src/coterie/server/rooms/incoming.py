"""What a WebSocket client sends, as bytes and as messages (RFC 6455, section 5). No I/O.

Words: a *message* is what a program sends; on the wire it is one or more *wire frames*. A *control message* (close,
ping, pong) is short, comes in one wire frame, and may come between those of another message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tornado.util import _websocket_mask as unmasked  # in C; tornado documents none of its speedups

CONTINUATION: Final = 0x0
FIRST_CONTROL: Final = 0x8
MAX_CONTROL: Final = 125

_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_OPCODE: Final = 0x0F
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_IN_2_BYTES: Final = 126
_IN_8_BYTES: Final = 127


class BrokenWire(Exception):
    """What came is nothing that a client may send without an extension."""


class MessageTooLarge(Exception):
    """A message is announced that is larger than is read."""


class Incoming:
    """Puts messages together. *max_size* answers the largest message that is read now, in bytes."""

    def __init__(self, max_size: Callable[[], int]) -> None:
        self._max_size = max_size
        self._rest = bytearray()  # of a wire frame that has not come whole
        self._needed = 0  # bytes of it before it is worth a look
        self._opcode: int | None = None  # of a message that has begun
        self._begun = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that *data* completes, each with its opcode. To be run through to its end before the next call.

        Raises BrokenWire or MessageTooLarge when it gets to the fault; then nothing more can be read.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest = bytearray()
        at, size = 0, len(data)
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            length, mask_at = second & _LENGTH, at + 2
            if length >= _IN_2_BYTES:
                mask_at += 2 if length == _IN_2_BYTES else 8
                if mask_at > size:
                    self._needed = mask_at - at
                    break
                length = int.from_bytes(data[at + 2 : mask_at], "big")
            self._check(first, second, length)
            payload_at = mask_at + 4
            end = payload_at + length
            if end > size:
                self._needed = end - at
                break
            payload = unmasked(data[mask_at:payload_at], data[payload_at:end])
            at = end
            if first & _FINAL and first & _OPCODE:
                yield first & _OPCODE, payload
            elif (whole := self._join(first, payload)) is not None:
                yield whole
        else:
            self._needed = 2
        self._rest += data[at:]

    def _check(self, first: int, second: int, length: int) -> None:
        opcode = first & _OPCODE
        if first & _RESERVED or not second & _MASKED:
            raise BrokenWire
        if opcode >= FIRST_CONTROL:
            if length > MAX_CONTROL or not first & _FINAL:
                raise BrokenWire
            return
        if (opcode == CONTINUATION) is (self._opcode is None):
            raise BrokenWire
        if length + len(self._begun) > self._max_size():
            raise MessageTooLarge

    def _join(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Add a part of a message. The whole, if it is the last."""
        if self._opcode is None:
            self._opcode = first & _OPCODE
        self._begun += payload
        if not first & _FINAL:
            return None
        whole = self._opcode, bytes(self._begun)
        self._opcode = None
        self._begun = bytearray()
        return whole
