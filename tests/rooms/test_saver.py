"""Saving and changes from outside, with real files, the real contents manager and real file ids."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupyter_server_fileid.manager import ArbitraryFileIdManager

from coterie.server.rooms import documents
from coterie.server.rooms.file import DocumentFile
from coterie.server.rooms.live import LiveDocument
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.saver import Saver
from rooms.serving import eventually


class Desk:
    """One document, its file and its saver."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents = AsyncLargeFileManager(root_dir=str(folder), delete_to_trash=False)
        self.file_ids = ArbitraryFileIdManager(root_dir=str(folder), db_path=str(folder / ".ids.db"))
        self.writes = 0

    async def open(self, path: str, kind: str = "text:file") -> None:
        format_, type_ = kind.split(":")
        self.name = DocumentName(format_, type_, self.file_ids.index(path))
        self.file = DocumentFile(self.name, self.contents, self.file_ids)
        state = documents.build(type_, await self.file.load())
        self.live = LiveDocument(type_, state, on_update=lambda _: None, on_change=lambda: self.saver.changed())
        self.saver = Saver(self.live, self.file, state, logging.getLogger("test"))

    def write(self, content: Any) -> None:
        """Make the document hold *content*, as somebody who types."""
        self.live.apply(documents.difference(self.name.type, self.live.state(), content).update)

    @property
    def content(self) -> Any:
        return documents.read(self.name.type, self.live.state()).content


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.live.close()
    desk.file_ids.con.close()


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
    await desk.saver.look()

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
    await desk.saver.save()

    assert path.read_text() == "alphA\nbeta\ngamma\ndelta\nmine\n"


async def test_a_file_that_cannot_be_read_any_more_is_not_overwritten_and_the_save_fails(desk: Desk) -> None:
    path = desk.folder / "a.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    await desk.open("a.ipynb", "json:notebook")
    path.write_text("<<<<<<< HEAD")
    desk.write({"cells": [], "metadata": {"mine": 1}, "nbformat": 4, "nbformat_minor": 5})

    assert not await desk.saver.save()
    assert (path.read_text(), desk.saver.is_clean) == ("<<<<<<< HEAD", False)


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
    running = asyncio.create_task(desk.saver.run())
    hidden = path.rename(desk.folder / "elsewhere")
    desk.write("alpha\nmine\n")
    await eventually(lambda: desk.saver._failing)
    hidden.rename(path)
    await eventually(lambda: desk.saver.is_clean)
    desk.saver.stop()
    await running

    assert path.read_text() == "alpha\nmine\n"


async def test_stopping_saves_what_is_unsaved(desk: Desk) -> None:
    path = desk.folder / "a.txt"
    path.write_text("alpha\n")
    await desk.open("a.txt")
    running = asyncio.create_task(desk.saver.run())
    desk.write("alpha\nlast words\n")
    desk.saver.stop()
    await running

    assert path.read_text() == "alpha\nlast words\n"


async def test_cells_that_share_an_id_are_given_ids_of_their_own(desk: Desk) -> None:
    cells = [
        {"id": "same", "cell_type": "markdown", "metadata": {}, "source": source} for source in ("first", "second")
    ]
    (desk.folder / "a.ipynb").write_text(
        json.dumps({"cells": cells[:1], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    await desk.open("a.ipynb", "json:notebook")
    desk.live.apply(_one_more_cell(desk.live.state(), cells[1]))

    with pytest.warns(UserWarning, match="Non-unique cell ID"):
        assert await desk.saver.save()
    assert await desk.saver.save()

    saved = json.loads((desk.folder / "a.ipynb").read_text())

    assert ["".join(cell["source"]) for cell in saved["cells"]] == ["first", "second"]
    assert [cell["id"] for cell in saved["cells"]] == [cell["id"] for cell in desk.content["cells"]]


def _one_more_cell(state: bytes, cell: dict[str, Any]) -> bytes:
    from jupyter_ydoc import YNotebook
    from pycrdt import Doc

    doc = Doc()
    document = YNotebook(doc)
    doc.apply_update(state)
    before = doc.get_state()
    document.append_cell(cell)
    return doc.get_update(before)
