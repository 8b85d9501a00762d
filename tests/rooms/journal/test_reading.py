from __future__ import annotations

import os
import stat
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.journal import reading
from coterie.server.rooms.journal.reading import Damage, Place, outlines, read, read_header, read_on, records, repair
from coterie.server.rooms.journal.records import (
    HEADER_SIZE,
    MAX_EXTRAS,
    DamagedHeader,
    DamagedRecord,
    Header,
    Record,
    RecordKind,
    encode_header,
)
from rooms.journal.making import LIFE, body_of_journal, encoded, mark, record, write_journal

BASE, EDIT, SAVING, SAVED, AGREED, KEPT = RecordKind

SOME = [record(1, BASE, "outside", b"all"), record(2, EDIT, "ann", b"one"), record(3, EDIT, "bob", b"two")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.file.journal"


def damaged_copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob("*.damaged-*"))


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_a_journal_is_read_as_it_was_written(path: Path) -> None:
    write_journal(path, SOME)

    assert SOME == list(records(path))
    assert Header(LIFE, 1) == read_header(path)


def test_outlines_are_the_records_without_their_payloads(path: Path) -> None:
    write_journal(path, SOME)

    found = list(outlines(path))

    assert [(one.sequence, one.kind, one.time, one.person, len(one.payload)) for one in SOME] == [
        (outline.sequence, outline.kind, outline.time, outline.person, outline.size) for outline in found
    ]
    assert [encoded(one) for one in SOME] == [path.read_bytes()[outline.offset : outline.end] for outline in found]


def test_what_a_whole_journal_holds(path: Path) -> None:
    write_journal(path, SOME)

    contents = read(path)

    assert (Header(LIFE, 1), 4, path.stat().st_size, None) == (
        contents.header,
        contents.next,
        contents.end,
        contents.damage,
    )


def test_a_journal_without_records_is_whole(path: Path) -> None:
    write_journal(path, [])

    assert (1, HEADER_SIZE, ()) == (read(path).next, read(path).end, read(path).marks)


def test_records_longer_than_what_is_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 1024)
    long = [record(1, BASE, "outside", os.urandom(5000)), record(2, EDIT, "ann", os.urandom(1024))]
    write_journal(path, long)

    assert long == list(records(path))
    assert [5000, 1024] == [outline.size for outline in outlines(path)]


def test_only_what_is_asked_for_is_read(path: Path) -> None:
    write_journal(path, SOME)
    end_of_second = [outline.end for outline in outlines(path)][1]

    assert SOME[:2] == list(records(path, end_of_second))
    assert 3 == read(path, end_of_second).next


def test_a_missing_journal_is_missing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(path)


@pytest.mark.parametrize("make", ["link", "folder", "pipe", "empty", "text"])
def test_what_is_no_journal_is_not_read_as_one(path: Path, make: str) -> None:
    match make:
        case "link":
            path.symlink_to(write_journal(path.with_name("other"), SOME))
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)  # reading it would wait for ever
        case "empty":
            path.touch()
        case "text":
            path.write_text("some words that somebody wrote into the file, longer than a header is\n")

    with pytest.raises(DamagedHeader):
        read(path)


# --- Reading on ------------------------------------------------------------------------------------------------------


def test_reading_goes_on_where_it_ended(path: Path) -> None:
    write_journal(path, SOME[:2])
    place = read(path).place
    write_journal(path, SOME)

    found = list(read_on(path, place, path.stat().st_size))

    assert [(SOME[2], Place(1, path.stat().st_size, 4))] == found


def test_reading_goes_on_from_the_beginning(path: Path) -> None:
    write_journal(path, SOME)

    found = list(read_on(path, read(path).start, path.stat().st_size))

    assert SOME == [found_record for found_record, _ in found]
    assert read(path).place == found[-1][1]


def test_reading_on_stops_before_a_record_that_is_still_being_written(path: Path) -> None:
    write_journal(path, SOME)
    whole = path.read_bytes()

    for size in range(len(whole) - len(encoded(SOME[2])), len(whole)):
        path.write_bytes(whole[:size])

        assert SOME[:2] == [one for one, _ in read_on(path, Place(1, HEADER_SIZE, 1), len(whole))]
        assert SOME[:2] == [one for one, _ in read_on(path, Place(1, HEADER_SIZE, 1), size)]


