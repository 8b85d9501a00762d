"""Writing a journal. One process at a time does, and while a document is open that is the one in which it is open."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.files import CHUNK, open_regular, put_into_place, sync_folder, write_new
from coterie.server.rooms.journal.records import (
    HEADER_SIZE,
    DamagedJournal,
    Header,
    RecordKind,
    encode_header,
    encode_record,
    parse_header,
)

#: The sequence number of the first record of a new journal.
FIRST: Final = 1

_FLAGS: Final = os.O_RDWR | os.O_APPEND

#: A record that is to be written: its kind, its person, its payload.
NewRecord = tuple[RecordKind, str, bytes]


class Journal:
    """An open journal: ``life`` says which, ``size`` is its length in bytes, ``next`` the number of the next record."""

    def __init__(self, path: Path, descriptor: int, *, life: str, size: int, next_: int) -> None:
        self.path = path
        self.life = life
        self.size = size
        self.next = next_
        self._descriptor = descriptor
        self._is_torn = False
        self._writes = 0
        self._synced_writes = 0
        self._is_renamed = False

    @classmethod
    def create(cls, path: Path, life: str, *added: NewRecord) -> Journal:
        """A new journal that holds *added*, and is on the disk, in place of whatever was there.

        *life* is 32 hexadecimal digits. Raises OSError and leaves no file then.
        """
        now = datetime.now(UTC)
        parts = [encode_header(life, FIRST)]
        parts += [encode_record(kind, now, person, payload) for kind, person, payload in added]
        write_new(path, parts)
        put_into_place(path)
        return cls.open(path, size=sum(map(len, parts)), next=FIRST + len(added))

    @classmethod
    def open(cls, path: Path, *, size: int, next: int) -> Journal:  # noqa: A002
        """Go on in a whole journal of *size* bytes, of which only the header is read.

        Raises DamagedJournal if it is not as it is said to be, and OSError.
        """
        descriptor = open_regular(path, _FLAGS)
        try:
            header = _checked_header(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, life=header.life, size=size, next_=next)

    def append(self, *added: NewRecord) -> int:
        """Write all *added* at once; answers the sequence number of the first.

        They are safe from the end of this process when this returns, and from that of the machine after ``sync``.
        Raises OSError, with a full disk for one, and ValueError for what no record can hold: then none of them counts,
        and the file is as it was.
        """
        now = datetime.now(UTC)
        data = b"".join([encode_record(kind, now, person, payload) for kind, person, payload in added])
        if self._is_torn:
            self._cut_back()
        try:
            _write_all(self._descriptor, data)
        except BaseException:
            self._is_torn = True
            with suppress(OSError):  # then the next one begins with it
                self._cut_back()
            raise
        sequence = self.next
        self.next += len(added)
        self.size += len(data)
        self._writes += 1
        return sequence

    async def sync(self) -> None:
        """See to the disk what was appended until now, without stalling the loop. Raises OSError."""
        if self._writes == self._synced_writes:
            return
        writes, folder = self._begin_sync()
        try:
            # The thread has a descriptor of its own: this one may be closed, or another's, while it works.
            await asyncio.to_thread(_sync, os.dup(self._descriptor), folder)
        except BaseException:
            self._is_renamed |= folder is not None
            raise
        self._synced_writes = max(self._synced_writes, writes)

    def sync_now(self) -> None:
        """The same for a process that has nothing else to do. Raises OSError."""
        _sync(os.dup(self._descriptor), self.path.parent)
        self._synced_writes = self._writes

    def replace(self, compacted: Path, upto: int) -> None:
        """Go on in *compacted*, which holds what the journal holds up to the byte *upto*, and let it take its place.

        What was appended after *upto* is copied, and on the disk with the next ``sync``. Raises OSError and
        DamagedJournal; then *compacted* is gone and the journal goes on as it was.
        """
        try:
            descriptor = open_regular(compacted, _FLAGS)
            try:
                self._check_is_ours(descriptor)
                for chunk_at in range(upto, self.size, CHUNK):
                    _write_all(descriptor, self._read(chunk_at, min(CHUNK, self.size - chunk_at)))
                size = os.fstat(descriptor).st_size
                compacted.replace(self.path)
            except BaseException:
                os.close(descriptor)
                raise
        except BaseException:
            compacted.unlink(missing_ok=True)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        self.size = size
        self._is_torn = False
        self._is_renamed = True
        self._writes += 1

    def close(self) -> None:
        """Everything that was appended stays; nothing more can be. May be called again."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self.size)
        self._is_torn = False

    def _check_is_ours(self, descriptor: int) -> None:
        if parse_header(os.pread(descriptor, HEADER_SIZE, 0)).life != self.life:
            raise DamagedJournal("the compacted journal is another's")

    def _read(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, offset)
        if len(data) < size:
            raise DamagedJournal("the journal is shorter than what was written to it")
        return data

    def _begin_sync(self) -> tuple[int, Path | None]:
        """How many writes it is for, and the folder to see to besides, after a replacement."""
        folder = self.path.parent if self._is_renamed else None
        self._is_renamed = False
        return self._writes, folder


def _checked_header(descriptor: int, size: int) -> Header:
    if os.fstat(descriptor).st_size != size:
        raise DamagedJournal("the journal does not have the size that it was left with")
    return parse_header(os.pread(descriptor, HEADER_SIZE, 0))


def _write_all(descriptor: int, data: bytes) -> None:
    """One write, unless the disk takes only part of it."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _sync(descriptor: int, folder: Path | None) -> None:
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    if folder is not None:
        sync_folder(folder)
