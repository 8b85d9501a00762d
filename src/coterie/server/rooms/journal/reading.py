"""Reading journals: whole, from where one was, and mending what a crash left.

Payloads are read one at a time and only where they are asked for, so that a journal may be larger than what fits into
memory. A file is read up to an end that was fixed before, while the one process that writes it may append to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from zlib import crc32

from coterie.server.rooms.journal.files import CHUNK, open_regular, put_into_place, sync_folder, write_new
from coterie.server.rooms.journal.records import (
    HEADER_SIZE,
    MARKS,
    MAX_FRONT,
    MAX_MARK,
    MAX_SEQUENCE,
    MIN_BODY,
    PREFIX_SIZE,
    DamagedHeader,
    DamagedRecord,
    Header,
    Mark,
    Outline,
    Record,
    RecordKind,
    parse_front,
    parse_header,
    parse_mark,
    parse_prefix,
)

#: How far behind damage a whole record is looked for, in bytes, and how many bytes of what could be one are checked.
#: Beyond it the damage counts as one with something behind it, which loses nothing.
MAX_SEARCH: Final = 64 * 1024 * 1024

#: The longest body that a mark has.
_MAX_MARK_BODY: Final = MAX_FRONT + MAX_MARK

#: What looking at one place costs, in bytes that could be checked in the same time.
_EFFORT_OF_LOOK: Final = 512

#: How a record can begin: a length up to MAX_BODY, a checksum, a kind, a time before the year 10000.
_RECORD_START: Final = re.compile(rb"(?=(?!\x00{4})[\x00-\x20].{7}[\x00-\x05][\x00-\x03])", re.DOTALL)
_RECORD_START_SIZE: Final = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where to read on: the record *sequence* begins at *offset* of the file whose first record is *first*.

    Compaction moves records to other offsets. A place that was true before it is still understood afterwards.
    """

    first: int
    offset: int
    sequence: int


@dataclass(frozen=True, slots=True)
class PlacedMark:
    """A mark, and the record that it stands in."""

    sequence: int
    kind: RecordKind
    mark: Mark


@dataclass(frozen=True, slots=True)
class Damage:
    """From *offset* on the file cannot be read. Torn: nothing whole follows, as when a write did not get to its end."""

    offset: int
    is_torn: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal holds, in numbers.

    *end* is where its whole records end, in bytes, and *next* the sequence number of a record written there.
    *marks* are those that the file's state may be taken from, the newest first: all that are not void, down to and
    with the newest that is not of kind SAVING. Whether a SAVING was followed by deeds only the file itself can tell.
    """

    header: Header
    next: int
    end: int
    marks: tuple[PlacedMark, ...]
    damage: Damage | None

    @property
    def start(self) -> Place:
        """The place of the first record."""
        return _start(self.header)

    @property
    def place(self) -> Place:
        """The place after the last whole record."""
        return Place(self.header.first, self.end, self.next)


@dataclass(frozen=True, slots=True)
class Repaired:
    """A journal after its repair. *contents* is None if not even its header could be read, and then no file is left.

    *cut* bytes were taken off its end (0: it was whole); where something whole stood behind the damage, the file as it
    was lies at *kept*.
    """

    contents: Contents | None
    cut: int
    kept: Path | None


@contextmanager
def open_journal(path: Path, upto: int | None = None) -> Iterator[tuple[BinaryIO, Header, int]]:
    """The open file, its header, and where to stop in it: its size, or the byte *upto* if that comes first.

    Raises DamagedHeader, also for what is no regular file, and OSError.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb", buffering=CHUNK) as file:
        size = os.fstat(file.fileno()).st_size
        header = parse_header(file.read(HEADER_SIZE))
        yield file, header, size if upto is None else min(upto, size)


def read_header(path: Path) -> Header:
    """Raises DamagedHeader and OSError."""
    with open_journal(path) as (_, header, _):
        return header


def outlines(path: Path, upto: int | None = None) -> Iterator[Outline]:
    """All records up to the byte *upto*, checked, without their payloads. Raises DamagedRecord at the first bad one."""
    with open_journal(path, upto) as (file, header, end):
        for found in _walk(file, _start(header), end, payloads_of=frozenset()):
            yield Outline(found.sequence, found.kind, found.time, found.person, found.size, found.offset, found.end)


