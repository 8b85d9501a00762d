from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms import frames
from coterie.server.rooms.frames import (
    MAX_ENTRIES,
    MAX_NUMBER,
    Awareness,
    Conflict,
    Entry,
    FrameError,
    QueryAwareness,
    Save,
    SaveAnswer,
    SaveStatus,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    UnknownFrameError,
)

numbers = st.integers(min_value=0, max_value=MAX_NUMBER)
entries = st.builds(Entry, numbers, numbers, st.text())
client_frames = st.one_of(
    st.builds(SyncStep1, st.binary().map(lambda rest: b"\x00" + rest)),
    st.builds(SyncStep2, st.binary()),
    st.builds(SyncUpdate, st.binary()),
    st.builds(Awareness, st.lists(entries).map(tuple)),
    st.just(QueryAwareness()),
    st.builds(Save, numbers),
)


@given(client_frames)
def test_a_frame_that_was_encoded_is_read_back_as_it_was(frame: frames.ClientFrame) -> None:
    assert frame == frames.parse(frames.encode(frame))


@given(st.binary())
def test_any_bytes_are_a_frame_or_a_frame_error(message: bytes) -> None:
    try:
        frame = frames.parse(message)
    except FrameError:
        return

    assert frame == frames.parse(frames.encode(frame))


@given(client_frames, st.data())
def test_a_frame_that_was_cut_short_is_refused(frame: frames.ClientFrame, data: st.DataObject) -> None:
    message = frames.encode(frame)
    cut = message[: data.draw(st.integers(min_value=0, max_value=len(message) - 1))]

    with pytest.raises(FrameError):
        frames.parse(cut)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (SyncStep1(b"\x00"), b"\x00\x00\x01\x00"),
        (SyncStep2(b"\x00\x00"), b"\x00\x01\x02\x00\x00"),
        (SyncUpdate(b"ab"), b"\x00\x02\x02ab"),
        (Awareness((Entry(300, 2, "{}"),)), b"\x01\x07\x01\xac\x02\x02\x02{}"),
        (QueryAwareness(), b"\x03"),
        (Save(130), b"\x02\x04save\x82\x01"),
    ],
)
def test_frames_are_the_bytes_that_the_stock_front_end_sends(frame: frames.ClientFrame, message: bytes) -> None:
    assert message == frames.encode(frame)


@pytest.mark.parametrize(
    ("frame", "body"),
    [
        (SaveAnswer(7, SaveStatus.SUCCESS), {"type": "save", "responseTo": 7, "status": "success"}),
        (Conflict(), {"type": "conflict"}),
    ],
)
def test_answers_are_json_in_a_raw_frame(frame: frames.ServerFrame, body: dict[str, object]) -> None:
    message = frames.encode(frame)

    assert (frames.Kind.RAW, len(message) - 2) == (message[0], message[1])
    assert body == json.loads(message[2:])


@pytest.mark.parametrize("message", [b"\x04", b"\x7d", b"\x00\x03\x00", b"\x02\x04quit"], ids=str)
def test_kinds_that_the_protocol_does_not_have_are_unknown(message: bytes) -> None:
    with pytest.raises(UnknownFrameError):
        frames.parse(message)


@pytest.mark.parametrize(
    "message",
    [
        "text",
        b"",
        b"\x03\x00",  # something after the end
        b"\x00\x00\xff\xff\xff\xff\x0f",  # says to be far longer than it is
        b"\x00\x00\x05\xff\xff\xff\xff\x0f",  # a state vector that announces far more clients than there are
        b"\x00\x00\x00",  # no state vector at all
        b"\x01\x05\xff\xff\xff\xff\x0f",  # announces far more entries than there are
        b"\x02\x01\xff\x00",  # not UTF-8
        b"\xff" * 20,
        b"\x02\x04save\x80\x80\x80\x80\x80\x80\x80\x10",  # 2**53, which no client in JavaScript can read
    ],
    ids=repr,
)
def test_what_is_no_frame_is_refused(message: bytes | str) -> None:
    with pytest.raises(FrameError):
        frames.parse(message)


def test_a_frame_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(FrameError):
        frames.parse(frames.encode(SyncUpdate(b"x" * 100)), limit=100)


@given(st.lists(entries, max_size=20), st.sets(st.integers(0, 20)))
def test_echoes_are_left_out_and_everything_else_is_read(said: list[Entry], echoes: set[int]) -> None:
    known = {(entry.client, entry.clock) for index, entry in enumerate(said) if index in echoes}
    message = frames.encode(Awareness(tuple(said)))
    frame = frames.parse(message, is_echo=lambda client, clock: (client, clock) in known)

    assert Awareness(tuple(entry for entry in said if (entry.client, entry.clock) not in known)) == frame


@given(st.lists(entries, min_size=1, max_size=5), st.data())
def test_a_frame_of_echoes_that_was_cut_short_is_refused(said: list[Entry], data: st.DataObject) -> None:
    message = frames.encode(Awareness(tuple(said)))
    cut = message[: data.draw(st.integers(min_value=0, max_value=len(message) - 1))]

    with pytest.raises(FrameError):
        frames.parse(cut, is_echo=lambda _client, _clock: True)


def test_a_frame_that_speaks_of_more_clients_than_there_can_be_is_refused() -> None:
    said = tuple(Entry(client, 1, "null") for client in range(MAX_ENTRIES + 1))

    assert Awareness(said[1:]) == frames.parse(frames.encode(Awareness(said[1:])))
    with pytest.raises(FrameError):
        frames.parse(frames.encode(Awareness(said)))
