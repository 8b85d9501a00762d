from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.journal.reading import outlines
from coterie.server.rooms.journal.records import MARKS, OUTSIDE, SERVER, Outline, Record, RecordKind
from coterie.server.rooms.journal.versions import STRETCH, Version, versions
from rooms.journal.making import NOON, mark, record, write_journal

BASE, EDIT, SAVING, SAVED, AGREED, KEPT = RecordKind

#: Minutes past noon, kind, person, size.
Row = tuple[float, RecordKind, str, int]


def at(minutes: float, kind: RecordKind = EDIT, person: str = "ann", size: int = 10) -> Row:
    return minutes, kind, person, size


def grouped(*rows: Row) -> tuple[Version, ...]:
    """The versions of records, the first of which has the number 1, at so many minutes past noon."""
    return versions(outlined(rows))


def outlined(rows: Iterable[Row]) -> list[Outline]:
    return [
        Outline(1 + index, kind, NOON + timedelta(minutes=minutes), person, size, 0, 0)
        for index, (minutes, kind, person, size) in enumerate(rows)
    ]


def ids(found: Iterable[Version]) -> list[int]:
    return [version.sequence for version in found]


def test_what_was_there_first_is_a_version_of_its_own() -> None:
    [first, second] = grouped(at(0, BASE, OUTSIDE, 500), at(0.1))

    assert Version(1, NOON, NOON, (), "outside", 500) == first
    assert (2, ("ann",), "edit", 10) == (second.sequence, second.people, second.origin, second.bytes)


def test_steady_work_of_several_people_is_one_version() -> None:
    [version] = grouped(at(0, person="bob"), at(1), at(2, person="bob"), at(6.9))

    assert Version(4, NOON, NOON + timedelta(minutes=6.9), ("bob", "ann"), "edit", 40) == version


def test_a_pause_of_five_minutes_ends_a_version() -> None:
    assert [2, 4] == ids(grouped(at(0), at(1), at(6), at(7)))


def test_ten_minutes_of_steady_work_end_a_version() -> None:
    assert [10, 20, 25] == ids(grouped(*(at(minute) for minute in range(25))))


def test_the_file_taking_over_ends_a_version_and_so_does_its_end() -> None:
    found = grouped(at(0), at(0.1, person=OUTSIDE), at(0.2, person=OUTSIDE), at(0.3))

    assert [(1, ("ann",), "edit"), (3, (), "outside"), (4, ("ann",), "edit")] == [
        (version.sequence, version.people, version.origin) for version in found
    ]


def test_a_file_that_could_not_be_merged_stands_alone() -> None:
    found = grouped(
        at(0, person=OUTSIDE), at(0.1, KEPT, OUTSIDE), at(0.2, KEPT, OUTSIDE), at(0.3, person=SERVER), at(0.4)
    )

    assert [(1, "outside"), (2, "kept"), (3, "kept"), (5, "edit")] == [
        (version.sequence, version.origin) for version in found
    ]


def test_what_the_server_does_belongs_to_what_it_happens_in() -> None:
    [version] = grouped(at(0), at(1, person=SERVER), at(2), at(3, person=SERVER))

    assert Version(4, NOON, NOON + timedelta(minutes=2), ("ann",), "edit", 40) == version


def test_what_the_server_does_keeps_no_version_going() -> None:
    found = grouped(at(0), at(3, person=SERVER), at(6), at(60, person=SERVER))

    assert [(2, NOON), (4, NOON + timedelta(minutes=6))] == [(version.sequence, version.until) for version in found]


def test_the_server_alone_makes_no_version() -> None:
    assert () == grouped(at(0, person=SERVER), at(60, person=SERVER))


def test_marks_are_no_part_of_a_version() -> None:
    assert [2] == ids(grouped(at(0), at(1), at(2, SAVING, SERVER), at(2, SAVED, SERVER), at(30, AGREED, SERVER)))


def test_a_clock_that_was_set_back_changes_nothing() -> None:
    [version] = grouped(at(0), at(2), at(-60), at(3))

    assert (NOON, NOON + timedelta(minutes=3)) == (version.since, version.until)


def test_versions_are_found_in_a_journal(tmp_path: Path) -> None:
    written: list[Record] = [
        record(1, BASE, OUTSIDE, bytes(100)),
        mark(2, SAVED, 1),
        record(3, EDIT, "ann", bytes(7)),
        record(4, EDIT, "bob", bytes(3), NOON + timedelta(minutes=5)),
    ]
    path = write_journal(tmp_path / "doc.file.journal", written)

    assert [(1, 100), (3, 7), (4, 3)] == [(version.sequence, version.bytes) for version in versions(outlines(path))]


rows = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=4),
        st.sampled_from(RecordKind),
        st.sampled_from(["ann", "bob", OUTSIDE, SERVER]),
        st.integers(min_value=0, max_value=99),
    )
)


@given(rows)
def test_versions_are_in_order_short_enough_and_name_everybody(gaps: list[Row]) -> None:
    minutes = 0.0
    timed = []
    for gap, kind, person, size in gaps:
        minutes += gap
        timed.append((minutes, kind, person, size))

    found = versions(outlined(timed))

    assert sorted(set(ids(found))) == ids(found)
    assert all(version.since <= version.until < version.since + STRETCH for version in found)
    typists = {person for _, kind, person, _ in timed if kind is EDIT} - {OUTSIDE, SERVER}
    assert typists <= {person for version in found for person in version.people}
    assert {1 + index for index, row in enumerate(timed) if row[1] in MARKS}.isdisjoint(ids(found))
