"""The records of a journal, as bytes and as values. No I/O.

A file is a header and records one after another; numbers are big-endian:

    header   magic "coterie\\0" · u16 version · 16 bytes life · u64 sequence number of the first record · u32 CRC-32
    record   u32 length of the body · u32 CRC-32 of the body · body
    body     u8 kind · u64 microseconds since 1970 UTC · u8 length of the person's id · the id in UTF-8 · payload
    mark     u64 through · 32 bytes SHA-256 digest · u64 for each of the extras

A record has no number of its own in the file: it is the one of its place.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final
from zlib import crc32

MAGIC: Final = b"coterie\x00"
VERSION: Final = 1

#: The person of what came from the file.
OUTSIDE: Final = "outside"

#: The person of what the server did, or an extension in it.
SERVER: Final = ""

#: The largest body that is written or read, in bytes: room for the whole state of any document that fits into memory,
#: and a bound on what a length in a damaged file can make anybody allocate.
MAX_BODY: Final = 512 * 1024 * 1024

#: The largest sequence number: all that a client in JavaScript can count to.
MAX_SEQUENCE: Final = 2**53 - 1

#: The largest that a header may begin with, so that the numbers of what is written behind it cannot run out.
MAX_FIRST: Final = 2**52

#: How many records a mark may name one by one.
MAX_EXTRAS: Final = 2**20

_HEADER: Final = struct.Struct(">8sH16sQ")
_CHECKSUM: Final = struct.Struct(">I")
_PREFIX: Final = struct.Struct(">II")
_BODY: Final = struct.Struct(">BQB")
_MARK: Final = struct.Struct(">Q32s")

HEADER_SIZE: Final = _HEADER.size + _CHECKSUM.size
PREFIX_SIZE: Final = _PREFIX.size
#: A body without person and payload.
MIN_BODY: Final = _BODY.size
#: The longest payload of a mark.
MAX_MARK: Final = _MARK.size + 8 * MAX_EXTRAS
#: All of a body that is not payload fits into this.
MAX_FRONT: Final = _BODY.size + 255

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class RecordKind(IntEnum):
    """What a record's payload is."""

    BASE = 0  # the whole state as an update
    EDIT = 1  # an update
    SAVING = 2  # a mark: a file of this digest is about to be put into place
    SAVED = 3  # a mark: it has been
    AGREED = 4  # a mark: the file was taken in as it is
    KEPT = 5  # the bytes of a file that could not be merged


UPDATES: Final = frozenset({RecordKind.BASE, RecordKind.EDIT})
MARKS: Final = frozenset({RecordKind.SAVING, RecordKind.SAVED, RecordKind.AGREED})

_KINDS: Final = {int(kind): kind for kind in RecordKind}


class DamagedJournal(Exception):
    """A file is not a whole journal. The text names the fault and quotes nothing."""


class DamagedHeader(DamagedJournal):
    """The file does not begin as a journal of this version does."""


class DamagedRecord(DamagedJournal):
    """No whole record begins at *offset*, in bytes from the start of what was read."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"no whole record at byte {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Header:
    """*life* is 32 hexadecimal digits; *first* is the sequence number of the first record."""

    life: str
    first: int


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened. *person* is an opaque id, OUTSIDE or SERVER; *time* is in UTC."""

    sequence: int
    kind: RecordKind
    time: datetime
    person: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Outline:
    """A record without its payload, of which *size* is the length; *offset* and *end* say where in the file it lies."""

    sequence: int
    kind: RecordKind
    time: datetime
    person: str
    size: int
    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Mark:
    """The file with this SHA-256 *digest* holds the state made of all updates up to *through* and of *extras* besides.

    An extra may be a record that stands after the mark: the two are written at once, and if only the mark reached the
    disk, it is void.
    """

    through: int
    extras: tuple[int, ...]
    digest: bytes


def encode_header(life: str, first: int) -> bytes:
    """Raises ValueError for a life that is not 32 hexadecimal digits, and for a number out of range."""
    raw = bytes.fromhex(life)
    if len(raw) != 16:
        raise ValueError("a life is 32 hexadecimal digits")
    if not 0 <= first <= MAX_FIRST:
        raise ValueError("the first sequence number is out of range")
    header = _HEADER.pack(MAGIC, VERSION, raw, first)
    return header + _CHECKSUM.pack(crc32(header))


