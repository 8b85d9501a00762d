"""The frames of a room's WebSocket, as bytes and as values. No I/O.

The wire is that of y-websocket and of @jupyter/docprovider 5: binary messages made of lib0 varuints. Words: a *frame*
is one message; a *state vector* says what a document already has; an *entry* is what an awareness frame says of one
client.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import assert_never


class Kind(IntEnum):
    """The first number of a frame."""

    SYNC = 0
    AWARENESS = 1
    RAW = 2  # jupyter-collaboration's own; y-websocket uses the number for something that no Jupyter server sends
    QUERY_AWARENESS = 3


class SyncKind(IntEnum):
    """The second number of a SYNC frame."""

    STEP1 = 0  # "this is what I have"; to be answered with STEP2
    STEP2 = 1  # "this is what you lack"
    UPDATE = 2  # "this has just changed"


class SaveStatus(StrEnum):
    """How a save ended, in the words that the stock front end knows."""

    SUCCESS = "success"
    FAILED = "failed"


#: Nothing larger is read. An update that carries a whole notebook with its outputs has to fit.
MAX_FRAME = 128 * 1024 * 1024

#: The same for Viewers, none of whose frames holds content that counts.
MAX_VIEWER_FRAME = 4 * 1024 * 1024

#: How many clients an awareness frame may speak of. Stock clients send all of a frame back in one.
MAX_ENTRIES = 1024

#: The largest number that a client in JavaScript reads (lib0 throws above it).
MAX_NUMBER = 2**53 - 1

#: The update that changes nothing.
EMPTY_UPDATE = b"\x00\x00"

#: An awareness entry with this state says that the client has left.
LEFT = "null"

_SAVE = "save"

#: The first byte of a WebSocket frame that holds a whole binary message.
_BINARY = 0x82


class FrameError(Exception):
    """A client's message is not a frame of this protocol. The text names the fault and quotes nothing."""


class UnknownFrameError(FrameError):
    """A well-formed message of a kind that this protocol does not have."""


@dataclass(frozen=True, slots=True)
class SyncStep1:
    state_vector: bytes


@dataclass(frozen=True, slots=True)
class SyncStep2:
    update: bytes


