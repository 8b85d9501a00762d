"""Saving and changes from outside, with real files, a real worker and a real journal."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jupyter_server_fileid.manager import ArbitraryFileIdManager
from jupyter_ydoc import ydocs
from pycrdt import Doc

from coterie.server.rooms.document import OpenDocument
from coterie.server.rooms.journal.folder import JournalFolder
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.reading import records
from coterie.server.rooms.journal.records import OUTSIDE, RecordKind
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.problems import DocumentNotice, Problems
from coterie.server.rooms.settings import Settings
from coterie.server.rooms.whereabouts import Whereabouts
from coterie.server.rooms.worker.client import Worker
from coterie.server.rooms.worker.results import Source
from rooms.serving import eventually


class Desk:
    """One document, its file and what keeps the two in step."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.file_ids = ArbitraryFileIdManager(root_dir=str(self.folder), db_path=str(folder / "ids.db"))
        self.problems = Problems()
        self.notices: list[str] = []
        self.problems.watch(lambda news: isinstance(news, DocumentNotice) and self.notices.append(news.sentence))
        self._worker = worker
        self._journals = JournalFolder(folder / "journal")
        self._document: OpenDocument | None = None
        self._typing: Doc[Any] = Doc()  # alice's copy

    async def open(self, path: str, kind: str = "text:file") -> None:
        format_, type_ = kind.split(":")
        name = DocumentName(format_, type_, self.file_ids.index(path))
        whereabouts = Whereabouts(name.file_id, self.folder, self.file_ids)
        self.journal_path = self._journals.path_of(name)
        source = Source(str(name), whereabouts.file, type_, format_, self.journal_path, "0" * 32)
        opened = await self._worker.open_document(source)
        self.journal = Journal.open(self.journal_path, size=opened.size, next=opened.next)
        settings = Settings(self._journals.path, sync_seconds=0.1, keep_days=30, keep_bytes=2**26, forget_after=60)
        self.document = self._document = OpenDocument(
            name, whereabouts, opened, self.journal, self._worker, settings, self.problems, logging.getLogger("test")
        )
        self.live, self.saver = self.document.room.live, self.document.saver

    async def close(self) -> None:
        """As the registry does it."""
        if self._document is not None:
            await self._document.close()
            self._document = None

    async def crash(self) -> None:
        """All that was in memory is gone."""
        self.saver.stop()
        self._document = None
        self.journal.close()
        await self._worker.forget(str(self.document.name))

    def write(self, content: Any) -> None:
        """Make the document hold *content*, as alice who types."""
        doc = self._typing
        doc.apply_update(self.live.since(doc.get_state()))
        before = doc.get_state()
        ydocs[self.document.name.type](doc).set(content)
        self.live.apply(doc.get_update(before), "id-of-alice")

    @property
    def content(self) -> Any:
        doc: Doc[Any] = Doc()
        document = ydocs[self.document.name.type](doc)
        doc.apply_update(self.live.state())
        return document.get()


@pytest.fixture(scope="module")
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.close()