def parse_header(data: bytes) -> Header:
    """What the first HEADER_SIZE bytes of *data* say. Raises DamagedHeader."""
    if len(data) < HEADER_SIZE:
        raise DamagedHeader("the file is shorter than a header")
    magic, version, life, first = _HEADER.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _HEADER.size)
    if magic != MAGIC:
        raise DamagedHeader("the file is no journal")
    if checksum != crc32(data[: _HEADER.size]):
        raise DamagedHeader("the header's checksum is wrong")
    if version != VERSION:
        raise DamagedHeader("the journal is of another version")
    if first > MAX_FIRST:
        raise DamagedHeader("the first sequence number is too large")
    return Header(life.hex(), first)


def encode_record(kind: RecordKind, time: datetime, person: str, payload: bytes) -> bytes:
    """Raises ValueError for a time before 1970, a person's id above 255 bytes, and a body above MAX_BODY."""
    named = person.encode()
    microseconds = (time - _EPOCH) // _MICROSECOND
    if microseconds < 0:
        raise ValueError("a time before 1970 cannot be written")
    if len(named) > 255:
        raise ValueError("a person's id is at most 255 bytes")
    front = _BODY.pack(kind, microseconds, len(named)) + named
    length = len(front) + len(payload)
    if length > MAX_BODY:
        raise ValueError("the record is too large")
    return b"".join((_PREFIX.pack(length, crc32(payload, crc32(front))), front, payload))


def parse_prefix(data: bytes, offset: int = 0) -> tuple[int, int] | None:
    """The length and the checksum of the body that follows. None for a length that no record has."""
    length, checksum = _PREFIX.unpack_from(data, offset)
    return (length, checksum) if MIN_BODY <= length <= MAX_BODY else None


def parse_front(data: bytes) -> tuple[RecordKind, datetime, str, int] | None:
    """Kind, time and person of the body that *data* begins with, and where its payload starts.

    *data* is the whole body or its first MAX_FRONT bytes. None if no body begins so.
    """
    number, microseconds, named = _BODY.unpack_from(data)
    start = MIN_BODY + named
    kind = _KINDS.get(number)
    if kind is None or start > len(data):
        return None
    try:
        return kind, _EPOCH + timedelta(microseconds=microseconds), data[MIN_BODY:start].decode(), start
    except (UnicodeDecodeError, OverflowError):
        return None


def walk(data: bytes, first: int) -> Iterator[Record]:
    """The records that *data*, the part of a journal after its header, consists of.

    Raises DamagedRecord at the first that is incomplete or not what was written.
    """
    offset, sequence = 0, first
    while offset < len(data):
        start = offset + PREFIX_SIZE
        prefix = parse_prefix(data, offset) if start <= len(data) else None
        if prefix is None or prefix[0] > len(data) - start or sequence > MAX_SEQUENCE:
            raise DamagedRecord(offset)
        length, checksum = prefix
        body = data[start : start + length]
        front = parse_front(body) if crc32(body) == checksum else None
        if front is None:
            raise DamagedRecord(offset)
        kind, time, person, payload_at = front
        yield Record(sequence, kind, time, person, body[payload_at:])
        offset = start + length
        sequence += 1


def encode_mark(mark: Mark) -> bytes:
    """The payload of a mark. Raises ValueError for numbers out of range and for a digest that is not of SHA-256."""
    if len(mark.digest) != 32:
        raise ValueError("a digest is 32 bytes")
    if len(mark.extras) > MAX_EXTRAS:
        raise ValueError("a mark names too many records")
    for sequence in (mark.through, *mark.extras):
        _check_sequence(sequence)
    return _MARK.pack(mark.through, mark.digest) + struct.pack(f">{len(mark.extras)}Q", *mark.extras)


def parse_mark(payload: bytes) -> Mark | None:
    """None for bytes that are no mark: such a record is void."""
    count, rest = divmod(len(payload) - _MARK.size, 8)
    if rest or not 0 <= count <= MAX_EXTRAS:
        return None
    through, digest = _MARK.unpack_from(payload)
    return Mark(through, struct.unpack_from(f">{count}Q", payload, _MARK.size), digest)


def _check_sequence(sequence: int) -> None:
    if not 0 <= sequence <= MAX_SEQUENCE:
        raise ValueError("a sequence number is out of range")
