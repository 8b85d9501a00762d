"""Who asks what they lack, and who is asked what they have."""

from __future__ import annotations

import pytest

from coterie.policy.roles import Role
from coterie.server.rooms import room as room_module
from coterie.server.rooms.answers import REST_AFTER_ANSWER, SHARED_FOR, SHARED_FROM
from coterie.server.rooms.endings import MALFORMED_FRAME
from coterie.server.rooms.frames import SyncStep1, SyncStep2, SyncUpdate
from rooms.peers import Document, Peer, Writer, text_of

NOTHING = b"\x00"


def answers(peer: Peer) -> list[bytes]:
    return [frame.update for frame in peer.take() if isinstance(frame, SyncStep2)]


def test_questions_are_answered_one_at_a_time_and_with_a_rest_in_proportion_to_the_effort() -> None:
    document = Document("letters")
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.take()

    def take_time() -> None:
        document.clock.time += 0.1

    bob.sink.takes = take_time
    for _ in range(1000):
        bob.says(SyncStep1(NOTHING))
    bob.sink.takes = lambda: None

    assert len(answers(bob)) == 1

    document.clock.go_on(0.1 * REST_AFTER_ANSWER * 0.9)

    assert answers(bob) == []

    document.clock.go_on(0.1 * REST_AFTER_ANSWER * 0.2)

    assert ["letters"] == [text_of(update) for update in answers(bob)]


def test_the_newest_of_the_questions_that_wait_is_answered() -> None:
    document = Document("letters")
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.stops_reading()
    bob.says(SyncStep1(NOTHING))
    bob.says(SyncStep1(NOTHING))
    bob.says(SyncStep1(document.room.live.state_vector()))
    bob.reads_on()
    first, second = answers(bob)

    assert (text_of(first), second) == ("letters", b"\x00\x00")


def test_a_question_that_makes_no_sense_ends_the_connection_also_when_it_had_to_wait() -> None:
    document = Document("letters")
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.stops_reading()
    bob.says(SyncStep1(NOTHING))
    bob.says(SyncStep1(b"\x01\xff\xff"))

    assert bob.ended == []

    bob.reads_on()

    assert [MALFORMED_FRAME] == bob.ended


def test_nothing_is_answered_to_who_left_in_the_meantime() -> None:
    document = Document("letters")
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.says(SyncStep1(NOTHING))
    document.room._answers._not_before[bob.connection.access.person] = document.clock.time + 5
    bob.says(SyncStep1(NOTHING))
    document.room.leave(bob.connection)
    bob.take()
    document.clock.go_on(10)

    assert bob.sent == []


def test_people_who_open_a_large_document_together_share_one_answer_and_miss_nothing() -> None:
    document, writer = Document("x" * SHARED_FROM), Writer()
    peers = [Peer(document.room, str(number)) for number in range(3)]
    for peer in peers:
        peer.take()
        peer.says(SyncStep1(NOTHING))
    first, *others = [peer.sink.sent[-1] for peer in peers]

    assert all(first == other for other in others)

    peers[0].says(SyncUpdate(writer.adds("more")))
    late = Peer(document.room, "late")
    late.says(SyncStep1(NOTHING))

    assert late.sink.sent[-2] == first
    assert document.text == late.text()

    document.clock.go_on(SHARED_FOR)

    assert document.room._answers._shared is None


def test_a_small_document_is_answered_as_it_is_now() -> None:
    document = Document("x")
    bob = Peer(document.room, "bob")
    bob.says(SyncStep1(NOTHING))

    assert document.room._answers._shared is None


def test_who_sends_an_edit_whose_predecessors_are_missing_is_asked_for_them_once() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    alice.says(SyncStep2(b"\x00\x00"))
    writer.adds("lost on the way, ")
    unplaceable = [writer.adds("then "), writer.adds("this")]
    alice.take()
    bob.take()
    for edit in unplaceable:
        alice.says(SyncUpdate(edit))

    assert [SyncStep1(document.room.live.state_vector())] == alice.take()
    assert (bob.take(), document.journal, document.changes) == ([], [], 0)

    alice.says(SyncStep2(writer.doc.get_update()))
    document.clock.go_on(1)

    assert "lost on the way, then this" == document.text == bob.text()


def test_who_has_not_answered_yet_is_not_asked_again() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    alice.take()
    writer.adds("unsent")
    alice.says(SyncUpdate(writer.adds("sent")))

    assert alice.take() == []


def test_an_answer_that_cannot_be_placed_is_not_answered_with_a_question() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    alice.take()
    writer.adds("unsent")
    alice.says(SyncStep2(writer.adds("sent")))

    assert alice.take() == []


@pytest.mark.parametrize("again", ["whole", "part", "deletion"])
def test_what_is_known_already_is_no_reason_to_ask(again: str) -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    alice.says(SyncStep2(b"\x00\x00"))
    part = writer.adds("letters")
    deletion = writer.deletes(0, 1)
    whole = writer.doc.get_update()
    alice.says(SyncUpdate(whole))
    alice.take()
    alice.says(SyncUpdate({"whole": whole, "part": part, "deletion": deletion}[again]))

    assert alice.take() == []
    assert document.room._editing[alice.connection].unplaced == 0


def test_a_deletion_of_what_is_not_there_is_a_reason_to_ask() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    alice.says(SyncStep2(b"\x00\x00"))
    alice.take()
    writer.adds("letters")
    alice.says(SyncUpdate(writer.deletes(0, 1)))

    assert [SyncStep1(document.room.live.state_vector())] == alice.take()


def test_what_one_connection_may_leave_waiting_in_the_document_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_UNPLACED", 1000)
    document, writer = Document("good"), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    writer.adds("unsent")
    for _ in range(5):
        alice.says(SyncUpdate(writer.adds("x" * 300)))

    assert [MALFORMED_FRAME] == alice.ended
    assert (document.text, bob.ended) == ("good", [])


def test_the_rest_after_an_answer_is_the_persons_whichever_of_their_connections_asks() -> None:
    document = Document("letters")
    first = Peer(document.room, "bob", Role.VIEWER)

    def take_time() -> None:
        document.clock.time += 0.1

    first.sink.takes = take_time
    first.says(SyncStep1(NOTHING))
    document.room.leave(first.connection)
    second, carol = Peer(document.room, "bob", Role.VIEWER), Peer(document.room, "carol", Role.VIEWER)
    for peer in (second, carol):
        peer.says(SyncStep1(NOTHING))

    assert (0, 1) == (len(answers(second)), len(answers(carol)))

    document.clock.go_on(0.1 * REST_AFTER_ANSWER * 1.1)

    assert len(answers(second)) == 1

    document.room.leave(second.connection)
    document.clock.go_on(1)
    document.room.leave(carol.connection)

    assert document.room._answers._not_before == {}


def test_who_has_only_what_the_document_lacks_shares_the_answer_to_who_has_nothing() -> None:
    document, writer, known = Document("x" * SHARED_FROM), Writer(), Writer()
    alice, bob, carol = (Peer(document.room, name) for name in ("alice", "bob", "carol"))
    writer.adds("mine")
    alice.says(SyncUpdate(known.adds("known")))
    alice.says(SyncStep1(writer.doc.get_state()))
    shared = document.room._answers._shared
    bob.says(SyncStep1(NOTHING))
    carol.says(SyncStep1(known.doc.get_state()))

    assert shared is not None
    assert alice.sink.sent[-1] == bob.sink.sent[-1] != carol.sink.sent[-1]
    assert document.text == bob.text()