def test_reading_on_over_a_damaged_record_says_so(path: Path) -> None:
    journal = bytearray(write_journal(path, SOME).read_bytes())
    journal[-1] ^= 1
    path.write_bytes(journal)

    with pytest.raises(DamagedRecord):
        list(read_on(path, Place(1, HEADER_SIZE, 1), len(journal)))


@pytest.mark.parametrize(("known", "expected"), [(2, [3, 4, 5]), (3, [3, 4, 5]), (4, [4, 5]), (5, [5]), (6, [])])
def test_reading_goes_on_in_a_journal_that_was_compacted(path: Path, known: int, expected: list[int]) -> None:
    compacted = [record(3, BASE, "outside", b"all three"), record(4, EDIT, "ann", b"four"), record(5, EDIT, "bob")]
    write_journal(path, compacted, first=3)

    found = list(read_on(path, Place(1, 10_000, known), path.stat().st_size))

    assert expected == [one.sequence for one, _ in found]
    assert {3} >= {place.first for _, place in found}


# --- Marks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], []),
        ([mark(4, SAVED, 3)], [4]),
        ([mark(4, SAVED, 1), mark(5, SAVED, 3)], [5]),
        ([mark(4, SAVED, 1), mark(5, SAVING, 3)], [5, 4]),
        ([mark(4, SAVING, 1), mark(5, SAVED, 1)], [5]),
        ([mark(4, SAVED, 1), mark(5, SAVING, 2), mark(6, SAVING, 3)], [6, 5, 4]),
        ([mark(4, SAVING, 1)], [4]),
        ([mark(4, AGREED, 1, 5), record(5, EDIT, "outside", b"x")], [4]),
        # Void: names what is not there, counts beyond itself, is no mark.
        ([mark(4, SAVED, 1), mark(5, AGREED, 1, 6)], [4]),
        ([mark(4, SAVED, 1), mark(5, SAVED, 5)], [4]),
        ([mark(4, SAVED, 1), record(5, SAVED, payload=b"no mark")], [4]),
        ([mark(4, SAVED, 1), record(5, SAVED, payload=bytes(40 + 8 * MAX_EXTRAS + 8 * 100))], [4]),
    ],
)
def test_the_marks_that_the_files_state_may_be_taken_from(path: Path, marks: list[Record], expected: list[int]) -> None:
    write_journal(path, SOME + marks)

    assert expected == [placed.sequence for placed in read(path).marks]


# --- Repair ----------------------------------------------------------------------------------------------------------


def test_a_whole_journal_needs_no_repair(path: Path) -> None:
    before = write_journal(path, SOME).read_bytes()

    repaired = repair(path)

    assert (read(path), 0, None) == (repaired.contents, repaired.cut, repaired.kept)
    assert before == path.read_bytes()


def test_a_torn_end_is_cut_at_any_byte_and_said(path: Path) -> None:
    whole = write_journal(path, SOME).read_bytes()
    ends = [HEADER_SIZE, *(outline.end for outline in outlines(path))]

    for size in range(HEADER_SIZE, len(whole)):
        path.write_bytes(whole[:size])
        end = max(end for end in ends if end <= size)

        repaired = repair(path)

        assert (size - end, None) == (repaired.cut, repaired.kept)
        assert whole[:end] == path.read_bytes()
        assert read(path) == repaired.contents
    assert [] == damaged_copies(path)


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 300, b"text " * 100], ids=["zeros", "ones", "text"])
def test_an_end_of_which_nothing_reached_the_disk_is_cut(path: Path, tail: bytes) -> None:
    whole = write_journal(path, SOME).read_bytes()
    path.write_bytes(whole + tail)

    assert Damage(len(whole), is_torn=True) == read(path).damage

    repair(path)

    assert whole == path.read_bytes()


def test_damage_with_something_whole_behind_it_is_kept_beside(path: Path) -> None:
    whole = write_journal(path, SOME).read_bytes()
    second = list(outlines(path))[1]

    for at in range(second.offset, second.end):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        path.write_bytes(damaged)

        repaired = repair(path)

        assert repaired.kept is not None
        assert [repaired.kept] == damaged_copies(path)
        assert bytes(damaged) == repaired.kept.read_bytes()
        assert whole[: second.offset] == path.read_bytes()
        assert len(whole) - second.offset == repaired.cut
        assert SOME[:1] == list(records(path))
        repaired.kept.unlink()


