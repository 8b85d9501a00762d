"""What comes close together is sent together: edits, and cursors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import merge_updates

from coterie.policy.roles import Role
from coterie.server.rooms.frames import LEFT, Awareness, Entry, SyncStep2, SyncUpdate
from coterie.server.rooms.pace import SHORTEST
from coterie.server.rooms.room import CURSORS_AT_LEAST_EVERY, CURSORS_EVERY, LARGE_CURSORS_AT_LEAST_EVERY, Room
from rooms.peers import Document, Peer, StandingClock, Writer


def test_the_first_edit_is_sent_at_once_and_those_that_follow_it_closely_together() -> None:
    document = Document()
    alice, bob = Peer(document.room), Peer(document.room, "bob", Role.VIEWER)
    bob.take()
    writer = Writer()
    edits = [writer.adds(letter) for letter in "abc"]
    for edit in edits:
        alice.says(SyncUpdate(edit))

    assert [SyncUpdate(edits[0])] == bob.take()

    document.clock.go_on(SHORTEST)

    assert [SyncUpdate(merge_updates(*edits[1:]))] == bob.take()
    assert edits == [update for _, update in document.journal]


def test_after_a_quiet_moment_an_edit_is_sent_at_once_again() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    alice.take()
    for letter in "ab":
        edit = writer.adds(letter)
        alice.says(SyncUpdate(edit))

        assert [SyncUpdate(edit)] == alice.take()

        document.clock.go_on(1)


def test_who_joins_in_the_middle_of_a_burst_misses_nothing() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    for letter in "abc":
        alice.says(SyncUpdate(writer.adds(letter)))
    bob = Peer(document.room, "bob", Role.VIEWER)
    document.clock.go_on(1)
    bob.take()
    alice.says(SyncUpdate(writer.adds("d")))
    (sent,) = bob.take()
    carol = Peer(document.room, "carol")
    document.room.receive(carol.connection, b"\x00\x00\x01\x00")

    assert isinstance(sent, SyncUpdate)
    assert carol.text() == "abcd"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.001, 0.01, 0.1])), max_size=30))
def test_everybody_ends_up_with_what_was_typed_whenever_it_was(typed: list[tuple[str, float]]) -> None:
    document = Document()
    peers = {name: Peer(document.room, name) for name in "ab"}
    writers = {name: Writer() for name in "ab"}
    for name, pause in typed:
        peers[name].says(SyncUpdate(writers[name].adds(name)))
        document.clock.go_on(pause)
    document.clock.go_on(1)

    assert {document.text} == {peer.text() for peer in peers.values()}
    assert sorted(name for name, _ in typed) == sorted(document.text)


def cursor(client: int, clock: int, **state: int) -> Awareness:
    return Awareness((Entry(client, clock, json.dumps(state)),))


def cursors(peer: Peer) -> list[dict[int, int]]:
    """For each message about presence, whose clocks it has."""
    return [{entry.client: entry.clock for entry in frame.entries} for frame in peer.take()]


def test_cursors_that_move_close_together_are_sent_together_and_each_in_its_last_place() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(cursor(1, 1))
    clock.go_on(1)
    bob.says(cursor(2, 1))
    clock.go_on(1)
    alice.take()

    for at in range(2, 6):
        alice.says(cursor(1, at))
        bob.says(cursor(2, at))

    assert [{1: 2}] == cursors(alice)

    clock.go_on(2 * CURSORS_EVERY)

    assert [{1: 5, 2: 5}] == cursors(alice)


@pytest.mark.parametrize(("people", "wait"), [(10, 10 * CURSORS_EVERY), (300, CURSORS_AT_LEAST_EVERY)])
def test_the_more_people_the_more_rarely_cursors_are_sent_within_a_bound(people: int, wait: float) -> None:
    clock = StandingClock()
    room = Room(clock)
    peers = [Peer(room, str(number)) for number in range(people)]
    peers[0].says(cursor(1, 1))
    clock.go_on(1)
    peers[0].says(cursor(1, 2))
    peers[1].take()
    peers[0].says(cursor(1, 3))
    clock.go_on(wait * 0.9)

    assert peers[1].take() == []

    clock.go_on(wait * 0.2)

    assert [{1: 3}] == cursors(peers[1])


def test_presence_that_takes_long_to_send_is_sent_more_rarely_within_a_bound() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(cursor(1, 1))
    clock.go_on(1)

    def stall() -> None:
        clock.time += 2

    bob.sink.takes = stall
    alice.says(cursor(1, 2))
    bob.sink.takes = lambda: None
    bob.take()
    alice.says(cursor(1, 3))
    clock.go_on(LARGE_CURSORS_AT_LEAST_EVERY * 0.9)

    assert bob.take() == []

    clock.go_on(LARGE_CURSORS_AT_LEAST_EVERY * 0.2)

    assert [{1: 3}] == cursors(bob)


def test_who_comes_or_goes_does_not_wait_for_the_cursors() -> None:
    clock = StandingClock()
    room = Room(clock)
    peers = [Peer(room, str(number)) for number in range(100)]
    peers[0].says(cursor(1, 1))
    clock.go_on(1)
    peers[0].says(cursor(1, 2))
    peers[5].take()
    peers[1].says(cursor(2, 1))
    clock.go_on(SHORTEST)

    assert [{2: 1}] == cursors(peers[5])

    room.leave(peers[1].connection)
    clock.go_on(SHORTEST)

    assert [Awareness((Entry(2, 1, LEFT),))] == peers[5].take()


def test_nobody_hears_of_a_cursor_in_text_that_they_have_not_been_sent() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    bob.take()
    for letter in "ab":
        alice.says(SyncUpdate(writer.adds(letter)))
    alice.says(cursor(1, 1))

    assert [SyncUpdate, SyncUpdate, Awareness] == [type(frame) for frame in bob.take()]


def test_what_everybody_sends_back_is_no_news() -> None:
    clock = StandingClock()
    room = Room(clock)
    peers = [Peer(room, str(number)) for number in range(3)]
    peers[0].says(cursor(1, 1))
    (heard,) = [frame for frame in peers[1].take() if isinstance(frame, Awareness)]
    for peer in peers:
        peer.take()
        peer.says(heard)
    clock.go_on(1)

    assert [[], [], []] == [peer.take() for peer in peers]


def test_the_answer_to_who_has_nothing_is_not_overtaken_by_a_burst() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    for letter in "abc":
        alice.says(SyncUpdate(writer.adds(letter)))
    bob.take()
    document.room.receive(bob.connection, b"\x00\x00\x01\x00")
    (answer,) = bob.take()
    document.clock.go_on(1)
    bob.doc.apply_update(answer.update)

    assert isinstance(answer, SyncStep2)
    assert bob.text() == "abc"
