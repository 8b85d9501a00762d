from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coterie.server.rooms.journal.files import CHUNK
from coterie.server.rooms.journal.journal import FIRST, Journal
from coterie.server.rooms.journal.reading import outlines, read, records, repair
from coterie.server.rooms.journal.records import OUTSIDE, DamagedHeader, DamagedJournal, RecordKind
from rooms.journal.making import LIFE, encoded, record, write_journal
from rooms.serving import WITHIN, eventually

BASE, EDIT = RecordKind.BASE, RecordKind.EDIT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.file.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal.create(path, LIFE, (BASE, OUTSIDE, b"all"))
    yield journal
    journal.close()


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond *size* bytes: to a writer it looks like a full disk, a part of a write included."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def size_of(path: Path) -> int:
    return path.stat().st_size


def names_beside(path: Path) -> list[str]:
    return [each.name for each in path.parent.iterdir()]


def payloads(path: Path) -> list[bytes]:
    return [record.payload for record in records(path)]


# --- Making and opening ----------------------------------------------------------------------------------------------


def test_a_new_journal_holds_what_it_was_made_with(path: Path, journal: Journal) -> None:
    [base] = records(path)

    assert (LIFE, FIRST + 1, size_of(path)) == (journal.life, journal.next, journal.size)
    assert (FIRST, BASE, OUTSIDE, b"all") == (base.sequence, base.kind, base.person, base.payload)
    assert (datetime.now(UTC) - base.time).total_seconds() < 3600
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_journal_goes_on_where_it_was(path: Path, journal: Journal) -> None:
    journal.append((EDIT, "ann", b"one"))
    journal.close()

    again = Journal.open(path, size=journal.size, next=journal.next)
    again.append((EDIT, "bob", b"two"))
    again.close()

    assert [(1, OUTSIDE, b"all"), (2, "ann", b"one"), (3, "bob", b"two")] == [
        (one.sequence, one.person, one.payload) for one in records(path)
    ]


def test_a_journal_of_another_size_is_not_gone_on_in(path: Path, journal: Journal) -> None:
    with pytest.raises(DamagedJournal):
        Journal.open(path, size=journal.size - 1, next=journal.next)


@pytest.mark.parametrize("make", ["link", "pipe", "folder"])
def test_what_is_no_regular_file_is_not_written_to(path: Path, make: str) -> None:
    match make:
        case "link":
            path.symlink_to(write_journal(path.with_name("other"), []))
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()

    with pytest.raises(DamagedHeader):
        Journal.open(path, size=0, next=1)


# --- Appending -------------------------------------------------------------------------------------------------------


