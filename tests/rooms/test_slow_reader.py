"""Connections that do not keep up: out of the stream, and then everything that they missed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Text

from coterie.policy.roles import Role
from coterie.server.rooms.frames import LEFT, Awareness, Entry, QueryAwareness, SyncStep1, SyncStep2, SyncUpdate
from coterie.server.rooms.room import MAX_MISSED_LEAVING, Room
from coterie.wire.close_codes import TOO_SLOW
from rooms.peers import Document, Peer, StandingClock, Writer


def entry(client: int, clock: int, **state: Any) -> Awareness:
    return Awareness((Entry(client, clock, json.dumps(state)),))


def present(peer: Peer) -> dict[int, int]:
    """Which clients *peer* believes to be there, and at which clock, from all that has arrived."""
    there: dict[int, int] = {}
    for frame in peer.take():
        if isinstance(frame, Awareness):
            for said in frame.entries:
                if said.state == LEFT:
                    there.pop(said.client, None)
                else:
                    there[said.client] = said.clock
    return there


def test_a_connection_that_does_not_keep_up_gets_in_one_update_what_it_missed() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob", Role.VIEWER)
    bob.take()
    bob.stops_reading()
    for letter in "abcd":
        alice.says(SyncUpdate(writer.adds(letter)))
        document.clock.go_on(1)
    bob.reads_on()
    frames = bob.take()

    assert [SyncUpdate, SyncUpdate] == [type(frame) for frame in frames]

    for frame in frames:
        bob.doc.apply_update(frame.update)

    assert bob.text() == "abcd"


def test_others_wait_for_nobody_and_who_has_caught_up_is_in_the_stream_again() -> None:
    document, writer = Document(), Writer()
    alice, bob, carol = Peer(document.room), Peer(document.room, "bob"), Peer(document.room, "carol")
    bob.stops_reading()
    for letter in "abc":
        alice.says(SyncUpdate(writer.adds(letter)))
        document.clock.go_on(1)

    assert carol.text() == "abc"

    bob.reads_on()
    bob.text()
    edit = writer.adds("d")
    alice.says(SyncUpdate(edit))

    assert [SyncUpdate(edit)] == bob.take()
    assert bob.ended == []


def test_deletions_that_were_missed_arrive_too() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    alice.says(SyncUpdate(writer.adds("abcdef")))
    document.clock.go_on(1)
    bob.text()
    bob.stops_reading()
    for _ in range(3):
        alice.says(SyncUpdate(writer.deletes(0, 1)))
        document.clock.go_on(1)
    bob.reads_on()

    assert bob.text() == "def"


def test_who_falls_behind_on_presence_misses_none_of_the_edits_of_that_moment() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    alice.says(SyncUpdate(writer.adds("a")))
    bob.text()
    bob.stops_reading()
    alice.says(QueryAwareness())
    bob.says(SyncStep1(b"\x00"))  # the answer waits, so that all that follows is refused
    alice.says(SyncUpdate(writer.adds("b")))  # waits for the end of the burst
    alice.says(entry(1, 1))
    alice.says(SyncUpdate(writer.adds("c")))
    document.clock.go_on(1)
    bob.reads_on()

    assert bob.text() == "abc"


def test_who_came_moved_and_left_meanwhile_is_known_after_catching_up() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob, carol, dave = (Peer(room, name) for name in ("alice", "bob", "carol", "dave"))
    for client, peer in enumerate((alice, carol, dave), start=1):
        peer.says(entry(client, 1))
        clock.go_on(1)

    before = present(bob)
    bob.stops_reading()
    alice.says(entry(1, 2))
    clock.go_on(1)
    room.leave(carol.connection)
    clock.go_on(1)
    erin = Peer(room, "erin")
    erin.says(entry(4, 1))
    clock.go_on(1)
    dave.says(Awareness((Entry(3, 1, LEFT),)))
    clock.go_on(1)
    dave.says(entry(3, 2))
    clock.go_on(1)
    bob.reads_on()

    assert {1: 1, 2: 1, 3: 1} == before
    assert {1: 2, 3: 2, 4: 1} == present(bob)


def test_a_leaving_that_is_the_first_thing_missed_is_told() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(entry(1, 1))
    clock.go_on(1)
    bob.stops_reading()
    bob.says(QueryAwareness())
    room.leave(alice.connection)
    clock.go_on(1)
    bob.reads_on()

    assert present(bob) == {}


def test_a_question_about_presence_is_answered_once_however_often_it_was_asked_meanwhile() -> None:
    room = Room(StandingClock())
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(entry(1, 1))
    bob.take()
    bob.stops_reading()
    for _ in range(1000):
        bob.says(QueryAwareness())

    assert len(bob.sink.waiting) == 1

    bob.reads_on()

    assert len(bob.take()) == 2


def test_what_is_remembered_for_who_does_not_read_is_bounded() -> None:
    clock = StandingClock()
    room = Room(clock)
    bob = Peer(room, "bob")
    bob.stops_reading()
    bob.says(entry(1, 1))
    for number in range(MAX_MISSED_LEAVING + 2):
        guest = Peer(room, str(number))
        guest.says(entry(number + 10, 1))
        clock.go_on(1)
        room.leave(guest.connection)
        clock.go_on(1)

    assert [TOO_SLOW] == bob.ended
    assert bob.connection not in room._behind


def test_nothing_is_kept_of_who_left_while_behind() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    bob.stops_reading()
    for letter in "abc":
        alice.says(SyncUpdate(writer.adds(letter)))
        document.clock.go_on(1)
    document.room.leave(bob.connection)
    bob.reads_on()

    assert document.room._behind == {}
    assert [SyncUpdate] == [type(frame) for frame in bob.take() if not isinstance(frame, SyncStep1 | SyncStep2)]


async def test_what_an_extension_is_still_writing_reaches_who_caught_up_before_it_had_finished() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    live = document.room.live
    bob.stops_reading()
    alice.says(SyncUpdate(writer.adds("a")))
    document.clock.go_on(1)
    source = live.ydocument("file").ydoc.get("source", type=Text)
    async with live.ydocument("file").ydoc.transaction():
        source += "b"
        alice.says(entry(1, 1))  # bob falls behind in the middle of the transaction
        document.clock.go_on(1)
        bob.reads_on()

        assert "b" not in bob.text()

        source += "c"
    document.clock.go_on(1)

    assert bob.text() == document.text
    assert sorted(document.text) == ["a", "b", "c"]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.sampled_from(["alice", "carol"]), st.text(min_size=1, max_size=3)),
        st.tuples(st.just("delete"), st.sampled_from(["alice", "carol"]), st.integers(0, 5)),
        st.tuples(st.just("move"), st.sampled_from(["alice", "carol"])),
        st.tuples(st.just("stop"), st.sampled_from(["bob", "dave"])),
        st.tuples(st.just("read"), st.sampled_from(["bob", "dave"])),
        st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.003, 0.2])),
        st.tuples(st.just("disk"), st.booleans()),
    ),
    max_size=40,
)


@given(actions)
def test_everybody_agrees_in_the_end_whoever_stopped_reading_and_whatever_the_disk_did(
    taken: list[tuple[Any, ...]],
) -> None:
    document = Document()
    peers = {name: Peer(document.room, name) for name in ("alice", "bob", "carol", "dave")}
    writers = {name: Writer() for name in ("alice", "carol")}
    clock = 0
    for name, *more in taken:
        match name, *more:
            case "type", person, letters:
                peers[person].says(SyncUpdate(writers[person].adds(letters)))
            case "delete", person, at if at < len(writers[person].text):
                peers[person].says(SyncUpdate(writers[person].deletes_letter(at)))
            case "move", person:
                clock += 1
                peers[person].says(entry(1 if person == "alice" else 2, clock))
            case "stop", person:
                peers[person].stops_reading()
            case "read", person:
                peers[person].reads_on()
            case "wait", seconds:
                document.clock.go_on(seconds)
            case "disk", is_full:
                document.disk = OSError("full") if is_full else None
                document.room.retry()
    document.disk = None
    document.room.retry()
    for _ in range(2):
        document.clock.go_on(1)
        for peer in peers.values():
            peer.reads_on()
    replayed = Peer(document.room, "erin")
    for _, update in document.journal:
        replayed.doc.apply_update(update)

    assert {document.text} == {peer.text() for peer in (*peers.values(), replayed)}
