from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jupyter_server.auth import User
from jupyter_ydoc import YUnicode
from pycrdt import Doc

from coterie.policy.roles import Role
from coterie.server.rooms import documents, frames
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import MALFORMED_FRAME, UNKNOWN_FRAME
from coterie.server.rooms.frames import Awareness, Entry, QueryAwareness, Save, SyncStep1, SyncStep2, SyncUpdate
from coterie.server.rooms.room import DocumentRoom, Room
from coterie.wire.close_codes import CloseCode
from rooms.serving import access


class Peer:
    """A connection that keeps what it is sent."""

    def __init__(self, room: Room, person: str = "alice", role: Role = Role.EDITOR) -> None:
        self.room = room
        self.sent: list[bytes] = []
        self.ended: list[CloseCode] = []
        self.connection = Connection(access(person, role), User(person), self.sent.append, self._end)
        room.join(self.connection)

    def says(self, frame: frames.ClientFrame | bytes) -> None:
        self.room.receive(self.connection, frame if isinstance(frame, bytes) else frames.encode(frame))

    def take(self) -> list[frames.ClientFrame]:
        """What has arrived since the last call."""
        arrived = [frames.parse(message) for message in self.sent if message[0] != frames.Kind.RAW]
        self.sent.clear()
        return arrived

    def _end(self, code: CloseCode) -> None:
        self.ended.append(code)
        self.room.leave(self.connection)


class Document:
    def __init__(self, text: str = "") -> None:
        self.changes = 0
        self.saves: list[Callable[[bool], None]] = []
        self.room = DocumentRoom(
            "file",
            documents.build("file", text),
            on_change=self._change,
            on_save=self.saves.append,
            log=logging.getLogger("test"),
        )

    @property
    def text(self) -> str:
        return documents.read("file", self.room.live.state()).content

    def _change(self) -> None:
        self.changes += 1


def update(text: str) -> bytes:
    doc = Doc()
    YUnicode(doc).set(text)
    return doc.get_update()


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
    assert documents.read("file", answer.update).content == "letters"


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
    def notebook(**metadata: int) -> dict[str, Any]:
        return {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}

    room = DocumentRoom(
        "notebook",
        documents.build("notebook", notebook()),
        on_change=lambda: None,
        on_save=lambda _: None,
        log=logging.getLogger("test"),
    )
    alice, bob = Peer(room), Peer(room, "bob")
    before = documents.read("notebook", room.live.state()).content
    alice.sent.clear()
    bob.sent.clear()
    alice.says(SyncStep2(documents.build("notebook", notebook(other=1))))

    assert [frames.encode(frames.Conflict())] == alice.sent
    assert bob.sent == []
    assert before == documents.read("notebook", room.live.state()).content


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
    room = Room()
    alice = Peer(room)
    alice.says(Awareness((Entry(5, 2, "{}"),)))
    bob = Peer(room, "bob")
    (snapshot,) = bob.take()
    room.leave(alice.connection)

    assert isinstance(snapshot, Awareness)
    assert [json.loads(entry.state)["user"]["username"] for entry in snapshot.entries] == ["alice"]
    assert [Awareness((Entry(5, 2, frames.LEFT),))] == bob.take()


def test_presence_is_echoed_to_its_sender() -> None:
    alice = Peer(Room())
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
    room = Room()
    alice, bob = Peer(room), Peer(room, "bob")
    alice.says(SyncUpdate(update("x")))
    alice.says(SyncStep1(b"\x00"))

    assert [SyncStep2(frames.EMPTY_UPDATE)] == alice.take()
    assert bob.take() == []