@given(st.data())
def test_repair_leaves_a_whole_journal_of_what_was_before_the_damage(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journals") / "doc.file.journal"
    payloads = data.draw(st.lists(st.binary(max_size=40), min_size=1, max_size=6))
    written = [record(1 + index, EDIT, "ann", payload) for index, payload in enumerate(payloads)]
    journal = bytearray(write_journal(path, written).read_bytes())
    at = data.draw(st.integers(min_value=HEADER_SIZE, max_value=len(journal) - 1))
    journal[at:] = data.draw(st.binary(max_size=60))
    path.write_bytes(journal)

    repaired = repair(path)

    found = list(records(path))
    intact = [one for one, end in zip(written, _ends(written), strict=True) if end <= at]
    assert intact == found[: len(intact)]
    assert repaired.contents == read(path)
    assert repaired.contents is not None
    assert repaired.contents.damage is None


def _ends(written: list[Record]) -> list[int]:
    return [HEADER_SIZE + len(body_of_journal(written[: index + 1])) for index in range(len(written))]


@pytest.mark.parametrize("lost", range(1, len(encoded(record(5, EDIT, "outside", b"merged"))) + 1))
def test_a_mark_whose_edit_was_lost_goes_with_it(path: Path, lost: int) -> None:
    """It would else come to name what is written next in the lost one's place."""
    before = write_journal(path, SOME).read_bytes()
    both = [*SOME, mark(4, AGREED, 1, 5), record(5, EDIT, "outside", b"merged")]
    write_journal(path, both)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - lost)

    repaired = repair(path)

    assert before == path.read_bytes()
    assert repaired.contents is not None
    assert 4 == repaired.contents.next


@pytest.mark.parametrize("make", ["text", "link", "folder"])
def test_what_is_no_journal_is_put_aside(path: Path, make: str) -> None:
    other = path.with_name("other")
    match make:
        case "text":
            path.write_text("words")
        case "link":
            other.write_text("words")
            path.symlink_to(other)
        case "folder":
            path.mkdir()

    repaired = repair(path)

    assert repaired.contents is None
    assert repaired.kept is not None
    assert [repaired.kept] == damaged_copies(path)
    assert not path.exists()
    if make == "link":
        assert "words" == other.read_text()


def test_a_repaired_journal_is_for_the_servers_account_alone(path: Path) -> None:
    damaged = bytearray(write_journal(path, SOME).read_bytes())
    damaged[HEADER_SIZE + 20] ^= 1
    path.write_bytes(damaged)

    repair(path)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_where_looking_would_take_too_long_the_file_is_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_SEARCH", 100)
    write_journal(path, SOME)
    with path.open("ab") as file:
        file.write(bytes(200))

    assert repair(path).kept is not None


def test_a_file_of_would_be_records_is_not_checked_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight thousand places that look like the start of a long record."""
    monkeypatch.setattr(reading, "MAX_SEARCH", 200_000)
    checked: list[int] = []
    is_record = reading._is_record

    def count(file: BinaryIO, offset: int, size: int) -> bool:
        checked.append(offset)
        return is_record(file, offset, size)

    monkeypatch.setattr(reading, "_is_record", count)
    path.write_bytes(encode_header(LIFE, 1) + bytes.fromhex("00008000000000000100000000") * 8_000)

    assert Damage(HEADER_SIZE, is_torn=False) == read(path).damage
    assert len(checked) < 50


def test_a_length_is_not_believed(path: Path) -> None:
    """A record that says to be long, over a hole in the file, is not taken into memory before it proves true."""
    path.write_bytes(encode_header(LIFE, 1) + bytes.fromhex("00ffffff" + "00000000" + "01"))
    os.truncate(path, HEADER_SIZE + 8 + 0x00FFFFFF)

    tracemalloc.start()
    contents = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert Damage(HEADER_SIZE, is_torn=True) == contents.damage
    assert peak < 8 * 1024 * 1024
