"""Writing a journal. One process at a time does, and while a document is open that is the one in which it is open."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.files import (
    CHUNK,
    again_path,
    open_regular,
    put_into_place,
    sync_folder,
    write_file,
    write_new,
)
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

#: Bytes that may wait in memory for a disk that has failed. Beyond it nothing more is taken.
MAX_UNSYNCED: Final = 64 * 1024 * 1024

#: How often what was appended during a copy is copied in a thread as well, before the rest is on the loop.
_PASSES: Final = 4

#: A record that is to be written: its kind, its person, its payload.
NewRecord = tuple[RecordKind, str, bytes]


class Journal:
    """An open journal: ``life`` says which, ``size`` is its length in bytes, ``next`` the number of the next record.

    What the disk has not confirmed stays in memory. A system that fails to write something to the disk says so once,
    forgets that it was to be written, and calls the next attempt a success: after a failure the journal is *in doubt*,
    and the next ``sync`` makes another file of what was confirmed before and of what is in memory.
    """

    def __init__(self, path: Path, descriptor: int, *, life: str, size: int, next_: int) -> None:
        self.path = path
        self.life = life
        self.size = size
        self.next = next_
        self._descriptor = descriptor
        self._is_torn = False
        self._synced = size  # so many bytes need not be kept in memory
        self._unsynced: list[bytes] = []  # what follows them
        self._is_confirmed = False  # that the file is at its place, and what was in it when it was opened
        self._is_in_doubt = False
        self._disk = asyncio.Lock()  # one sync or one replacement at a time

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
        journal = cls.open(path, size=sum(map(len, parts)), next=FIRST + len(added))
        journal._is_confirmed = True
        return journal

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

    @property
    def is_in_doubt(self) -> bool:
        """Whether the disk may lack something although it was told to have it."""
        return self._is_in_doubt

    def append(self, *added: NewRecord) -> int:
        """Write all *added* at once; answers the sequence number of the first.

        They are safe from the end of this process when this returns, and from that of the machine after ``sync``.
        Raises OSError, with a full disk for one, and ValueError for what no record can hold: then none of them counts,
        and the file is as it was.
        """
        now = datetime.now(UTC)
        data = b"".join([encode_record(kind, now, person, payload) for kind, person, payload in added])
        if self._is_in_doubt and self.size - self._synced > MAX_UNSYNCED:
            raise OSError(errno.EIO, "the disk has failed, and too much waits for it")
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
        self._unsynced.append(data)
        return sequence

    async def sync(self) -> None:
        """See to the disk what was appended until now, without stalling the loop. Raises OSError and DamagedJournal.

        Does nothing once the journal is closed. Goes on where the caller is cancelled: nobody would hear of a failure a
        second time.
        """
        await asyncio.shield(asyncio.create_task(self._sync()))

    def sync_now(self) -> None:
        """The same for a process that has nothing else to do. Raises OSError."""
        try:
            _sync(os.dup(self._descriptor), self.path.parent)
        except OSError:
            self._is_in_doubt = True
            raise
        self._confirm(self.size)

    async def replace(self, compacted: Path, upto: int) -> None:
        """Go on in *compacted*, which holds what the journal holds up to the byte *upto*, and let it take its place.

        Nothing of it stalls the loop. What the disk had before, it has at every moment; the rest, and the new file's
        name, with the next ``sync``. Raises OSError and DamagedJournal; then *compacted* is gone and the journal goes
        on as it was.
        """
        with _removing(compacted):
            async with self._disk:
                self._check_is_believed()
                await self._go_on_in(compacted, upto)

    def close(self) -> None:
        """Everything that was appended stays; nothing more can be. May be called again."""
        if self._descriptor != -1:
            os.close(self._descriptor)
            self._descriptor = -1

    async def _sync(self) -> None:
        async with self._disk:
            if self._descriptor == -1:
                return
            if self._is_in_doubt:
                await self._write_anew()
            if self._is_confirmed and not self._unsynced:
                return
            size = self.size
            try:
                # The thread has a descriptor of its own: this one may be closed while it works.
                folder = None if self._is_confirmed else self.path.parent
                await asyncio.to_thread(_sync, os.dup(self._descriptor), folder)
            except OSError:
                self._is_in_doubt = True
                raise
            self._confirm(size)

    def _confirm(self, size: int) -> None:
        """The disk has so many bytes."""
        self._unsynced = self._from_memory(size)
        self._synced = size
        self._is_confirmed = True

    async def _write_anew(self) -> None:
        """In another file: what the disk had before the failure, and the rest from memory."""
        upto = self._synced
        old = os.dup(self._descriptor)
        try:
            again = await asyncio.to_thread(write_file, again_path(self.path), _chunks(old, 0, upto))
        finally:
            os.close(old)
        with _removing(again):
            await self._go_on_in(again, upto)

    async def _go_on_in(self, new: Path, upto: int) -> None:
        """Let *new*, which holds what the journal holds up to *upto*, take its place. Nobody syncs meanwhile."""
        descriptor = open_regular(new, _FLAGS)
        try:
            self._check_is_ours(descriptor)
            for _ in range(_PASSES):
                start, upto = upto, self.size
                pieces = self._from_memory(max(start, self._synced))
                # The thread has descriptors of its own, whatever becomes of these while it works.
                old, copy = os.dup(self._descriptor), os.dup(descriptor)
                await asyncio.to_thread(_copy, old, copy, start, self._synced, pieces)
                if self.size - upto <= CHUNK:
                    break
            self._give_way_to(new, descriptor, upto)
        except BaseException:
            os.close(descriptor)
            raise

    def _give_way_to(self, new: Path, descriptor: int, upto: int) -> None:
        """Of *new* the disk has what the journal holds up to *upto*, which is all that it has of the journal."""
        self._check_is_open()
        rest = self._from_memory(upto)
        for piece in rest:
            _write_all(descriptor, piece)
        size = os.fstat(descriptor).st_size
        new.replace(self.path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._synced = upto + size - self.size
        self._unsynced = rest
        self.size = size
        self._is_torn = self._is_confirmed = self._is_in_doubt = False

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self.size)
        self._is_torn = False

    def _check_is_open(self) -> None:
        if self._descriptor == -1:
            raise OSError(errno.EBADF, "the journal was closed")

    def _check_is_believed(self) -> None:
        if self._is_in_doubt:
            raise OSError(errno.EIO, "the disk has failed, and the journal is to be written anew first")

    def _check_is_ours(self, descriptor: int) -> None:
        if parse_header(os.pread(descriptor, HEADER_SIZE, 0)).life != self.life:
            raise DamagedJournal("the compacted journal is another's")

    def _from_memory(self, start: int) -> list[bytes]:
        """What was appended from the byte *start* on, which is not before what memory has."""
        pieces, at = [], self._synced
        for piece in self._unsynced:
            if at + len(piece) > start:
                pieces.append(piece[max(0, start - at) :])
            at += len(piece)
        return pieces


@contextmanager
def _removing(path: Path) -> Iterator[None]:
    """Let go of the file if it is of no use any more."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


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


def _copy(old: int, new: int, start: int, end: int, pieces: list[bytes]) -> None:
    """Append to *new* the bytes of *old* from *start* to *end*, if there are any, and *pieces*, see it to the disk, and
    close both."""
    try:
        for chunk in _chunks(old, start, end):
            _write_all(new, chunk)
        for piece in pieces:
            _write_all(new, piece)
        os.fdatasync(new)
    finally:
        os.close(old)
        os.close(new)


def _chunks(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, CHUNK):
        size = min(CHUNK, end - offset)
        chunk = os.pread(descriptor, size, offset)
        if len(chunk) < size:
            raise OSError(errno.EIO, "the journal is shorter than what was written to it")
        yield chunk
