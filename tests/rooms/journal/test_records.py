from __future__ import annotations

import struct
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.journal.records import (
    HEADER_SIZE,
    MAX_BODY,
    MAX_EXTRAS,
    MAX_FIRST,
    MAX_SEQUENCE,
    OUTSIDE,
    DamagedHeader,
    DamagedRecord,
    Header,
    Mark,
    Record,
    RecordKind,
    encode_header,
    encode_mark,
    encode_record,
    parse_header,
    parse_mark,
    walk,
)
from rooms.journal.making import DIGEST, LIFE, NOON, body_of_journal, encoded

times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))
persons = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda person: len(person.encode()) <= 255)
lists_of_records = st.lists(st.tuples(st.sampled_from(RecordKind), times, persons, st.binary()), max_size=8).map(
    lambda rows: [Record(7 + index, *row) for index, row in enumerate(rows)]
)
sequences = st.integers(min_value=0, max_value=MAX_SEQUENCE)
digests = st.binary(min_size=32, max_size=32)
marks = st.builds(Mark, sequences, st.lists(sequences).map(tuple), digests)


def until_damage(data: bytes) -> tuple[list[Record], int]:
    """The records of *data*, and how many of its bytes they are."""
    found = []
    try:
        for record in walk(data, 7):
            found.append(record)
    except DamagedRecord as damage:
        return found, damage.offset
    return found, len(data)


@given(st.uuids(), st.integers(min_value=0, max_value=MAX_FIRST))
def test_a_header_is_read_back_as_it_was(life: UUID, first: int) -> None:
    header = encode_header(life.hex, first)

    assert len(header) == HEADER_SIZE
    assert Header(life.hex, first) == parse_header(header + b"what follows")


def test_a_journal_is_the_bytes_that_the_format_says() -> None:
    header = b"coterie\x00\x00\x01" + bytes.fromhex(LIFE) + b"\x00\x00\x00\x00\x00\x00\x00\x05"
    body = b"\x01\x00\x00\x00\x00\x00\x0f\x42\x40\x07outsideletters"

    assert encode_header(LIFE, 5) == header + struct.pack(">I", crc32(header))
    assert encode_record(RecordKind.EDIT, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), OUTSIDE, b"letters") == (
        struct.pack(">II", len(body), crc32(body)) + body
    )


@given(st.integers(min_value=0, max_value=HEADER_SIZE - 1), st.integers(min_value=1, max_value=255))
def test_a_header_with_any_other_byte_is_refused(at: int, flip: int) -> None:
    header = bytearray(encode_header(LIFE, 1))
    header[at] ^= flip

    with pytest.raises(DamagedHeader):
        parse_header(bytes(header))


@pytest.mark.parametrize("size", range(HEADER_SIZE))
def test_a_header_that_was_cut_short_is_refused(size: int) -> None:
    with pytest.raises(DamagedHeader):
        parse_header(encode_header(LIFE, 1)[:size])


@pytest.mark.parametrize(
    ("version", "first"), [(0, 1), (2, 1), (1, MAX_FIRST + 1)], ids=["no version", "a later version", "a huge number"]
)
def test_a_header_that_cannot_be_ours_is_refused_with_a_true_checksum_too(version: int, first: int) -> None:
    header = struct.pack(">8sH16sQ", b"coterie\x00", version, bytes(16), first)

    with pytest.raises(DamagedHeader):
        parse_header(header + struct.pack(">I", crc32(header)))


@pytest.mark.parametrize(("life", "first"), [("", 1), ("ab", 1), ("x" * 32, 1), (LIFE, -1), (LIFE, MAX_FIRST + 1)])
def test_what_no_header_can_say_is_not_written(life: str, first: int) -> None:
    with pytest.raises(ValueError):
        encode_header(life, first)


@given(lists_of_records)
def test_records_are_read_back_as_they_were(records: list[Record]) -> None:
    assert records == list(walk(body_of_journal(records), 7))