def test_what_is_appended_together_is_one_write(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def count(_: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", count)

    assert 2 == journal.append((EDIT, "ann", b"one"), (EDIT, "bob", b"two"))
    assert 4 == journal.append((EDIT, "ann", b"three"))
    assert 2 == len(written)


def test_a_write_of_which_the_disk_takes_a_part_goes_on(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))

    journal.append((EDIT, "ann", b"one"), (EDIT, "bob", b"two"))

    assert [b"all", b"one", b"two"] == payloads(path)


@pytest.mark.parametrize("room", range(1, 60, 7))
def test_a_full_disk_leaves_the_journal_as_it_was(path: Path, journal: Journal, room: int) -> None:
    before = content_of(path)

    with room_for(journal.size + room), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        journal.append((EDIT, "ann", b"one"), (EDIT, "ann", bytes(60)))

    assert before == content_of(path)
    assert 2 == journal.append((EDIT, "ann", b"two"))
    assert [b"all", b"two"] == payloads(path)


def test_what_could_not_be_cut_off_at_once_is_cut_off_before_the_next_write(
    path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = content_of(path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", fail)
        with room_for(journal.size + 10), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            journal.append((EDIT, "ann", b"one"))
        assert before != content_of(path)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            journal.append((EDIT, "ann", b"two"))

    assert 2 == journal.append((EDIT, "ann", b"three"))
    assert [b"all", b"three"] == payloads(path)


def test_what_no_record_can_hold_is_refused_and_the_others_with_it(path: Path, journal: Journal) -> None:
    before = content_of(path)

    with pytest.raises(ValueError):
        journal.append((EDIT, "ann", b"one"), (EDIT, "a" * 256, b"two"))

    assert (before, 2) == (content_of(path), journal.next)


def test_a_closed_journal_takes_nothing(path: Path, journal: Journal) -> None:
    journal.close()
    journal.close()

    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        journal.append((EDIT, "ann", b"one"))
    assert [b"all"] == payloads(path)


WRITER = """
import itertools, os, sys
from pathlib import Path
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import RecordKind

journal = Journal.create(Path(sys.argv[1]), "0" * 32)
for number in itertools.count(1):
    payload = b"%d " % number * (number * 7919 % 20_000)
    journal.append((RecordKind.EDIT, "ann", payload), (RecordKind.EDIT, "bob", b"%d" % number))
    os.write(1, b"%d\\n" % number)
"""


@pytest.mark.parametrize("reports", [1, 10, 50, 200])
def test_nothing_that_was_appended_is_lost_when_the_process_is_killed(path: Path, reports: int) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(reports)]
        writer.send_signal(signal.SIGKILL)
        reported += [int(line) for line in writer.stdout if line.endswith(b"\n")]

    repaired = repair(path)

    assert repaired.kept is None
    kept = [int(one.payload) for one in records(path) if one.person == "bob"]
    assert reported == kept[: len(reported)]
    assert list(range(1, len(kept) + 1)) == kept


# --- Seeing to the disk ----------------------------------------------------------------------------------------------


class Syncs:
    """Counts how often a file or a folder is seen to the disk, and can let that fail.

    ``on_disk`` is what a power loss would leave of each file, by its inode.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[int] = []
        self.folders = 0
        self.fails = False
        self.may_end = threading.Event()  # what has begun
        self.may_end.set()
        self.on_disk: dict[int, bytes] = {}
        fsync, fdatasync = os.fsync, os.fdatasync

        def count_file(descriptor: int) -> None:
            status = os.fstat(descriptor)
            self.files.append(status.st_ino)
            self.may_end.wait(WITHIN)
            if self.fails:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            fdatasync(descriptor)
            self.on_disk[status.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

        def count_folder(descriptor: int) -> None:
            self.folders += stat.S_ISDIR(os.fstat(descriptor).st_mode)
            fsync(descriptor)

        monkeypatch.setattr(os, "fdatasync", count_file)
        monkeypatch.setattr(os, "fsync", count_folder)


@pytest.fixture
def syncs(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(monkeypatch)


async def test_only_what_was_written_is_seen_to_the_disk(journal: Journal, syncs: Syncs) -> None:
    await journal.sync()
    assert 0 == len(syncs.files)

    journal.append((EDIT, "ann", b"one"))
    await journal.sync()
    await journal.sync()

    assert (1, 0) == (len(syncs.files), syncs.folders)


async def test_what_another_process_wrote_is_seen_to_the_disk_once(path: Path, journal: Journal, syncs: Syncs) -> None:
    journal.append((EDIT, "ann", b"one"))
    journal.close()
    again = Journal.open(path, size=journal.size, next=journal.next)
    await again.sync()
    await again.sync()
    again.close()

    assert (1, 1) == (len(syncs.files), syncs.folders)


async def test_what_the_disk_failed_to_take_is_written_anew_from_memory(
    path: Path, journal: Journal, syncs: Syncs
) -> None:
    journal.append((EDIT, "ann", b"one"))
    await journal.sync()
    journal.append((EDIT, "bob", b"two"))
    journal.append((EDIT, "ann", b"three"))
    await failing(journal, syncs)
    before = content_of(path)
    os.pwrite(journal._descriptor, bytes(len(before) - journal._synced), journal._synced)  # as a system may
    journal.append((EDIT, "bob", b"four"))
    await journal.sync()

    assert not journal.is_in_doubt
    assert [b"all", b"one", b"two", b"three", b"four"] == payloads(path)
    assert content_of(path).startswith(before)
    assert content_of(path) == syncs.on_disk[inode_of(path)]
    assert [path.name] == names_beside(path)

    journal.append((EDIT, "ann", b"five"))
    await journal.sync()

    assert b"five" == payloads(path)[-1]
    assert content_of(path) == syncs.on_disk[inode_of(path)]


async def failing(journal: Journal, syncs: Syncs) -> None:
    """The disk fails once."""
    syncs.fails = True
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        await journal.sync()
    syncs.fails = False
    assert journal.is_in_doubt


async def test_a_failure_that_nobody_waits_for_any_more_counts_too(path: Path, journal: Journal, syncs: Syncs) -> None:
    journal.append((EDIT, "ann", b"one"))
    syncs.fails = True
    syncs.may_end.clear()
    syncing = asyncio.create_task(journal.sync())
    await eventually(lambda: syncs.files)
    syncing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await syncing
    syncs.may_end.set()
    await eventually(lambda: journal.is_in_doubt)


async def test_what_cannot_be_written_anew_stays_as_it_is_and_in_doubt(
    path: Path, journal: Journal, syncs: Syncs
) -> None:
    journal.append((EDIT, "ann", b"one"))
    await failing(journal, syncs)
    inode = inode_of(path)
    for room in (10, journal.size - 1):
        with room_for(room), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            await journal.sync()

    assert (True, inode, [path.name]) == (journal.is_in_doubt, inode_of(path), names_beside(path))
    await journal.sync()
    assert [b"all", b"one"] == payloads(path)


async def test_a_journal_in_doubt_is_not_replaced_by_what_was_read_from_it(
    path: Path, journal: Journal, syncs: Syncs
) -> None:
    journal.append((EDIT, "ann", b"one"))
    new = compacted_beside(path, journal.size)
    await failing(journal, syncs)
    with pytest.raises(OSError, match="anew"):
        await journal.replace(new, journal.size)

    assert not new.exists()
    assert [b"all", b"one"] == payloads(path)


async def test_a_journal_in_doubt_takes_only_as_much_as_fits_into_memory(
    path: Path, journal: Journal, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.server.rooms.journal.journal.MAX_UNSYNCED", 100)
    journal.append((EDIT, "ann", bytes(200)))
    journal.append((EDIT, "ann", b"one"))
    await failing(journal, syncs)
    with pytest.raises(OSError, match="too much"):
        journal.append((EDIT, "ann", b"two"))
    await journal.sync()
    journal.append((EDIT, "ann", b"two"))

    assert [b"all", bytes(200), b"one", b"two"] == payloads(path)


async def test_a_journal_may_be_closed_while_it_is_seen_to_the_disk(journal: Journal, syncs: Syncs) -> None:
    journal.append((EDIT, "ann", b"one"))
    syncs.may_end.clear()
    syncing = asyncio.create_task(journal.sync())
    await eventually(lambda: syncs.files)
    journal.close()
    syncs.may_end.set()

    await syncing

    assert 1 == len(syncs.files)


async def test_a_closed_journal_is_not_seen_to_the_disk_nor_in_doubt(journal: Journal, syncs: Syncs) -> None:
    journal.append((EDIT, "ann", b"one"))
    journal.close()
    await journal.sync()

    assert ([], False) == (syncs.files, journal.is_in_doubt)


async def test_a_process_with_nothing_else_to_do_waits_for_the_disk(journal: Journal, syncs: Syncs) -> None:
    journal.append((EDIT, "ann", b"one"))
    journal.sync_now()
    await journal.sync()

    assert 1 == len(syncs.files)


# --- Replacing -------------------------------------------------------------------------------------------------------


def compacted_beside(path: Path, upto: int, life: str = LIFE) -> Path:
    """A journal that has everything up to *upto* in one record."""
    last = list(records(path, upto))[-1].sequence
    base = record(last, BASE, OUTSIDE, b"+".join(one.payload for one in records(path, upto)))
    new = write_journal(path.with_name("new"), [base], first=last)
    new.write_bytes(new.read_bytes().replace(bytes.fromhex(LIFE), bytes.fromhex(life)))
    return new


async def test_a_compacted_journal_takes_the_place_of_the_old_one(path: Path, journal: Journal) -> None:
    journal.append((EDIT, "ann", b"one"))
    upto = journal.size
    new = compacted_beside(path, upto)
    journal.append((EDIT, "bob", b"two"))

    await journal.replace(new, upto)
    sequence = journal.append((EDIT, "ann", b"three"))

    assert [(2, b"all+one"), (3, b"two"), (4, b"three")] == [(one.sequence, one.payload) for one in records(path)]
    assert (4, 5, size_of(path)) == (sequence, journal.next, journal.size)
    assert not new.exists()


def inode_of(path: Path) -> int:
    return path.stat().st_ino


async def test_a_replacement_is_seen_to_the_disk_with_its_name(path: Path, journal: Journal, syncs: Syncs) -> None:
    await journal.replace(compacted_beside(path, journal.size), journal.size)
    syncs.files.clear()

    await journal.sync()
    await journal.sync()

    assert ([inode_of(path)], 1) == (syncs.files, syncs.folders)


async def test_the_name_of_a_replacement_is_tried_again_too(path: Path, journal: Journal, syncs: Syncs) -> None:
    await journal.replace(compacted_beside(path, journal.size), journal.size)
    await failing(journal, syncs)

    await journal.sync()

    assert 1 == syncs.folders


@pytest.mark.parametrize("lately", [10, 3 * CHUNK])
async def test_what_the_disk_had_it_has_at_the_moment_of_a_replacement(
    path: Path, journal: Journal, syncs: Syncs, monkeypatch: pytest.MonkeyPatch, lately: int
) -> None:
    journal.append((EDIT, "ann", b"one"))
    upto = journal.size
    new = compacted_beside(path, upto)
    journal.append((EDIT, "bob", bytes(2 * CHUNK)))
    await journal.sync()
    journal.append((EDIT, "ann", b"two"))
    left: list[bytes] = []
    rename = Path.replace

    def look(self: Path, target: Path) -> Path:
        left.append(syncs.on_disk[self.stat().st_ino])
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", look)
    syncs.may_end.clear()
    replacing = asyncio.create_task(journal.replace(new, upto))
    await eventually(lambda: len(syncs.files) == 2)
    journal.append((EDIT, "bob", bytes(lately)))  # nobody has been told that the disk has it
    syncing = asyncio.create_task(journal.sync())
    syncs.may_end.set()
    await asyncio.gather(replacing, syncing)

    wanted = [b"all+one", bytes(2 * CHUNK), b"two"]
    path.with_name("left").write_bytes(left[0])
    assert wanted == payloads(path.with_name("left"))[:3]
    assert [*wanted, bytes(lately)] == payloads(path)
    assert content_of(path) == syncs.on_disk[inode_of(path)]


async def test_a_journal_that_is_closed_meanwhile_keeps_its_place(path: Path, journal: Journal, syncs: Syncs) -> None:
    before = content_of(path)
    new = compacted_beside(path, journal.size)
    syncs.may_end.clear()
    replacing = asyncio.create_task(journal.replace(new, journal.size))
    await eventually(lambda: syncs.files)
    journal.close()
    syncs.may_end.set()
    with pytest.raises(OSError, match="closed"):
        await replacing

    assert (before, False) == (content_of(path), new.exists())


@pytest.mark.parametrize("fault", ["no room", "another life", "not there", "no journal", "old one cut"])
async def test_what_cannot_take_its_place_leaves_the_journal_as_it_was(
    path: Path, journal: Journal, fault: str
) -> None:
    upto = journal.size
    new = compacted_beside(path, upto)
    journal.append((EDIT, "ann", bytes(1000)))
    await journal.sync()
    room = 10_000
    match fault:
        case "no room":
            room = new.stat().st_size + 500
        case "another life":
            new = compacted_beside(path, upto, life="f" * 32)
        case "not there":
            new.unlink()
        case "no journal":
            new.write_text("words")
        case "old one cut":
            os.truncate(path, journal.size - 1)
    before = content_of(path)

    with room_for(room), pytest.raises((OSError, DamagedJournal)):
        await journal.replace(new, upto)

    assert before == content_of(path)
    assert not new.exists()
    os.truncate(path, journal.size)
    journal.append((EDIT, "ann", b"two"))
    assert journal.size == size_of(path)


async def test_a_replaced_journal_can_run_into_a_full_disk_as_well(path: Path, journal: Journal) -> None:
    await journal.replace(compacted_beside(path, journal.size), journal.size)

    with room_for(journal.size + 10), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        journal.append((EDIT, "ann", b"one"))
    journal.append((EDIT, "ann", b"two"))

    assert [b"all", b"two"] == payloads(path)
    assert journal.size == read(path).end == list(outlines(path))[-1].end


def test_a_record_is_the_same_bytes_whoever_writes_it(path: Path, journal: Journal) -> None:
    journal.append((EDIT, "ann", b"one"))

    last = list(records(path))[-1]

    assert content_of(path).endswith(encoded(last))