@dataclass(frozen=True, slots=True)
class SyncUpdate:
    update: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What one awareness client says of itself. *state* is JSON text as it travelled, not yet looked at."""

    client: int
    clock: int
    state: str


@dataclass(frozen=True, slots=True)
class Awareness:
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class QueryAwareness:
    pass


@dataclass(frozen=True, slots=True)
class Save:
    """A request to write the document to disk now; *number* comes back in the answer."""

    number: int


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    number: int
    status: SaveStatus


@dataclass(frozen=True, slots=True)
class Conflict:
    """Tells one client that its edits no longer fit the document and were not taken."""


ClientFrame = SyncStep1 | SyncStep2 | SyncUpdate | Awareness | QueryAwareness | Save
ServerFrame = SyncStep1 | SyncStep2 | SyncUpdate | Awareness | SaveAnswer | Conflict


def parse(
    message: bytes | str, limit: int = MAX_FRAME, *, is_echo: Callable[[int, int], bool] | None = None
) -> ClientFrame:
    """The frame that a client sent. Raises FrameError for anything else, UnknownFrameError for an unknown kind.

    Entries of an awareness frame of whose client and clock *is_echo* says so are left out without a look at their
    state. Stock clients send everybody's entries back as they hear them, so that most entries are such.
    """
    if isinstance(message, str):
        raise FrameError("a frame is binary")
    if len(message) > limit:
        raise FrameError("the frame is too large")
    reader = _Reader(message)
    frame = _read_frame(reader, is_echo)
    reader.end()
    return frame


def encode(frame: ClientFrame | ServerFrame) -> bytes:
    """The bytes of a frame."""
    return b"".join(_parts(frame))


def encode_to_wire(frame: ServerFrame) -> bytes:
    """The same as a server puts it on the wire. Copied but once: the update in it may be that of a whole document."""
    return to_wire(*_parts(frame))


def to_wire(*parts: bytes) -> bytes:
    """A message, in parts, as a server puts it on the wire: a final, binary, unmasked frame (RFC 6455, section 5.2)."""
    size = sum(map(len, parts))
    if size < 126:
        return b"".join((bytes((_BINARY, size)), *parts))
    if size < 1 << 16:
        return b"".join((struct.pack("!BBH", _BINARY, 126, size), *parts))
    return b"".join((struct.pack("!BBQ", _BINARY, 127, size), *parts))


def from_wire(wire: bytes) -> bytes:
    """The message in what ``to_wire`` made."""
    return wire[{126: 4, 127: 10}.get(wire[1], 2) :]


def _parts(frame: ClientFrame | ServerFrame) -> tuple[bytes, ...]:
    match frame:
        case SyncStep1(state_vector):
            return bytes((Kind.SYNC, SyncKind.STEP1)), _number(len(state_vector)), state_vector
        case SyncStep2(update):
            return bytes((Kind.SYNC, SyncKind.STEP2)), _number(len(update)), update
        case SyncUpdate(update):
            return bytes((Kind.SYNC, SyncKind.UPDATE)), _number(len(update)), update
        case Awareness(entries):
            return bytes((Kind.AWARENESS,)), _sized(_encode_entries(entries))
        case QueryAwareness():
            return (bytes((Kind.QUERY_AWARENESS,)),)
        case Save(number):
            return bytes((Kind.RAW,)), _sized(_SAVE.encode()), _number(number)
        case SaveAnswer(number, status):
            return _raw({"type": _SAVE, "responseTo": number, "status": status})
        case Conflict():
            return _raw({"type": "conflict"})
        case _:
            assert_never(frame)


def _read_frame(reader: _Reader, is_echo: Callable[[int, int], bool] | None) -> ClientFrame:
    match reader.number():
        case Kind.SYNC:
            return _read_sync(reader)
        case Kind.AWARENESS:
            return Awareness(_read_entries(_Reader(reader.sized()), is_echo))
        case Kind.RAW:
            if reader.text() != _SAVE:
                raise UnknownFrameError("unknown request")
            return Save(reader.number())
        case Kind.QUERY_AWARENESS:
            return QueryAwareness()
        case _:
            raise UnknownFrameError("unknown kind of frame")


def _read_sync(reader: _Reader) -> SyncStep1 | SyncStep2 | SyncUpdate:
    match reader.number():
        case SyncKind.STEP1:
            return SyncStep1(_checked_state_vector(reader.sized()))
        case SyncKind.STEP2:
            return SyncStep2(reader.sized())
        case SyncKind.UPDATE:
            return SyncUpdate(reader.sized())
        case _:
            raise UnknownFrameError("unknown kind of sync frame")


def _checked_state_vector(state_vector: bytes) -> bytes:
    """pycrdt makes room for as many clients as a state vector announces before it looks whether they are there, so five
    bytes from anybody who may read could take gigabytes."""
    reader = _Reader(state_vector)
    if reader.number() > reader.left // 2:
        raise FrameError("fewer clients than announced")
    return state_vector


def _read_entries(reader: _Reader, is_echo: Callable[[int, int], bool] | None) -> tuple[Entry, ...]:
    count = reader.number()
    if count > reader.left:  # each takes three bytes at least; refuses a huge count before counting to it
        raise FrameError("fewer entries than announced")
    if count > MAX_ENTRIES:
        raise FrameError("too many entries")
    entries = []
    for _ in range(count):
        client, clock = reader.number(), reader.number()
        if is_echo is not None and is_echo(client, clock):
            reader.skip()
        else:
            entries.append(Entry(client, clock, reader.text()))
    reader.end()
    return tuple(entries)


def _encode_entries(entries: Iterable[Entry]) -> bytes:
    parts = [_number(entry.client) + _number(entry.clock) + _sized(entry.state.encode()) for entry in entries]
    return _number(len(parts)) + b"".join(parts)


def _raw(body: dict[str, str | int]) -> tuple[bytes, ...]:
    return bytes((Kind.RAW,)), _sized(json.dumps(body).encode())


def _sized(data: bytes) -> bytes:
    return _number(len(data)) + data


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(0x80 | value & 0x7F)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class _Reader:
    """Reads forward through bytes; FrameError where they end too early or go on too long."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def number(self) -> int:
        data, at = self._data, self._at
        value = shift = 0
        try:
            while (byte := data[at]) > 0x7F:
                value |= (byte & 0x7F) << shift
                shift += 7
                at += 1
                if shift > 49:  # eight bytes make 56 bits, more than any number here has
                    raise FrameError("a number is too large")
        except IndexError:
            raise FrameError("the frame ends within a number") from None
        value |= byte << shift
        if value > MAX_NUMBER:
            raise FrameError("a number is too large")
        self._at = at + 1
        return value

    def sized(self) -> bytes:
        size = self.number()
        if size > self.left:
            raise FrameError("the frame is shorter than it says")
        start = self._at
        self._at += size
        return self._data[start : self._at]

    def skip(self) -> None:
        """Past what ``sized`` would answer."""
        size = self.number()
        if size > self.left:
            raise FrameError("the frame is shorter than it says")
        self._at += size

    def text(self) -> str:
        try:
            return self.sized().decode()
        except UnicodeDecodeError as error:
            raise FrameError("a text is not UTF-8") from error

    def end(self) -> None:
        if self.left:
            raise FrameError("the frame is longer than it says")
