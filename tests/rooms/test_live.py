from __future__ import annotations

import gc
from typing import Any

import pytest
from pycrdt import Text

from coterie.server.rooms.journal.records import SERVER
from coterie.server.rooms.live import LiveDocument
from rooms.peers import Writer, text_of, update


class Listening:
    """A live document and what it told."""

    def __init__(self, text: str = "") -> None:
        self.told: list[tuple[bytes, str]] = []
        self.live = LiveDocument(update(text), lambda made, person: self.told.append((made, person)))


def test_every_change_is_told_once_with_its_author_and_raises_the_revision() -> None:
    listening, writer = Listening(), Writer()
    edit = writer.adds("x")
    listening.live.apply(edit, "alice")
    listening.live.apply(edit, "bob")
    other = Writer(edit).adds("y")
    listening.live.apply(other, "bob")

    assert [(edit, "alice"), (other, "bob")] == listening.told
    assert listening.live.revision == 2


def test_our_own_notes_are_told_and_do_not_count_as_changes() -> None:
    listening = Listening("text")
    listening.live.set_path("a.txt")
    listening.live.set_path("a.txt")
    listening.live.set_saved("abc", is_clean=True)
    listening.live.set_saved(None, is_clean=True)

    assert [SERVER] * 3 == [person for _, person in listening.told]
    assert listening.live.revision == 0

    document = listening.live.ydocument("file")

    assert ("a.txt", "abc", False) == (document.path, document.hash, document.dirty)


def test_what_an_extension_does_is_an_edit_by_the_server_and_reaches_everybody() -> None:
    listening = Listening("start")
    document = listening.live.ydocument("file")
    document.set("start and more")

    assert [SERVER] == [person for _, person in listening.told]
    assert (listening.live.revision, document is listening.live.ydocument("file")) == (1, True)
    assert text_of(listening.live.state()) == "start and more"


def test_a_document_is_lent_once_an_extension_has_asked_for_it() -> None:
    live = Listening().live

    assert not live.is_lent

    live.ydocument("file")

    assert live.is_lent


def test_after_an_edit_failed_the_next_one_has_its_own_author() -> None:
    listening, writer = Listening(), Writer()
    with pytest.raises(ValueError):
        listening.live.apply(b"no update", "alice")
    listening.live.ydocument("file").set("x")

    listening.live.apply(writer.adds("y"), "bob")

    assert [SERVER, "bob"] == [person for _, person in listening.told]


@pytest.mark.parametrize("by", ["a client", "an extension"])
def test_nothing_that_was_deleted_is_kept_for_an_undo(by: str) -> None:
    listening, writer = Listening(), Writer()
    document = listening.live.ydocument("file")
    letters = "x" * 100_000
    for _ in range(10):
        if by == "a client":
            listening.live.apply(writer.adds(letters), "alice")
            listening.live.apply(writer.deletes(0, len(letters)), "alice")
        else:
            document.set(letters)
            document.set("")
    gc.collect()

    assert not document.undo_manager.can_undo()
    assert len(listening.live.state()) < 1000


async def test_while_an_extension_holds_a_transaction_open_the_document_says_so() -> None:
    listening, writer = Listening(), Writer()
    doc = listening.live.ydocument("file").ydoc
    source: Any = doc.get("source", type=Text)
    async with doc.transaction():
        source += "half "
        listening.live.apply(writer.adds("typed meanwhile"), "alice")

        assert listening.live.is_changing
        assert listening.told == []
    assert not listening.live.is_changing
    assert len(listening.told) == 1
    assert sorted("half typed meanwhile") == sorted(text_of(listening.live.state()))


def test_nothing_is_told_after_the_end() -> None:
    listening, writer = Listening(), Writer()
    listening.live.ydocument("file")
    listening.live.close()
    listening.live.apply(writer.adds("x"), "alice")

    assert listening.told == []
