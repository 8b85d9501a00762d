from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.journal.compaction import Compacted, Keep, compact
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.reading import read, read_on, records
from coterie.server.rooms.journal.records import (
    OUTSIDE,
    SERVER,
    UPDATES,
    DamagedJournal,
    DamagedRecord,
    Header,
    Mark,
    Record,
    RecordKind,
    encode_mark,
)
from rooms.journal.making import DIGEST, LIFE, Typing, mark, record, run, text_of, write_journal

BASE, EDIT, SAVING, SAVED, AGREED, KEPT = RecordKind

LONG_AGO = datetime.now(UTC) - timedelta(days=40)
LATELY = datetime.now(UTC) - timedelta(days=2)
EVERYTHING = Keep(days=30, bytes=2**40)
NOTHING = Keep(days=0, bytes=2**40)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doc.file.journal"


def typed(typing: Typing, first: int, count: int, time: datetime = LONG_AGO) -> list[Record]:
    """Much that was typed and erased again, and a letter that stayed each time: most of it can go."""
    found = []
    for index in range(count):
        update = typing.type("a") if index % 3 == 0 else typing.type("x" * 50) if index % 3 == 1 else typing.erase(50)
        found.append(record(first + index, BASE if first + index == 1 else EDIT, "ann", update, time))
    return found


def text(path: Path, upto: int | None = None) -> str:
    return text_of(one.payload for one in records(path, upto) if one.kind in UPDATES)


def compacted(path: Path, keep: Keep) -> Path:
    done = compact(path, path.stat().st_size, keep)
    assert done is not None
    assert path.stat().st_size == done.upto
    return done.path


def test_the_oldest_records_become_the_state_they_led_to(path: Path) -> None:
    typing = Typing()
    old, young = typed(typing, 1, 60), typed(typing, 61, 6, LATELY)
    write_journal(path, [*old, *young, mark(67, SAVED, 66, time=LATELY)])
    before = path.read_bytes()

    new = compacted(path, EVERYTHING)

    base, *others = records(new)
    assert Header(LIFE, 60) == read(new).header
    assert (60, BASE, OUTSIDE, old[-1].time) == (base.sequence, base.kind, base.person, base.time)
    assert [*young, mark(67, SAVED, 66, time=LATELY)] == others
    assert typing.text == text(new)
    assert before == path.read_bytes()


def test_what_is_younger_than_its_days_stays(path: Path) -> None:
    typing = Typing()
    write_journal(path, [*typed(typing, 1, 60, LATELY), mark(61, SAVED, 60, time=LATELY)])

    assert compact(path, path.stat().st_size, EVERYTHING) is None


