from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jupyter_ydoc import YNotebook
from pycrdt import Doc

from coterie.policy.roles import Role
from coterie.server.rooms import frames
from coterie.server.rooms.endings import MALFORMED_FRAME, UNKNOWN_FRAME
from coterie.server.rooms.frames import Awareness, Entry, QueryAwareness, Save, SyncStep1, SyncStep2, SyncUpdate
from coterie.server.rooms.room import DocumentRoom, Room
from coterie.wire.close_codes import CloseCode
from rooms.peers import Document, Peer, StandingClock, text_of, update
from rooms.serving import access


def test_who_joins_is_asked_what_it_has() -> None:
    document = Document("x")
    alice = Peer(document.room)

    assert [SyncStep1(document.room.live.state_vector())] == alice.take()


def test_who_asks_gets_what_it_lacks() -> None:
    document = Document("letters")
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.take()
    bob.says(SyncStep1(b"\x00"))
    (answer,) = bob.take()

    assert isinstance(answer, SyncStep2)
    assert text_of(answer.update) == "letters"


@pytest.mark.parametrize("kind", [SyncStep2, SyncUpdate])
def test_an_editors_change_reaches_everybody_once(kind: Callable[[bytes], frames.ClientFrame]) -> None:
    document = Document()
    alice, bob = Peer(document.room), Peer(document.room, "bob", Role.VIEWER)
    alice.take()
    bob.take()
    change = update("hello")
    alice.says(kind(change))
    alice.says(kind(change))

    assert [SyncUpdate(change)] == bob.take() == alice.take()
    assert (document.changes, document.text) == (1, "hello")
    assert [("id-of-alice", change)] == document.journal


@pytest.mark.parametrize("frame", [SyncStep2(update("evil")), SyncUpdate(update("evil")), Save(1)])
def test_a_viewers_change_goes_nowhere_and_the_viewer_stays(frame: frames.ClientFrame) -> None:
    document = Document("good")
    alice, bob = Peer(document.room), Peer(document.room, "bob", Role.VIEWER)
    alice.take()
    bob.take()
    bob.says(frame)

    assert (alice.take(), bob.take(), bob.ended) == ([], [], [])
    assert (document.text, document.changes, len(document.saves), bob.connection.dropped) == ("good", 0, 0, 1)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x07", UNKNOWN_FRAME),
        (b"\x00\x09\x00", UNKNOWN_FRAME),
        (b"", MALFORMED_FRAME),
        (b"\x00\x02\x09abc", MALFORMED_FRAME),
        (frames.encode(SyncUpdate(b"no update")), MALFORMED_FRAME),
        # An update at which pycrdt's core panics.
        (frames.encode(SyncUpdate(bytes.fromhex("010000040006736f72636502cd6200"))), MALFORMED_FRAME),
        (frames.encode(SyncStep1(b"\x01\xff\xff")), MALFORMED_FRAME),
    ],
)
def test_what_is_no_frame_ends_the_connection_and_changes_nothing(message: bytes, code: CloseCode) -> None:
    document = Document("good")
    alice = Peer(document.room)
    alice.says(message)

    assert [code] == alice.ended
    assert document.text == "good"


