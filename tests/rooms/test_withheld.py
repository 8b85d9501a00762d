"""Edits that cannot be journaled: nobody is told of them until they can."""

from __future__ import annotations

import pytest

from coterie.policy.roles import Role
from coterie.server.rooms import room as room_module
from coterie.server.rooms.endings import NOT_KEPT
from coterie.server.rooms.frames import Awareness, Entry, SyncStep1, SyncStep2, SyncUpdate
from coterie.server.rooms.journal.records import OUTSIDE, SERVER
from rooms.peers import Document, Peer, Writer

FULL = OSError("no space left on device")
TOO_LARGE = ValueError("the record is too large")


def test_an_edit_that_cannot_be_journaled_reaches_nobody_until_it_can() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob", Role.VIEWER)
    for peer in (alice, bob):
        peer.take()
    document.disk = FULL
    edits = [writer.adds(letter) for letter in "abc"]
    for edit in edits:
        alice.says(SyncUpdate(edit))
    document.clock.go_on(10)

    assert ([], []) == (alice.take(), bob.take())
    assert document.room.is_withholding
    assert [FULL] == document.withheld
    assert not document.room.retry()

    document.disk = None

    assert document.room.retry()
    assert not document.room.is_withholding
    assert [("id-of-alice", edit) for edit in edits] == document.journal
    assert bob.text() == "abc"


def test_an_edit_that_no_record_can_hold_reaches_nobody() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    document.disk = TOO_LARGE
    alice.says(SyncUpdate(writer.adds("a")))
    document.clock.go_on(1)

    assert bob.text() == ""
    assert [TOO_LARGE] == document.withheld
    assert ([], False) == (alice.ended, document.room.retry())


def test_an_edit_after_the_disk_has_room_again_waits_for_those_before_it() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    edits = [writer.adds(letter) for letter in "ab"]
    document.disk = FULL
    alice.says(SyncUpdate(edits[0]))
    document.disk = None
    alice.says(SyncUpdate(edits[1]))
    document.clock.go_on(1)

    assert bob.text() == ""

    document.room.retry()

    assert edits == [update for _, update in document.journal]
    assert bob.text() == "ab"


def test_what_could_be_journaled_is_sent_even_if_the_rest_cannot() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    document.disk = FULL
    for letter in "ab":
        alice.says(SyncUpdate(writer.adds(letter)))
    write, written = document.room._updates._journal, []

    def write_one(person: str, update: bytes) -> None:
        if written:
            raise FULL
        written.append(update)
        document.disk = None
        write(person, update)

    document.room._updates._journal = write_one

    assert not document.room.retry()

    document.clock.go_on(1)

    assert bob.text() == "a"
    assert document.room.is_withholding


def test_who_asks_what_they_lack_is_told_when_it_is_journaled() -> None:
    document, writer = Document(), Writer()
    alice = Peer(document.room)
    document.disk = FULL
    alice.says(SyncUpdate(writer.adds("a")))
    bob = Peer(document.room, "bob", Role.VIEWER)
    bob.says(SyncStep1(b"\x00"))
    document.clock.go_on(10)

    assert SyncStep2 not in [type(frame) for frame in bob.take()]

    document.disk = None
    document.room.retry()

    assert SyncStep2 in [type(frame) for frame in bob.take()]


def test_who_caught_up_while_edits_were_withheld_gets_them_all_afterwards() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    bob.stops_reading()
    for letter in "abc":
        alice.says(SyncUpdate(writer.adds(letter)))
        document.clock.go_on(1)
    document.disk = FULL
    alice.says(SyncUpdate(writer.adds("d")))
    bob.reads_on()

    assert "d" not in bob.text()

    document.disk = None
    document.room.retry()
    document.clock.go_on(1)

    assert bob.text() == "abcd"


def test_who_falls_behind_while_edits_are_withheld_gets_them_too() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    document.disk = FULL
    alice.says(SyncUpdate(writer.adds("withheld")))
    bob.stops_reading()
    alice.says(Awareness((Entry(1, 1, "{}"),)))  # arrives late
    document.clock.go_on(1)
    alice.says(Awareness((Entry(1, 2, "{}"),)))  # is refused
    document.disk = None
    document.room.retry()
    document.clock.go_on(1)
    bob.reads_on()

    assert bob.text() == "withheld"


def test_presence_goes_on_while_edits_are_withheld() -> None:
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    bob.take()
    document.disk = FULL
    alice.says(SyncUpdate(writer.adds("a")))
    alice.says(Awareness((Entry(1, 1, "{}"),)))

    assert [Awareness] == [type(frame) for frame in bob.take()]


def test_when_too_much_is_withheld_everybody_is_sent_away_and_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_WITHHELD", 1000)
    document, writer = Document(), Writer()
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    document.disk = FULL
    alice.says(SyncUpdate(writer.adds("x" * 2000)))
    carol = Peer(document.room, "carol")

    assert [[NOT_KEPT]] * 3 == [peer.ended for peer in (alice, bob, carol)]
    assert document.room.is_empty

    document.disk = None
    document.room.retry()
    again = Peer(document.room, "bob")
    again.says(SyncStep1(b"\x00"))

    assert again.ended == []
    assert again.text() == "x" * 2000


def test_what_comes_from_outside_and_what_the_server_notes_is_journaled_before_it_is_sent() -> None:
    document, writer = Document(), Writer()
    bob = Peer(document.room, "bob")
    bob.take()
    edit = writer.adds("from a script")
    document.room.live.apply(edit, OUTSIDE)
    document.room.live.set_path("a.txt")

    assert [OUTSIDE, SERVER] == [person for person, _ in document.journal]
    assert bob.take() == []  # not before the document may be touched again

    document.clock.go_on(1)

    assert bob.text() == "from a script"
    assert document.changes == 1