def test_a_journal_that_is_too_long_lets_go_of_younger_ones_too(path: Path) -> None:
    typing = Typing()
    write_journal(path, [*typed(typing, 1, 60, LATELY), mark(61, SAVED, 60, time=LATELY)])
    size = path.stat().st_size

    new = compacted(path, Keep(days=30, bytes=size // 2))

    assert typing.text == text(new)
    assert size / 8 < new.stat().st_size < size / 2


def test_less_than_half_is_not_worth_it(path: Path) -> None:
    typing = Typing()
    old = typed(typing, 1, 10)
    write_journal(path, [*old, *typed(typing, 11, 60, LATELY), mark(71, SAVED, 70, time=LATELY)])

    assert compact(path, path.stat().st_size, EVERYTHING) is None
    assert [path] == list(path.parent.iterdir())


def test_a_document_that_is_as_long_as_its_history_is_not_worth_it(path: Path) -> None:
    typing = Typing()
    letters = [record(1 + index, EDIT, "ann", typing.type("long" * 100), LONG_AGO) for index in range(50)]
    write_journal(path, [*letters, mark(51, SAVED, 50)])

    assert compact(path, path.stat().st_size, NOTHING) is None
    assert [path] == list(path.parent.iterdir())


def test_what_came_after_the_files_state_stays_whatever_its_age(path: Path) -> None:
    typing = Typing()
    saved = typed(typing, 1, 60)
    unsaved = [record(62 + index, EDIT, "ann", typing.type("unsaved"), LONG_AGO) for index in range(6)]
    write_journal(path, [*saved, mark(61, SAVED, 45), *unsaved])

    new = compacted(path, NOTHING)

    assert 45 == read(new).header.first
    assert typing.text == text(new)
    assert [61] == [placed.sequence for placed in read(new).marks]


@pytest.mark.parametrize(
    ("marks", "first"),
    [
        ([mark(61, SAVED, 40), mark(62, SAVED, 60)], 60),
        ([mark(61, SAVED, 40), mark(62, SAVING, 60)], 40),
        ([mark(61, SAVED, 50), mark(62, SAVING, 60), mark(63, SAVING, 60)], 50),
        ([mark(61, SAVED, 50), mark(62, AGREED, 50, 99)], 50),
    ],
    ids=["the newest", "one that may not have been done", "two of them", "one that is void"],
)
def test_every_state_that_the_file_may_have_can_still_be_made(path: Path, marks: list[Record], first: int) -> None:
    write_journal(path, typed(Typing(), 1, 60) + marks)
    before = read(path).marks

    new = compacted(path, NOTHING)

    assert first == read(new).header.first
    assert before == read(new).marks


def test_a_state_with_something_besides_can_still_be_made(path: Path) -> None:
    typing = Typing()
    old = typed(typing, 1, 60)
    unsaved = record(61, EDIT, "ann", typing.type("unsaved"), LONG_AGO)
    merged = record(63, EDIT, OUTSIDE, typing.type("merged"), LONG_AGO)
    write_journal(path, [*old, unsaved, mark(62, AGREED, 60, 63), merged])

    new = compacted(path, NOTHING)

    assert [60, 61, 62, 63] == [one.sequence for one in records(new)]
    [placed] = read(new).marks
    assert Mark(60, (63,), DIGEST) == placed.mark


def test_without_a_mark_nothing_goes(path: Path) -> None:
    write_journal(path, typed(Typing(), 1, 60))

    assert compact(path, path.stat().st_size, NOTHING) is None


def test_a_compacted_journal_can_be_compacted_again(path: Path) -> None:
    typing = Typing()
    write_journal(path, [*typed(typing, 1, 60), mark(61, SAVED, 60, time=LONG_AGO)])
    compacted(path, NOTHING).replace(path)
    assert compact(path, path.stat().st_size, NOTHING) is None
    journal = Journal.open(path, size=path.stat().st_size, next=62)
    for one in typed(typing, 62, 60):
        journal.append((one.kind, one.person, one.payload))
    journal.append((SAVED, SERVER, encode_mark(Mark(121, (), DIGEST))))
    journal.close()

    new = compacted(path, NOTHING)

    assert 121 == read(new).header.first
    assert typing.text == text(new)


def test_whoever_reads_on_finds_their_place_in_the_compacted_journal(path: Path) -> None:
    typing = Typing()
    write_journal(path, [*typed(typing, 1, 60), mark(61, SAVED, 60), record(62, EDIT, "bob", typing.type("end"))])
    places = [read(path).start, *(place for _, place in read_on(path, read(path).start, path.stat().st_size))]
    read_before = [list(records(path))[:count] for count in range(len(places))]

    compacted(path, NOTHING).replace(path)

    for before, place in zip(read_before, places, strict=True):
        after = [one for one, _ in read_on(path, place, path.stat().st_size)]
        assert typing.text == text_of(one.payload for one in [*before, *after] if one.kind in UPDATES)


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_journal_is_not_compacted(path: Path, damage: str) -> None:
    journal = bytearray(write_journal(path, [*typed(Typing(), 1, 60), mark(61, SAVED, 60)]).read_bytes())
    match damage:
        case "flipped":
            journal[len(journal) // 2] ^= 1
        case "cut":
            journal.pop()
    path.write_bytes(journal)

    with pytest.raises(DamagedRecord):
        compact(path, len(journal), NOTHING)


@pytest.mark.parametrize("update", [b"", b"no update", b"\xff" * 40], ids=repr)
def test_what_is_no_update_is_not_compacted(path: Path, update: bytes) -> None:
    old = typed(Typing(), 1, 60)
    write_journal(path, [*old, record(61, EDIT, "ann", update), mark(62, SAVED, 61)])

    with pytest.raises(DamagedJournal):
        compact(path, path.stat().st_size, NOTHING)
    assert [path] == list(path.parent.iterdir())


def test_what_lay_where_it_is_made_is_replaced(path: Path) -> None:
    write_journal(path, [*typed(Typing(), 1, 60), mark(61, SAVED, 60)])
    elsewhere = path.with_name("elsewhere")
    path.with_name(path.name + ".new").symlink_to(elsewhere)

    assert read(compacted(path, NOTHING)).damage is None
    assert not elsewhere.exists()


@given(st.lists(st.sampled_from(["type", "save", "compact", "replace", "sync"]), max_size=60))
def test_a_journal_that_is_compacted_at_any_moment_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    path = tmp_path_factory.mktemp("journals") / "doc.file.journal"
    typing = Typing()
    journal = Journal.create(path, LIFE, (BASE, OUTSIDE, typing.type("start")))
    waiting: Compacted | None = None
    for deed in deeds:
        match deed:
            case "type":
                journal.append((EDIT, "ann", typing.type("x" * 99)), (EDIT, "ann", typing.erase(98)))
            case "save":
                journal.append((SAVED, SERVER, encode_mark(Mark(journal.next - 1, (), DIGEST))))
            case "compact":
                waiting = compact(path, journal.size, NOTHING)
            case "replace" if waiting is not None:
                run(journal.replace(waiting.path, waiting.upto))
                waiting = None
            case "sync":
                run(journal.sync())

    contents = read(path)
    assert (journal.size, journal.next, None) == (contents.end, contents.next, contents.damage)
    assert typing.text == text(path)
    journal.close()


async def test_a_journal_is_compacted_while_it_is_being_written(path: Path) -> None:
    typing = Typing()
    journal = Journal.create(path, LIFE, (BASE, OUTSIDE, typing.type("start")))
    replaced = 0
    while replaced < 5:
        for _ in range(30):
            journal.append((EDIT, "ann", typing.type("x" * 50)), (EDIT, "ann", typing.erase(50)))
        journal.append((SAVED, SERVER, encode_mark(Mark(journal.next - 1, (), DIGEST))))
        compacting = asyncio.create_task(asyncio.to_thread(compact, path, journal.size, NOTHING))
        while not compacting.done():
            journal.append((EDIT, "ann", typing.type("y")))
            await asyncio.sleep(0)
        if (done := compacting.result()) is not None:
            replacing = asyncio.create_task(journal.replace(done.path, done.upto))
            for _ in range(10):
                journal.append((EDIT, "ann", typing.type("z")))
                await asyncio.sleep(0)
            await replacing
            replaced += 1

    assert (journal.size, journal.next) == (read(path).end, read(path).next)
    assert typing.text == text(path)
    journal.close()