def test_edits_on_another_history_are_refused_with_a_word_and_nothing_is_changed() -> None:
    def notebook(**metadata: int) -> bytes:
        doc: Doc[Any] = Doc(client_id=0)
        YNotebook(doc).set({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
        return doc.get_update()

    room = DocumentRoom(
        notebook(),
        journal=lambda *_: None,
        on_change=lambda: None,
        on_save=lambda _: None,
        on_withheld=lambda _: None,
        log=logging.getLogger("test"),
        clock=StandingClock(),
    )
    alice, bob = Peer(room), Peer(room, "bob")
    before = room.live.state()
    alice.sent.clear()
    bob.sent.clear()
    alice.says(SyncStep2(notebook(other=1)))

    assert [frames.encode(frames.Conflict())] == alice.sent
    assert bob.sent == []
    assert before == room.live.state()


def test_nothing_is_taken_from_or_sent_to_who_has_left() -> None:
    document = Document()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    document.room.leave(alice.connection)
    alice.take()
    alice.says(SyncUpdate(update("late")))
    alice.says(QueryAwareness())
    bob.says(SyncUpdate(update("mine")))

    assert (alice.take(), document.text) == ([], "mine")


def test_who_joins_sees_at_once_who_is_there_and_the_others_see_who_leaves() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice = Peer(room)
    alice.says(Awareness((Entry(5, 2, "{}"),)))
    bob = Peer(room, "bob")
    (snapshot,) = bob.take()
    clock.go_on(1)
    room.leave(alice.connection)

    assert isinstance(snapshot, Awareness)
    assert [json.loads(entry.state)["user"]["username"] for entry in snapshot.entries] == ["alice"]
    assert [Awareness((Entry(5, 2, frames.LEFT),))] == bob.take()


def test_presence_is_echoed_to_its_sender() -> None:
    alice = Peer(Room(StandingClock()))
    alice.says(Awareness((Entry(5, 2, "{}"),)))

    assert [entry.client for frame in alice.take() for entry in frame.entries] == [5]


def test_a_role_changes_in_place_and_shows() -> None:
    document = Document()
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.says(Awareness((Entry(5, 2, "{}"),)))
    bob.says(SyncUpdate(update("early")))
    bob.take()
    document.room.change_access(bob.connection, access("bob", Role.EDITOR))

    assert [Awareness((Entry(5, 2, frames.LEFT),)), SyncStep1(document.room.live.state_vector())] == bob.take()

    document.clock.go_on(1)
    bob.says(Awareness((Entry(5, 3, "{}"),)))
    bob.says(SyncStep2(update("early")))
    state = json.loads(bob.take()[0].entries[0].state)

    assert (state["user"]["role"], document.text) == ("editor", "early")


def test_an_access_that_lasts_longer_but_says_the_same_goes_unnoticed() -> None:
    document = Document()
    bob = Peer(document.room, "bob")
    bob.says(Awareness((Entry(5, 2, "{}"),)))
    bob.take()
    longer = replace(access("bob"), until=datetime(2030, 1, 1, tzinfo=UTC))
    document.room.change_access(bob.connection, longer)

    assert ([], longer) == (bob.take(), bob.connection.access)


def test_a_save_is_answered_when_it_is_done_and_only_to_who_asked() -> None:
    document = Document()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    alice.take()
    bob.take()
    alice.says(Save(7))

    assert alice.sent == []

    document.saves[0](True)
    document.saves[0](False)

    assert [json.loads(message[2:])["status"] for message in alice.sent] == ["success", "failed"]
    assert bob.sent == []


def test_a_room_without_a_document_takes_no_document() -> None:
    room = Room(StandingClock())
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(SyncUpdate(update("x")))
    alice.says(SyncStep1(b"\x00"))

    assert [SyncStep2(frames.EMPTY_UPDATE)] == alice.take()
    assert bob.take() == []


def test_a_viewer_is_not_asked_what_would_be_dropped() -> None:
    assert Peer(Document("x").room, "bob", Role.VIEWER).take() == []


def test_what_is_too_long_for_a_viewer_ends_the_connection_also_of_who_has_become_one() -> None:
    document = Document()
    alice, bob, carol = (Peer(document.room, name) for name in ("alice", "bob", "carol"))
    document.room.change_access(bob.connection, access("bob", Role.VIEWER))
    document.room.change_access(carol.connection, access("carol", Role.VIEWER))
    long = frames.encode(SyncUpdate(bytes(frames.MAX_VIEWER_FRAME - 6)))
    for peer in (alice, bob):
        peer.says(long + b"x")
    carol.says(long)

    assert ([MALFORMED_FRAME], [MALFORMED_FRAME], []) == (alice.ended, bob.ended, carol.ended)
    assert ([0], [1]) == ([bob.connection.dropped], [carol.connection.dropped])


def test_a_room_full_of_people_is_told_in_parts_that_may_be_sent_back() -> None:
    clock = StandingClock()
    room = Room(clock)
    people = frames.MAX_ENTRIES + 100
    first = Peer(room, "first")
    for number in range(people):
        Peer(room, str(number)).says(Awareness((Entry(number + 1, 1, '{"cursor":1}'),)))
    first.take()
    clock.go_on(1)
    late = Peer(room, "late")
    snapshot, news = late.take(), first.take()

    assert [people, people - 1] == [sum(len(frame.entries) for frame in told) for told in (snapshot, news)]

    for frame in snapshot:
        late.says(frame)
    clock.go_on(1)

    assert (late.ended, late.take(), first.take()) == ([], [], [])


@pytest.mark.parametrize("is_seen", [False, True])
def test_a_leaving_is_told_if_anybody_was_told_of_the_coming(is_seen: bool) -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(Awareness((Entry(1, 1, "{}"),)))
    bob.says(Awareness((Entry(2, 1, "{}"),)))  # told once the burst is over
    if is_seen:
        alice.says(QueryAwareness())
    alice.take()
    room.leave(bob.connection)
    clock.go_on(1)

    assert [Awareness((Entry(2, 1, frames.LEFT),))] * is_seen == alice.take()


def test_a_leaving_that_was_not_told_yet_is_not_forgotten_over_a_short_return() -> None:
    clock = StandingClock()
    room = Room(clock)
    alice, bob = Peer(room), Peer(room, "bob")
    bob.says(Awareness((Entry(2, 1, "{}"),)))
    clock.go_on(1)
    alice.says(Awareness((Entry(1, 1, "{}"),)))
    for entry in (Entry(2, 1, frames.LEFT), Entry(2, 2, "{}"), Entry(2, 2, frames.LEFT)):
        bob.says(Awareness((entry,)))
    alice.take()
    clock.go_on(1)

    assert [Awareness((Entry(2, 2, frames.LEFT),))] == alice.take()
