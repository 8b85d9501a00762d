"""What WebSocket clients send, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.incoming import BrokenWire, Incoming, MessageTooLarge

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x11\x22\x33\x44"
LIMIT = 200_000


def wire_frame(opcode: int, payload: bytes, *, is_final: bool = True, first: int = 0, is_masked: bool = True) -> bytes:
    size = len(payload)
    length, more = (size, b"") if size < 126 else (126, size.to_bytes(2)) if size < 65536 else (127, size.to_bytes(8))
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    head = bytes((first | is_final << 7 | opcode, is_masked << 7 | length)) + more
    return head + (MASK + masked if is_masked else payload)


def read(*pieces: bytes, limit: int = LIMIT) -> list[tuple[int, bytes]]:
    incoming = Incoming(lambda: limit)
    return [message for piece in pieces for message in incoming.feed(piece)]


payloads = st.one_of(st.binary(max_size=300), st.integers(65_530, 65_545).map(bytes))
data_messages = st.tuples(st.sampled_from([TEXT, BINARY]), payloads)
control_messages = st.tuples(st.sampled_from([PING, PONG, CLOSE]), st.binary(max_size=125))


@given(st.lists(st.one_of(data_messages, control_messages), max_size=5), st.data())
def test_messages_arrive_as_they_were_sent_however_they_are_cut(
    messages: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    wire = b"".join(wire_frame(opcode, payload) for opcode, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]

    assert messages == read(*pieces)


@given(st.lists(st.binary(max_size=50), min_size=2, max_size=5), st.lists(control_messages, min_size=1, max_size=4))
def test_a_message_in_parts_is_put_together_and_control_messages_come_in_between(
    parts: list[bytes], controls: list[tuple[int, bytes]]
) -> None:
    wire = b""
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        wire += wire_frame(0 if index else BINARY, part, is_final=is_last)
        if not is_last and index < len(controls):
            wire += wire_frame(*controls[index])
    between = controls[: len(parts) - 1]

    assert [*between, (BINARY, b"".join(parts))] == read(*(wire[at : at + 1] for at in range(len(wire))))


@pytest.mark.parametrize(
    "wire",
    [
        wire_frame(BINARY, b"x", first=0x40),
        wire_frame(BINARY, b"x", first=0x10),
        wire_frame(BINARY, b"x", is_masked=False),
        wire_frame(PING, b"x", is_final=False),
        wire_frame(PING, bytes(126)),
        wire_frame(0, b"nothing to go on with"),
        wire_frame(BINARY, b"a", is_final=False) + wire_frame(BINARY, b"another before the end"),
        wire_frame(BINARY, b"a", is_final=False) + wire_frame(TEXT, b"another", is_final=False),
    ],
)
def test_what_no_client_may_send_is_broken_and_what_came_before_it_is_read(wire: bytes) -> None:
    messages = Incoming(lambda: LIMIT).feed(wire_frame(BINARY, b"before") + wire)

    assert (BINARY, b"before") == next(messages)
    with pytest.raises(BrokenWire):
        list(messages)


@pytest.mark.parametrize(
    "wire",
    [
        wire_frame(BINARY, bytes(1000))[:4],
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        wire_frame(BINARY, bytes(60), is_final=False) + wire_frame(0, bytes(60))[:2],
    ],
    ids=["announced", "announced beyond measure", "in parts"],
)
def test_a_message_that_is_too_large_is_refused_before_it_has_come(wire: bytes) -> None:
    with pytest.raises(MessageTooLarge):
        read(wire, limit=100)


def test_the_limit_may_change_while_a_connection_is_open() -> None:
    limits = [10]
    incoming = Incoming(lambda: limits[0])
    limits[0] = 1000

    assert [(BINARY, bytes(1000))] == list(incoming.feed(wire_frame(BINARY, bytes(1000))))