@pytest.fixture
async def desk(tmp_path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("coterie.server.rooms.saver.SAVE_AFTER", 60)  # tests say when
    desk = Desk(tmp_path, worker)
    yield desk
    await desk.close()
    desk.file_ids.con.close()


def notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


async def test_a_save_writes_what_the_document_holds(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("one\n")
    await desk.open("a.txt")
    desk.write("one\ntwo\n")

    assert await desk.saver.save()
    assert (path.read_text(), desk.saver.is_clean) == ("one\ntwo\n", True)


async def test_a_save_of_nothing_new_does_not_touch_the_file(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("one\n")
    await desk.open("a.txt")
    before = path.stat().st_mtime_ns, path.stat().st_ino

    assert await desk.saver.save()
    assert before == (path.stat().st_mtime_ns, path.stat().st_ino)


async def test_line_endings_stay_what_they_were(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_bytes(b"one\r\ntwo\r\n")
    await desk.open("a.txt")
    desk.write("one\ntwo\nthree\n")
    await desk.saver.save()

    assert path.read_bytes() == b"one\r\ntwo\r\nthree\r\n"


async def test_a_change_from_outside_and_an_unsaved_one_are_both_kept(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\nbeta\ngamma\n")
    await desk.open("a.txt")
    desk.write("alpha\nbeta\ngamma\nmine\n")
    path.write_text("outside\nalpha\nbeta\ngamma\n")

    assert await desk.saver.save()
    assert "outside\nalpha\nbeta\ngamma\nmine\n" == desk.content == path.read_text()


async def test_a_look_takes_in_a_change_from_outside_without_writing(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    path.write_text("alpha and more\n")
    before = path.stat().st_mtime_ns
    await eventually_settled(desk)

    assert (desk.content, desk.saver.is_clean) == ("alpha and more\n", True)
    assert before == path.stat().st_mtime_ns


async def test_a_change_from_outside_of_same_size_and_time_is_not_overwritten(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\nbeta\ngamma\ndelta\n")
    await desk.open("a.txt")
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text("alphA\nbeta\ngamma\ndelta\n")
    os.utime(path, ns=times)
    desk.write("alpha\nbeta\ngamma\ndelta\nmine\n")
    assert await desk.saver.save()  # which finds, in the place that it took, what nothing had told of
    assert await desk.saver.save()

    assert path.read_text() == "alphA\nbeta\ngamma\ndelta\nmine\n"


def _code(id_: str, source: str) -> dict[str, Any]:
    return {
        "id": id_,
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def _sources(content: Any) -> list[str]:
    return [cell["source"] for cell in content["cells"]]


async def test_a_cell_that_another_program_brought_back_and_people_took_out_again_stays_out(desk: Desk) -> None:
    path = desk.folder / "a.ipynb"
    path.write_text(json.dumps(notebook(_code("first", "1"), _code("second", "2"))))
    await desk.open("a.ipynb", "json:notebook")
    desk.write(notebook(_code("first", "1")))
    path.write_text(json.dumps(notebook(_code("first", "1"), _code("second", "2, changed"))))
    await eventually_settled(desk)
    brought_back = _sources(desk.content)
    desk.write(notebook(_code("first", "1")))
    path.write_text(json.dumps(notebook(_code("first", "1, changed"), _code("second", "2, changed"))))
    await eventually_settled(desk)

    assert ["1", "2, changed"] == brought_back
    assert ["1, changed"] == _sources(desk.content)


async def test_what_another_program_and_people_took_out_comes_back_when_the_program_brings_it_back(desk: Desk) -> None:
    path = desk.folder / "a.ipynb"
    path.write_text(json.dumps(notebook(_code("first", "1"), _code("second", "2"))))
    await desk.open("a.ipynb", "json:notebook")
    desk.write(notebook(_code("first", "1")))
    path.write_text(json.dumps(notebook(_code("first", "1"))))
    await eventually_settled(desk)
    taken_out = _sources(desk.content)
    path.write_text(json.dumps(notebook(_code("first", "1"), _code("second", "2"))))
    await eventually_settled(desk)

    assert ["1"] == taken_out
    assert ["1", "2"] == _sources(desk.content)


async def test_what_could_not_be_noted_of_one_change_from_outside_is_not_noted_in_place_of_another(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.folder / "a.ipynb"
    both = notebook(_code("first", "1"), _code("second", "2"))
    path.write_text(json.dumps(both))
    await desk.open("a.ipynb", "json:notebook")
    desk.write(notebook(_code("first", "1")))
    path.write_text(json.dumps(notebook(_code("first", "1"))))
    refused = []

    def append(_: Journal, *added: Any) -> None:
        refused.append(added)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(Journal, "append", append)
        async with asyncio.timeout(60):
            while not refused:
                await desk.saver.look()
                await asyncio.sleep(0.02)
    path.write_text(json.dumps(both))
    commit = desk.saver._worker.commit

    async def commit_late(key: str) -> Any:
        path.write_text(json.dumps(notebook(_code("first", "1, changed"), _code("second", "2"))))
        return await commit(key)

    monkeypatch.setattr(desk.saver._worker, "commit", commit_late)
    desk.write(notebook(_code("first", "1"), _code("third", "3")))
    await desk.saver.save()
    monkeypatch.setattr(desk.saver._worker, "commit", commit)
    await desk.crash()
    await desk.open("a.ipynb", "json:notebook")

    assert ["1, changed", "3"] == _sources(desk.content)


async def test_what_cannot_be_merged_is_kept_as_a_version_and_said(desk: Desk) -> None:
    path = desk.folder / "a.ipynb"
    path.write_text(json.dumps(notebook()))
    await desk.open("a.ipynb", "json:notebook")
    path.write_text("<<<<<<< HEAD")
    desk.write(notebook(mine=1))

    assert await desk.saver.save()
    assert 1 == json.loads(path.read_text())["metadata"]["mine"]
    assert [b"<<<<<<< HEAD"] == [
        record.payload for record in records(desk.journal_path) if record.kind is RecordKind.KEPT
    ]
    assert ["Another program wrote something to the file that could not be merged. It is kept among the versions."] == (
        desk.notices
    )


async def test_a_file_that_was_deleted_is_not_made_again(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    desk.write("alpha\nmine\n")
    path.unlink()

    assert not await desk.saver.save()
    assert not path.exists()


async def test_a_save_follows_a_rename(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    await desk.open("a.txt")
    (desk.folder / "a.txt").rename(desk.folder / "b.txt")
    desk.file_ids.move("a.txt", "b.txt")
    desk.write("alpha\nmine\n")
    await desk.saver.look()
    await desk.saver.save()

    assert [path.name for path in desk.folder.glob("*.txt")] == ["b.txt"]
    assert (desk.folder / "b.txt").read_text() == "alpha\nmine\n"


async def test_what_is_due_is_saved_without_being_asked_and_tried_again_after_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.server.rooms.saver.SAVE_AFTER", 0.01)
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    hidden = path.rename(desk.folder.parent / "elsewhere")
    desk.write("alpha\nmine\n")
    (problem,) = await eventually(desk.problems.now)
    hidden.rename(path)
    await eventually(lambda: desk.saver.is_clean)

    assert ("a.txt", "not-saved") == (problem.path, problem.word)
    assert ((), "alpha\nmine\n") == (desk.problems.now(), path.read_text())


async def test_closing_saves_what_is_unsaved(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    desk.write("alpha\nlast words\n")
    await desk.close()

    assert path.read_text() == "alpha\nlast words\n"


async def test_what_was_typed_and_not_saved_is_there_after_a_crash_and_saved_then(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    desk.write("alpha\nmine\n")
    await desk.crash()
    await desk.open("a.txt")

    assert ("alpha\nmine\n", False) == (desk.content, desk.saver.is_clean)
    assert await desk.saver.save()
    assert path.read_text() == "alpha\nmine\n"


async def test_a_change_from_outside_is_taken_in_once_however_often_the_server_crashes(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    desk.write("alpha\nmine\n")
    path.write_text("outside\nalpha\n")
    await eventually_settled(desk)
    for _ in range(2):
        await desk.crash()
        await desk.open("a.txt")

    assert "outside\nalpha\nmine\n" == desk.content
    assert 1 == sum(r.person == OUTSIDE and r.kind is RecordKind.EDIT for r in records(desk.journal_path))


async def test_a_file_that_was_moved_by_other_means_is_followed(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    (desk.folder / "sub").mkdir()
    await desk.open("a.txt")
    (desk.folder / "a.txt").rename(desk.folder / "sub" / "b.txt")
    desk.write("alpha\nmine\n")

    assert await desk.saver.look()
    assert await desk.saver.save()
    assert "alpha\nmine\n" == (desk.folder / "sub" / "b.txt").read_text()
    assert "sub/b.txt" == desk.file_ids.get_path(desk.document.name.file_id)


async def test_a_file_that_is_gone_for_good_is_noticed(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    await desk.open("a.txt")
    (desk.folder / "a.txt").unlink()

    assert [True, False] == [await desk.saver.look(), await desk.saver.look()]


async def test_a_version_is_brought_back_as_an_edit(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    await desk.open("a.txt")
    sequence = desk.journal.next - 1
    desk.write("omega\n")
    await desk.saver.restore(sequence, "id-of-bob")

    assert "alpha\n" == desk.content
    assert "id-of-bob" == [r.person for r in records(desk.journal_path) if r.kind is RecordKind.EDIT][-1]


async def test_a_version_that_does_not_exist_is_not_brought_back(desk: Desk) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    await desk.open("a.txt")

    with pytest.raises(KeyError):
        await desk.saver.restore(4711, "id-of-bob")


async def test_a_journal_is_compacted_while_the_document_is_open(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("")
    await desk.open("a.txt")
    for number in range(200):
        desk.write(f"{number}\n" * number)
    await desk.saver.save()
    desk.document._settings = Settings(path, sync_seconds=1, keep_days=0, keep_bytes=1, forget_after=60)
    before = desk.journal.size
    await desk.document.compact()
    desk.write("after\n")

    assert desk.journal.size < before / 2
    assert await desk.saver.save()
    assert "after\n" == path.read_text()
    await desk.crash()
    await desk.open("a.txt")
    assert ("after\n", True) == (desk.content, desk.saver.is_clean)


async def test_a_disk_that_fails_is_said_to_everybody_until_it_has_everything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk.folder / "a.txt").write_text("alpha\n")
    await desk.open("a.txt")
    desk.document._settings = replace(desk.document._settings, forget_after=0)
    desk.write("alpha\nmine\n")
    attempts = []

    def fail(_: int) -> None:
        attempts.append(None)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as context:
        context.setattr(os, "fdatasync", fail)
        await desk.document.write_through()
        await desk.document.write_through()  # not again at once

        assert ["not-on-disk"] == [problem.word for problem in desk.problems.now()]
        assert 1 == len(attempts)
        assert await desk.saver.save()
        assert not desk.document.may_be_forgotten()

    await asyncio.sleep(desk.document._sync_wait)
    await desk.document.write_through()

    assert () == desk.problems.now()
    assert desk.document.may_be_forgotten()
    await desk.crash()
    await desk.open("a.txt")
    assert ("alpha\nmine\n", True) == (desk.content, desk.saver.is_clean)


async def eventually_settled(desk: Desk) -> None:
    """Wait until the change of the file has been taken in; while it is fresh, a look waits for more of it."""
    async with asyncio.timeout(60):
        before = desk.journal.next
        while desk.journal.next == before:
            await desk.saver.look()
            await asyncio.sleep(0.02)


async def test_cells_that_share_an_id_are_given_ids_of_their_own(desk: Desk) -> None:
    cells = [
        {"id": "same", "cell_type": "markdown", "metadata": {}, "source": source} for source in ("first", "second")
    ]
    (desk.folder / "a.ipynb").write_text(
        json.dumps({"cells": cells[:1], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    await desk.open("a.ipynb", "json:notebook")
    desk.live.apply(_one_more_cell(desk.live.state(), cells[1]), "id-of-alice")

    assert await desk.saver.save()
    assert await desk.saver.save()

    saved = json.loads((desk.folder / "a.ipynb").read_text())

    assert ["".join(cell["source"]) for cell in saved["cells"]] == ["first", "second"]
    assert [cell["id"] for cell in saved["cells"]] == [cell["id"] for cell in desk.content["cells"]]


def _one_more_cell(state: bytes, cell: dict[str, Any]) -> bytes:
    doc: Doc[Any] = Doc()
    document = ydocs["notebook"](doc)
    doc.apply_update(state)
    before = doc.get_state()
    document.append_cell(cell)
    return doc.get_update(before)


async def test_everybody_who_asks_for_a_save_is_answered_once_it_is_done_however_often(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    answers: list[bool] = []
    for number in range(500):
        desk.write(f"alpha\n{number}\n")
        desk.document._answer_save(answers.append)
    before = path.stat().st_ino
    await eventually(lambda: len(answers) == 500)

    assert [True] * 500 == answers
    assert "alpha\n499\n" == path.read_text()
    assert before != path.stat().st_ino
    assert 1 == sum(record.kind is RecordKind.SAVED for record in records(desk.journal_path)) - 1


def _full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_what_is_held_back_is_not_taken_for_saved_and_is_saved_once_it_is_kept(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    with monkeypatch.context() as context:
        context.setattr(desk.journal, "append", _full_disk)
        desk.write("alpha\nmine\n")

        assert not await desk.saver.save()
        assert not desk.saver.is_clean
        assert {"not-kept", "not-saved"} == {problem.word for problem in desk.problems.now()}

    assert await desk.saver.save()
    assert ("alpha\nmine\n", ()) == (path.read_text(), desk.problems.now())


async def test_changes_from_outside_wait_while_anything_is_held_back_and_come_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    with monkeypatch.context() as context:
        context.setattr(desk.journal, "append", _full_disk)
        desk.write("alpha\nmine\n")
        for line in ("FIRST\n", "SECOND\n"):
            path.write_text(line + path.read_text())
            await desk.saver.look()
    await eventually_settled(desk)

    assert await desk.saver.save()
    assert "SECOND\nFIRST\nalpha\nmine\n" == desk.content == path.read_text()


async def test_a_file_that_only_others_change_does_not_make_the_journal_grow_ever_faster(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("")
    await desk.open("a.txt")
    sizes = []
    for number in range(12):
        path.write_text(f"{number}\n" * 5)
        os.utime(path, (1, number))  # long ago: nobody is writing it
        before = desk.journal.size
        await eventually_settled(desk)
        sizes.append(desk.journal.size - before)

    assert sizes[-1] <= sizes[2] + 16
    assert desk.saver.is_clean


async def test_another_file_that_has_the_same_inode_is_not_taken_for_the_one_that_is_gone(desk: Desk) -> None:
    path, other = desk.folder / "a.txt", desk.folder / "b.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    desk.write("alpha\nunsaved\n")
    path.rename(other)  # what ext4 does with an inode that has just become free, on every file system
    other.write_text("quite another file\n")

    assert [True, False] == [await desk.saver.look(), await desk.saver.look()]
    assert not await desk.saver.save()
    assert "quite another file\n" == other.read_text()