def records(path: Path, upto: int | None = None) -> Iterator[Record]:
    """All records up to the byte *upto*, one in memory at a time. Raises DamagedRecord at the first bad one."""
    with open_journal(path, upto) as (file, header, end):
        for found in _walk(file, _start(header), end):
            yield _record(found)


def read_on(path: Path, place: Place, upto: int) -> Iterator[tuple[Record, Place]]:
    """The records from *place* up to the byte *upto*, each with the place after it.

    If the journal has been compacted since, reading goes on at the same record, or at the new BASE if that has
    swallowed it. A last record that is not all there yet is left for the next time; DamagedRecord is raised for one
    that is there and wrong.
    """
    with open_journal(path, upto) as (file, header, end):
        start = place if header.first == place.first else _start(header)
        try:
            for found in _walk(file, start, end):
                if found.sequence >= place.sequence:
                    yield _record(found), Place(header.first, found.end, found.sequence + 1)
        except _Incomplete:
            return


def read(path: Path, upto: int | None = None) -> Contents:
    """Check all records up to the byte *upto*. Damage is told in the answer; raises DamagedHeader and OSError."""
    return _survey(path, upto).contents


def repair(path: Path) -> Repaired:
    """Make the journal whole again. Nobody may be writing to it.

    A torn end is cut off, and with it a mark that stands just before and names records that are lost. Where something
    whole stands behind the damage, or the header is damaged, the file is kept beside as ``*.damaged-<time>``, and what
    is good before the damage goes on. What is left is on the disk when this returns. Raises OSError.
    """
    try:
        survey = _survey(path)
    except DamagedHeader:
        size = path.lstat().st_size
        kept = _damaged_path(path)
        path.rename(kept)
        sync_folder(path.parent)
        return Repaired(None, size, kept)
    contents = survey.contents
    end = contents.end if survey.void_from is None else survey.void_from
    cut = survey.size - end
    if cut == 0:
        return Repaired(contents, 0, None)
    if contents.damage is None or contents.damage.is_torn:
        _truncate(path, end)
        return Repaired(read(path), cut, None)
    kept = _go_on_without(path, end)
    return Repaired(read(path), cut, kept)


class _Incomplete(DamagedRecord):
    """The file ends within the record."""


class _Found(NamedTuple):
    """A record in a file. A tuple, because a journal has hundreds of thousands."""

    sequence: int
    kind: RecordKind
    time: datetime
    person: str
    size: int
    payload: bytes
    offset: int
    end: int


def _start(header: Header) -> Place:
    return Place(header.first, HEADER_SIZE, header.first)


def _walk(file: BinaryIO, start: Place, end: int, payloads_of: frozenset[RecordKind] | None = None) -> Iterator[_Found]:
    """The records from *start* to *end*, with the payloads of these kinds of mark (None: all) and b"" for the others.

    Raises DamagedRecord, or _Incomplete where a record would go on beyond *end*.
    """
    offset, sequence = start.offset, start.sequence
    file.seek(offset)
    while offset < end:
        body_at = offset + PREFIX_SIZE
        if body_at > end:
            raise _Incomplete(offset)
        prefix = parse_prefix(_exactly(file, PREFIX_SIZE, offset))
        if prefix is None or sequence > MAX_SEQUENCE:
            raise DamagedRecord(offset)
        length, checksum = prefix
        if length > end - body_at:
            raise _Incomplete(offset)
        body = _exactly(file, min(length, CHUNK), offset)
        front = parse_front(body)
        if front is None:
            raise DamagedRecord(offset)
        kind, time, person, payload_at = front
        is_wanted = payloads_of is None or (kind in payloads_of and length <= _MAX_MARK_BODY)
        payload = body[payload_at:] if is_wanted else b""
        actual = crc32(body)
        if length > CHUNK:
            parts = [payload]
            for part in _chunks(file, length - CHUNK, offset):
                actual = crc32(part, actual)
                if is_wanted:
                    parts.append(part)
            payload = b"".join(parts)
        if actual != checksum:
            raise DamagedRecord(offset)
        end_of_record = body_at + length
        yield _Found(sequence, kind, time, person, length - payload_at, payload, offset, end_of_record)
        offset = end_of_record
        sequence += 1


