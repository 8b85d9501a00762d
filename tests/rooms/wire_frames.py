"""What a WebSocket client puts on the wire (RFC 6455, section 5.2), well made or not."""

from __future__ import annotations

BINARY = 0x2
CLOSE = 0x8
CONTINUATION = 0x0

_MASK = b"\x11\x22\x33\x44"


def wire_frame(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
    size = len(payload)
    length, more = (size, b"") if size < 126 else (126, size.to_bytes(2)) if size < 65536 else (127, size.to_bytes(8))
    masked = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((is_final << 7 | opcode, 0x80 | length)) + more + _MASK + masked