@given(lists_of_records, st.data())
def test_a_journal_that_was_cut_anywhere_has_the_whole_records_before_the_cut(
    records: list[Record], data: st.DataObject
) -> None:
    lengths = [len(encoded(record)) for record in records]
    cut = data.draw(st.integers(min_value=0, max_value=sum(lengths)))
    whole = max(count for count in range(len(lengths) + 1) if sum(lengths[:count]) <= cut)

    assert (records[:whole], sum(lengths[:whole])) == until_damage(body_of_journal(records)[:cut])


@given(lists_of_records.filter(bool), st.data())
def test_a_flipped_byte_never_makes_another_record(records: list[Record], data: st.DataObject) -> None:
    journal = bytearray(body_of_journal(records))
    at = data.draw(st.integers(min_value=0, max_value=len(journal) - 1))
    journal[at] ^= data.draw(st.integers(min_value=1, max_value=255))
    lengths = [len(encoded(record)) for record in records]
    before = max(count for count in range(len(lengths)) if sum(lengths[:count]) <= at)

    assert (records[:before], sum(lengths[:before])) == until_damage(bytes(journal))


@given(st.binary())
def test_any_bytes_are_records_or_damage(data: bytes) -> None:
    records, size = until_damage(data)

    assert data[:size] == body_of_journal(records)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(9),  # shorter than any body
        b"\x06" + bytes(9),  # a kind that there is not
        b"\x01" + b"\xff" * 8 + b"\x00",  # a time after the year 9999
        b"\x01" + bytes(8) + b"\x05ab",  # a person longer than the body
        b"\x01" + bytes(8) + b"\x01\xff",  # a person who is not UTF-8
    ],
    ids=repr,
)
def test_a_body_that_is_no_record_is_damage_with_a_true_checksum_too(body: bytes) -> None:
    good = body_of_journal([Record(7, RecordKind.EDIT, NOON, "ann", b"a")])

    found, size = until_damage(good + struct.pack(">II", len(body), crc32(body)) + body)

    assert (7, len(good)) == (found[-1].sequence, size)


def test_a_length_that_no_record_has_is_damage_before_anything_is_read() -> None:
    with pytest.raises(DamagedRecord):
        list(walk(struct.pack(">II", MAX_BODY + 1, 0), 1))


def test_numbers_that_ran_out_are_damage() -> None:
    journal = body_of_journal([Record(7, RecordKind.EDIT, NOON, "ann", b"a")])

    with pytest.raises(DamagedRecord):
        list(walk(journal, MAX_SEQUENCE + 1))


@pytest.mark.parametrize(
    ("time", "person"), [(datetime(1969, 12, 31, tzinfo=UTC), "ann"), (NOON, "a" * 256)], ids=["time", "person"]
)
def test_what_no_record_can_say_is_not_written(time: datetime, person: str) -> None:
    with pytest.raises(ValueError):
        encode_record(RecordKind.EDIT, time, person, b"")


def test_a_record_above_the_limit_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.server.rooms.journal.records.MAX_BODY", 100)

    with pytest.raises(ValueError):
        encode_record(RecordKind.EDIT, NOON, "", bytes(91))

    assert encode_record(RecordKind.EDIT, NOON, "", bytes(90))


@given(marks)
def test_a_mark_is_read_back_as_it_was(mark: Mark) -> None:
    assert mark == parse_mark(encode_mark(mark))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_mark_or_none(payload: bytes) -> None:
    mark = parse_mark(payload)

    assert (len(payload) >= 40 and len(payload) % 8 == 0) == (mark is not None)


@pytest.mark.parametrize(
    "mark",
    [
        Mark(-1, (), DIGEST),
        Mark(MAX_SEQUENCE + 1, (), DIGEST),
        Mark(1, (MAX_SEQUENCE + 1,), DIGEST),
        Mark(1, (), DIGEST[:-1]),
        Mark(1, (2,) * (MAX_EXTRAS + 1), DIGEST),
    ],
    ids=["below", "above", "extra", "digest", "too many"],
)
def test_what_no_mark_can_say_is_not_written(mark: Mark) -> None:
    with pytest.raises(ValueError):
        encode_mark(mark)