def _exactly(file: BinaryIO, size: int, offset: int) -> bytes:
    """So many bytes of the record at *offset*. Somebody may have cut the file since its size was asked for."""
    data = file.read(size)
    if len(data) < size:
        raise _Incomplete(offset)
    return data


def _chunks(file: BinaryIO, size: int, offset: int) -> Iterator[bytes]:
    while size:
        chunk = _exactly(file, min(size, CHUNK), offset)
        yield chunk
        size -= len(chunk)


def _record(found: _Found) -> Record:
    return Record(found.sequence, found.kind, found.time, found.person, found.payload)


@dataclass(frozen=True, slots=True)
class _Survey:
    """*void_from* is where a last mark begins that names records after the end of the journal, if there is one."""

    contents: Contents
    size: int
    void_from: int | None


def _survey(path: Path, upto: int | None = None) -> _Survey:
    with open_journal(path, upto) as (file, header, size):
        start = _start(header)
        end, following, void_from = start.offset, start.sequence, None
        marks: list[PlacedMark] = []
        damage = None
        try:
            for found in _walk(file, start, size, payloads_of=MARKS):
                end, following, void_from = found.end, found.sequence + 1, None
                mark = parse_mark(found.payload) if found.kind in MARKS else None
                if mark is not None:
                    placed = PlacedMark(found.sequence, found.kind, mark)
                    void_from = found.offset if _names_from(mark, following) else None
                    # Nobody will ask for what stands before a confirmed mark, and there are thousands of them.
                    if placed.kind is not RecordKind.SAVING and _standing([placed], following):
                        marks.clear()
                    marks.append(placed)
        except DamagedRecord as error:
            damage = Damage(error.offset, is_torn=not _may_hold_a_record(file, error.offset + 1, size))
    return _Survey(Contents(header, following, end, _standing(marks, following), damage), size, void_from)


def _names_from(mark: Mark, sequence: int) -> bool:
    """Whether one of the mark's extras is that record or a later one."""
    return any(extra >= sequence for extra in mark.extras)


def _standing(marks: list[PlacedMark], following: int) -> tuple[PlacedMark, ...]:
    """Those marks, newest first, that the file's state may be taken from; *following* is the first number not used."""
    standing: list[PlacedMark] = []
    for placed in reversed(marks):
        if placed.mark.through >= placed.sequence or _names_from(placed.mark, following):
            continue
        standing.append(placed)
        if placed.kind is not RecordKind.SAVING:
            break
    return tuple(standing)


def _may_hold_a_record(file: BinaryIO, start: int, size: int) -> bool:
    """Whether a whole record begins at *start* or later. Also True where telling would take too long."""
    if size - start > MAX_SEARCH:
        return True
    effort = 0
    for window_at in range(start, size, CHUNK):
        file.seek(window_at)
        window = file.read(CHUNK + PREFIX_SIZE + MAX_FRONT)
        for match in _RECORD_START.finditer(window, 0, CHUNK + _RECORD_START_SIZE):
            prefix = parse_prefix(window, match.start())
            body_at = match.start() + PREFIX_SIZE
            if prefix is None or prefix[0] > size - window_at - body_at or len(window) < body_at + MIN_BODY:
                continue
            effort += _EFFORT_OF_LOOK
            if parse_front(window[body_at : body_at + min(prefix[0], MAX_FRONT)]) is not None:
                effort += prefix[0]
                if effort > MAX_SEARCH or _is_record(file, window_at + match.start(), size):
                    return True
    return effort > MAX_SEARCH


def _is_record(file: BinaryIO, offset: int, size: int) -> bool:
    try:
        next(_walk(file, Place(0, offset, 0), size, payloads_of=frozenset()))
    except DamagedRecord:
        return False
    return True


def _truncate(path: Path, end: int) -> None:
    descriptor = open_regular(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _go_on_without(path: Path, end: int) -> Path:
    """Let a copy of the first *end* bytes take the file's place. Answers where the file itself is kept."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb", buffering=CHUNK) as file:
        write_new(path, _chunks(file, end, 0))
    kept = _damaged_path(path)
    try:
        # A second name first, so that a crash leaves a journal in place at any moment.
        kept.hardlink_to(path)
    except OSError:  # not every file system has second names
        path.rename(kept)
    put_into_place(path)
    return kept


def _damaged_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
