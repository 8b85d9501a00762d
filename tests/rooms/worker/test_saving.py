"""Saving an open document, and taking in what others write to its file."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.files import new_path
from coterie.server.rooms.journal.records import OUTSIDE, RecordKind
from coterie.server.rooms.worker import placing, process
from coterie.server.rooms.worker.results import Denied, Gone, NotSettled, Source, Unreadable
from rooms.journal.making import run
from rooms.worker.desk import Desk, as_bytes, code, notebook

TEXT = "alpha\nbeta\ngamma\n"


@pytest.fixture
def opened(desk: Desk) -> Desk:
    desk.file.write_text(TEXT)
    desk.open()
    return desk


@pytest.fixture
def opened_notebook(desk: Desk) -> Desk:
    desk.named("a.ipynb", "notebook").file.write_bytes(as_bytes(notebook("alpha\n", "beta\n")))
    desk.open()
    return desk


def test_a_save_writes_what_the_document_holds(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    committed = opened.save()

    assert TEXT + "typed\n" == opened.file.read_text()
    assert committed is not None
    status = opened.file.stat()
    assert (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size) == committed.stamp
    assert [] == list(opened.folder.glob(".~*"))


def test_a_save_of_nothing_new_does_not_touch_the_file(opened: Desk) -> None:
    before = opened.file.stat()
    opened.type(TEXT + "typed\n")
    opened.type(TEXT)

    assert opened.save() is None
    assert before == opened.file.stat()
    opened.crash()
    assert opened.open().is_saved


def test_line_endings_stay_what_they_were(desk: Desk) -> None:
    desk.file.write_bytes(b"one\r\ntwo\r\n")
    desk.open()
    assert "one\ntwo\n" == desk.content
    desk.type("one\ntwo\nthree\n")
    process._mirrors.clear()
    desk.save()

    assert b"one\r\ntwo\r\nthree\r\n" == desk.file.read_bytes()


def test_bytes_are_saved_as_they_are(desk: Desk) -> None:
    desk.named("a.bin", "blob").file.write_bytes(b"\x00\r\n\xff")
    desk.open()
    assert b"\x00\r\n\xff" == desk.content
    desk.type(b"\x01\x00")
    desk.save()

    assert b"\x01\x00" == desk.file.read_bytes()


def test_a_kind_that_only_an_extension_knows_is_served(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_ydoc import YUnicode, ydocs

    monkeypatch.setitem(ydocs, "drawing", YUnicode)
    desk.named("a.drawing", "drawing").file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.save()
    desk.file.write_text("outside\n" + TEXT + "typed\n")
    desk.look()

    assert "outside\n" + TEXT + "typed\n" == desk.content


def test_a_change_from_outside_and_an_unsaved_one_are_both_kept(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.file.write_text("outside\n" + TEXT)
    outside = opened.look()
    opened.save()

    assert outside is not None
    assert outside.is_in_file
    assert "outside\n" + TEXT + "typed\n" == opened.content == opened.file.read_text()


def test_a_change_from_outside_that_a_save_meets_is_put_aside_and_merged(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.prepare()
    opened.file.write_text("outside\n" + TEXT)
    committed = process.commit(opened.source)
    assert committed.outside is not None
    assert not committed.outside.is_in_file
    assert TEXT + "typed\n" == opened.file.read_text()
    with pytest.raises(NotSettled):
        opened.prepare()
    opened.merge(committed.outside)
    opened.save()

    assert "outside\n" + TEXT + "typed\n" == opened.content == opened.file.read_text()
    assert [] == list(opened.folder.glob(".~*"))


def test_what_a_save_meets_and_is_only_in_another_form_does_not_keep_the_next_from_saving(
    opened_notebook: Desk,
) -> None:
    desk = opened_notebook
    desk.type(notebook("alpha\n"))
    desk.prepare()
    desk.file.write_text(json.dumps(notebook("alpha\n", "beta\n")))
    committed = process.commit(desk.source)
    desk.type(notebook("alpha\n", "gamma\n"))
    desk.save()

    assert committed.outside is None
    assert desk.kind.write(desk.content, False) == desk.file.read_bytes()
    assert [] == list(desk.folder.glob(".~*"))


def test_what_a_save_meets_and_people_have_done_as_well_does_not_keep_the_next_from_saving(opened: Desk) -> None:
    shorter = TEXT.replace("beta\n", "")
    opened.type(shorter + "typed\n")
    opened.prepare()
    opened.file.write_text(shorter)
    committed = process.commit(opened.source)
    opened.type(shorter + "typed on\n")
    opened.save()

    assert committed.outside is None
    assert shorter + "typed on\n" == opened.content == opened.file.read_text()
    assert [] == list(opened.folder.glob(".~*"))


def test_what_people_do_as_well_before_it_is_merged_does_not_keep_the_next_from_saving(opened: Desk) -> None:
    shorter = TEXT.replace("beta\n", "")
    opened.type(TEXT + "typed\n")
    opened.prepare()
    opened.file.write_text(shorter)
    committed = process.commit(opened.source)
    opened.type(shorter + "typed\n")
    opened.save()

    assert committed.outside is not None
    assert shorter + "typed\n" == opened.content == opened.file.read_text()
    assert [] == list(opened.folder.glob(".~*"))


def test_a_change_of_same_size_and_time_is_not_overwritten(opened: Desk) -> None:
    times = opened.file.stat().st_atime_ns, opened.file.stat().st_mtime_ns
    opened.type(TEXT + "typed\n")
    opened.prepare()
    opened.file.write_text(TEXT.replace("alpha", "ALPHA"))
    os.utime(opened.file, ns=times)
    opened.save()
    opened.save()

    assert TEXT.replace("alpha", "ALPHA") + "typed\n" == opened.file.read_text()


def test_changes_from_outside_one_after_another_come_in_one_by_one(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    for number in range(4):
        opened.file.write_text(f"outside {number}\n" + opened.file.read_text())
        opened.look()
        assert opened.look() is None
        if number == 1:
            process._mirrors.clear()
    opened.save()

    lines = "".join(f"outside {number}\n" for number in reversed(range(4)))
    assert lines + TEXT + "typed\n" == opened.content == opened.file.read_text()


def test_what_another_program_takes_back_is_taken_back(opened: Desk) -> None:
    opened.file.write_text("outside\n" + TEXT)
    opened.look()
    opened.type("outside\n" + TEXT + "typed\n")
    opened.file.write_text(TEXT)
    opened.look()

    assert TEXT + "typed\n" == opened.content


def test_a_cell_that_another_program_deletes_stays_if_somebody_has_typed_in_it(opened_notebook: Desk) -> None:
    desk = opened_notebook
    desk.type(notebook("alpha\ntyped\n", "beta\n"))
    desk.file.write_bytes(as_bytes(notebook() | {"cells": [code("new", "outside\n")]}))
    desk.look()
    desk.save()
    expected = ["outside\n", "alpha\ntyped\n"]

    assert sorted(expected) == sorted(cell["source"] for cell in desk.content["cells"])
    assert desk.kind.write(desk.content, False) == desk.file.read_bytes()


def test_a_cell_that_people_took_out_stays_out_if_another_program_has_only_formatted_the_file(
    opened_notebook: Desk,
) -> None:
    desk = opened_notebook
    desk.type(notebook("alpha\n", "beta\n", "gamma\n"))
    desk.save()  # signs it, so that it is read as trusted from here on
    content = json.loads(desk.file.read_bytes())
    desk.type(content | {"cells": desk.content["cells"][1:]})
    desk.file.write_text(json.dumps(content))
    desk.look()

    assert ["beta\n", "gamma\n"] == [cell["source"] for cell in desk.content["cells"]]
    assert [True, True] == [cell["metadata"]["trusted"] for cell in desk.content["cells"]]


def test_what_is_no_notebook_any_more_is_kept_and_saved_over(opened_notebook: Desk) -> None:
    desk = opened_notebook
    desk.file.write_text("<<<<<<< HEAD\n")
    outside = desk.look()
    assert outside is not None
    assert outside.kept == b"<<<<<<< HEAD\n"
    assert outside.update == b""
    assert desk.look() is None
    committed = desk.save()

    assert committed is not None
    assert committed.outside is None
    assert as_bytes(notebook("alpha\n", "beta\n")) == desk.file.read_bytes()
    kept = [version for version in process.list_versions(desk.source.journal) if version.origin == "kept"]
    assert [b"<<<<<<< HEAD\n"] == [
        process.read_version(desk.source.journal, "notebook", version.sequence) for version in kept
    ]


def test_what_comes_back_after_it_was_saved_over_is_kept_again(opened_notebook: Desk) -> None:
    desk = opened_notebook
    for _ in range(2):
        desk.file.write_text("<<<<<<< HEAD\n")
        outside = desk.look()
        assert outside is not None
        assert outside.kept is not None
        desk.save()


def test_a_file_that_has_become_too_large_is_left_alone(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "LARGEST", 20)
    opened.file.write_text(TEXT + "more than there may be")

    with pytest.raises(Unreadable):
        opened.look()
    opened.crash()
    with pytest.raises(Unreadable):
        opened.open()


def test_what_was_kept_may_still_lie_there_when_the_document_is_opened(opened_notebook: Desk) -> None:
    desk = opened_notebook
    desk.file.write_text("<<<<<<< HEAD\n")
    desk.look()
    desk.crash()
    opened = desk.open()

    assert not opened.is_saved
    desk.save()
    assert as_bytes(notebook("alpha\n", "beta\n")) == desk.file.read_bytes()


def test_a_deleted_file_is_not_made_again(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.prepare()
    opened.file.unlink()

    with pytest.raises(Gone):
        process.commit(opened.source)
    with pytest.raises(Gone):
        opened.prepare()
    with pytest.raises(Gone):
        opened.look()
    assert not opened.file.exists()


def test_a_save_follows_the_file_to_where_it_was_moved(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.prepare()
    moved = opened.folder / "elsewhere.txt"
    opened.file.rename(moved)
    opened.source = Source("key", moved, "file", "text", opened.source.journal, opened.source.life)
    opened.save()

    assert TEXT + "typed\n" == moved.read_text()
    assert ["elsewhere.txt"] == [path.name for path in opened.folder.iterdir() if path.is_file()]


def test_a_draft_is_committed_once(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.save()

    with pytest.raises(NotSettled):
        process.commit(opened.source)


def test_a_draft_that_is_not_the_one_prepared_is_not_committed(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.prepare()
    (draft,) = opened.folder.glob(".~*")
    draft.rename(opened.folder / "aside")
    draft.write_text("not ours")
    with pytest.raises(NotSettled):
        process.commit(opened.source)
    assert TEXT == opened.file.read_text()
    opened.save()

    assert TEXT + "typed\n" == opened.file.read_text()


def test_a_document_can_be_forgotten_whatever_the_disk_says(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.type(TEXT + "typed\n")
    opened.prepare()

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Path, "unlink", fail)
    process.forget(opened.source.key)


def test_a_file_that_may_not_be_written_is_denied_and_stays(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.type(TEXT + "typed\n")
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(Denied):
        opened.prepare()
    assert TEXT == opened.file.read_text()


def test_a_full_disk_leaves_the_file_as_it_was(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.type(TEXT + "typed\n")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            opened.prepare()
    assert TEXT == opened.file.read_text()
    assert [] == list(opened.folder.glob(".~*"))
    opened.save()
    assert TEXT + "typed\n" == opened.file.read_text()


def test_a_document_that_cannot_be_written_as_its_kind_is_refused_and_can_be_mended(opened_notebook: Desk) -> None:
    from pycrdt import Array

    desk = opened_notebook
    cells = desk.live.get("cells", type=Array)
    desk.edit(lambda: cells.append("text"))
    with pytest.raises(Unreadable):
        desk.prepare()
    desk.edit(lambda: cells.pop(2))
    desk.type(notebook("alpha\n", "beta\ntyped\n"))
    desk.save()

    assert as_bytes(notebook("alpha\n", "beta\ntyped\n")) == desk.file.read_bytes()


def test_cells_that_share_an_id_are_given_ids_of_their_own(opened_notebook: Desk) -> None:
    from pycrdt import Array, Map, Text

    desk = opened_notebook
    cells = desk.live.get("cells", type=Array)
    twin = {"id": "cell-0", "cell_type": "markdown", "source": Text("twin"), "metadata": Map()}
    desk.edit(lambda: cells.append(Map(twin)))
    desk.save()

    assert 3 == len({cell["id"] for cell in cells.to_py()})
    assert desk.save() is None
    desk.file.write_bytes(desk.file.read_bytes().replace(b"twin", b"twins"))
    desk.look()
    assert ["alpha\n", "beta\n", "twins"] == [cell["source"] for cell in desk.content["cells"]]


# --- Files that are being written ------------------------------------------------------------------------------------


def test_what_was_written_just_now_is_looked_at_again_later(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "JUST_NOW", 60.0)
    opened.file.write_text(TEXT + "half")

    with pytest.raises(NotSettled):
        opened.look()
    monkeypatch.setattr(placing, "JUST_NOW", 0.0)
    opened.look()
    assert TEXT + "half" == opened.content


def test_what_makes_no_sense_is_given_more_time(opened_notebook: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "QUIET", 60.0)
    for data in (b"", as_bytes(notebook("alpha"))[:50]):
        opened_notebook.file.write_bytes(data)
        with pytest.raises(NotSettled):
            opened_notebook.look()
    opened_notebook.file.write_bytes(as_bytes(notebook("alpha\n", "beta\n", "gamma\n")))
    opened_notebook.look()

    assert 3 == len(opened_notebook.content["cells"])


def test_a_file_that_somebody_has_open_for_writing_is_left_alone(opened: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "QUIET", 60.0)
    opened.type(TEXT + "typed\n")
    opened.prepare()
    with opened.file.open("a") as writer:
        writer.write("half")
        writer.flush()
        with pytest.raises(NotSettled):
            opened.look()
        with pytest.raises(NotSettled):
            process.commit(opened.source)
        writer.write(" and half\n")
    opened.look()

    assert TEXT + "half and half\n" in (opened.content, opened.content.replace("typed\n", ""))


def test_a_file_that_somebody_only_keeps_open_can_be_saved(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    with opened.file.open("a"):
        opened.save()

    assert TEXT + "typed\n" == opened.file.read_text()


# --- Versions --------------------------------------------------------------------------------------------------------


def test_a_version_can_be_read_and_restored(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    opened.file.write_text("outside\n" + TEXT)
    opened.look()
    versions = process.list_versions(opened.source.journal)
    contents = [process.read_version(opened.source.journal, "file", version.sequence) for version in versions]

    assert ["outside", "edit", "outside"] == [version.origin for version in versions]
    assert [TEXT, TEXT + "typed\n", "outside\n" + TEXT + "typed\n"] == [content.decode() for content in contents]
    opened.take(process.restore(opened.source, opened.open_journal.size, versions[1].sequence), "ben")
    assert TEXT + "typed\n" == opened.content
    assert b"" == process.restore(opened.source, opened.open_journal.size, versions[1].sequence)


def test_a_notebooks_version_is_its_file(opened_notebook: Desk) -> None:
    desk = opened_notebook
    desk.type(notebook("changed", "beta\n"))
    first, _ = process.list_versions(desk.source.journal)

    assert as_bytes(notebook("alpha\n", "beta\n")) == process.read_version(
        desk.source.journal, "notebook", first.sequence
    )
    desk.take(process.restore(desk.source, desk.open_journal.size, first.sequence), "ben")
    desk.save()
    assert as_bytes(notebook("alpha\n", "beta\n")) == desk.file.read_bytes()


@pytest.mark.parametrize("sequence", [0, 2, 3, 99])
def test_what_is_no_version_is_unknown(opened: Desk, sequence: int) -> None:
    with pytest.raises(KeyError):
        process.read_version(opened.source.journal, "file", sequence)
    with pytest.raises(KeyError):
        process.restore(opened.source, opened.open_journal.size, sequence)


def test_a_compacted_journal_is_followed_as_before(opened: Desk) -> None:
    for number in range(200):
        opened.type(TEXT + f"typed {number}\n")
    opened.save()
    opened.type(TEXT + "unsaved\n")
    upto = process.compact(opened.source.journal, opened.open_journal.size, Keep(days=0, bytes=0))
    assert upto is not None
    run(opened.open_journal.replace(new_path(opened.source.journal), upto))
    opened.file.write_text("outside\n" + opened.file.read_text())
    opened.look()
    opened.save()

    assert "outside\n" + TEXT + "unsaved\n" == opened.content == opened.file.read_text()
    opened.crash()
    assert opened.open().is_saved


def test_an_edit_that_does_not_reach_the_file_needs_no_save(opened: Desk) -> None:
    from pycrdt import Map

    def note() -> None:
        opened.live.get("state", type=Map)["dirty"] = False

    opened.edit(note, "")
    assert opened.prepare().is_on_disk
    opened.crash()
    assert opened.open().is_saved


def test_records_beyond_what_is_asked_for_are_left_for_later(opened: Desk) -> None:
    opened.type(TEXT + "typed\n")
    size = opened.open_journal.size
    opened.type(TEXT + "typed\nmore\n")
    draft = process.prepare(opened.source, size)
    process.commit(opened.source)

    assert TEXT + "typed\n" == opened.file.read_text()
    assert opened.open_journal.next - 2 == draft.through


def test_an_edit_that_waits_for_another_is_not_written(opened: Desk, tmp_path: Path) -> None:
    """The room lets no such edit into a journal; what is in one is read all the same."""
    from pycrdt import Doc, Text

    other: Doc[Text] = Doc()
    other.apply_update(opened.live.get_update())
    text = other.get("source", type=Text)
    text.insert(0, "first\n")
    between = other.get_state()
    text.insert(6, "second\n")
    opened.open_journal.append((RecordKind.EDIT, OUTSIDE, other.get_update(between)))

    assert opened.prepare().is_on_disk
