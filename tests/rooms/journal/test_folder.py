from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from coterie.server.rooms.journal.folder import JournalFolder, JournalsInUse
from coterie.server.rooms.journal.records import Record, RecordKind
from coterie.server.rooms.names import DocumentName
from rooms.journal.making import LIFE, mark, record, write_journal

NAME = DocumentName("text", "file", "a1b2-c3")

HOLDER = """
import asyncio, sys
from pathlib import Path
from coterie.server.rooms.journal.folder import JournalFolder

folder = JournalFolder(Path(sys.argv[1]))
asyncio.run(folder.claim(0))
print("has it", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    return JournalFolder(tmp_path / "coterie" / "journal")


@pytest.fixture
def holder(folder: JournalFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the folder until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "has it\n" == process.stdout.readline()
        yield process
        process.kill()


# --- Having it -------------------------------------------------------------------------------------------------------


def test_the_folder_is_for_the_servers_account_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.mkdir(mode=0o755)

    JournalFolder(path)

    assert 0o700 == stat.S_IMODE(path.stat().st_mode)


async def test_one_server_at_a_time_has_the_folder(folder: JournalFolder) -> None:
    await folder.claim(0)

    with pytest.raises(JournalsInUse):
        await JournalFolder(folder.path).claim(0)

    folder.release()
    folder.release()
    other = JournalFolder(folder.path)
    await other.claim(0)
    other.release()


async def test_a_folder_that_another_process_has_is_refused(
    folder: JournalFolder, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(JournalsInUse):
        await folder.claim(0)


async def test_a_server_waits_for_one_that_is_killed(folder: JournalFolder, holder: subprocess.Popen[str]) -> None:
    claiming = asyncio.create_task(folder.claim(60))
    await asyncio.sleep(0)
    assert not claiming.done()

    holder.kill()

    await claiming
    folder.release()


# --- Names -----------------------------------------------------------------------------------------------------------


def test_a_journal_is_called_as_its_document(folder: JournalFolder) -> None:
    assert folder.path / "a1b2-c3.file.journal" == folder.path_of(NAME)


@pytest.mark.parametrize("file_id", ["", ".", "..", "../up", "a/b", "a\0b", "a.b", "a\n", "ä", "a" * 65])
def test_no_other_name_can_be_made_with_an_id(folder: JournalFolder, file_id: str) -> None:
    with pytest.raises(ValueError):
        folder.path_of(DocumentName("text", "file", file_id))
    with pytest.raises(ValueError):
        folder.path_of(DocumentName("text", file_id, "a1b2"))


def test_the_life_of_a_document_stands_in_its_journal(folder: JournalFolder) -> None:
    write_journal(folder.path_of(NAME), [])

    assert LIFE == folder.life_of(NAME)


@pytest.mark.parametrize("make", ["nothing", "text", "folder"])
def test_a_document_without_a_journal_has_no_life_yet(folder: JournalFolder, make: str) -> None:
    match make:
        case "text":
            folder.path_of(NAME).write_text("words")
        case "folder":
            folder.path_of(NAME).mkdir()

    assert folder.life_of(NAME) is None


# --- Forgetting ------------------------------------------------------------------------------------------------------


def put(folder: JournalFolder, name: str, *, days: float, records: list[Record] | None = None) -> Path:
    """A journal that was last written to so many days ago."""
    path = write_journal(folder.path / name, records or [])
    then = time.time() - timedelta(days=days).total_seconds()
    os.utime(path, (then, then))
    return path


def left(folder: JournalFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def test_journals_that_nobody_wrote_to_for_long_are_forgotten(folder: JournalFolder) -> None:
    put(folder, "old.file.journal", days=31)
    put(folder, "young.file.journal", days=29)
    is_open = put(folder, "open.file.journal", days=31)

    assert 1 == folder.forget_old(30, {is_open})
    assert {"young.file.journal", "open.file.journal"} == left(folder)


def test_copies_of_damaged_journals_are_forgotten_as_journals_are(folder: JournalFolder) -> None:
    put(folder, "a.file.journal.damaged-20260301T120000.000000Z", days=31)
    put(folder, "b.file.journal.damaged-20260301T120000.000000Z", days=29)

    assert 1 == folder.forget_old(30, set())
    assert {"b.file.journal.damaged-20260301T120000.000000Z"} == left(folder)


def test_what_a_crash_left_half_made_goes_at_once(folder: JournalFolder) -> None:
    put(folder, "a.file.journal.new", days=0)
    put(folder, "a.file.journal.again.new", days=0)
    put(folder, "b.file.journal.new", days=0)  # of a journal that is being compacted right now

    assert 2 == folder.forget_old(30, {folder.path / "b.file.journal"})
    assert {"b.file.journal.new"} == left(folder)


def test_what_is_not_the_servers_is_left_alone(folder: JournalFolder) -> None:
    put(folder, "notes.txt", days=99)
    (folder.path / "old.file.journal").mkdir()
    (folder.path / "gone.file.journal").symlink_to(folder.path / "nowhere")

    assert 0 == folder.forget_old(30, set())
    assert {"notes.txt", "old.file.journal", "gone.file.journal"} == left(folder)


BASE = record(1, RecordKind.BASE, "outside", b"all")
TYPED = record(3, RecordKind.EDIT, "ann", b"one")


@pytest.mark.parametrize(
    ("later", "is_kept"),
    [
        ([TYPED], True),
        ([TYPED, mark(4, RecordKind.SAVING, 3)], True),
        ([TYPED, mark(4, RecordKind.SAVED, 3)], False),
        ([TYPED, mark(4, RecordKind.SAVED, 3), record(5, RecordKind.EDIT, "", b"is saved")], False),
        ([TYPED, mark(4, RecordKind.SAVED, 3), record(5, RecordKind.EDIT, "bob", b"two")], True),
        ([record(3, RecordKind.EDIT, "outside", b"merged")], False),
    ],
    ids=["unsaved", "being saved", "saved", "saved and noted", "edited again", "only from the file"],
)
def test_what_people_typed_and_no_file_has_is_not_forgotten(
    folder: JournalFolder, later: list[Record], is_kept: bool
) -> None:
    put(folder, "a.file.journal", days=99, records=[BASE, mark(2, RecordKind.SAVED, 1), *later])

    assert (not is_kept) == folder.forget_old(30, set())


def test_what_people_typed_may_be_behind_what_is_damaged(folder: JournalFolder) -> None:
    records = [BASE, mark(2, RecordKind.SAVED, 1), record(3, RecordKind.EDIT, "", b"DAMAGED"), TYPED]
    path = put(folder, "a.file.journal", days=99, records=records)
    path.write_bytes(path.read_bytes().replace(b"DAMAGED", b"DAMAGEd"))
    os.utime(path, (0, 0))

    assert 0 == folder.forget_old(30, set())


def test_an_old_journal_that_cannot_be_read_is_forgotten(folder: JournalFolder) -> None:
    path = put(folder, "a.file.journal", days=99)
    path.write_text("words")
    os.utime(path, (0, 0))

    assert 1 == folder.forget_old(30, set())
