"""Journal and file after all that can happen while nobody looks, and in the middle of things."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie.server.rooms.journal.reading import outlines
from coterie.server.rooms.journal.records import OUTSIDE, Mark, RecordKind
from coterie.server.rooms.worker import placing, process
from coterie.server.rooms.worker.kinds import kind_of
from coterie.server.rooms.worker.mirror import Mirror
from coterie.server.rooms.worker.results import Denied, Gone, NotSettled, Outside, Unreadable
from rooms.worker.desk import LIFE, Desk, as_bytes, code, notebook

TEXT = "alpha\nbeta\ngamma\n"


def kinds(desk: Desk) -> list[tuple[RecordKind, str]]:
    return [(outline.kind, outline.person) for outline in outlines(desk.source.journal)]


def words(desk: Desk) -> list[str]:
    opened = desk.open()
    return [remark.word for remark in opened.remarks]


def test_a_document_without_a_journal_is_made_from_its_file(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    opened = desk.open()

    assert (TEXT, True, LIFE, ()) == (desk.content, opened.is_saved, opened.life, opened.remarks)
    assert [(RecordKind.BASE, OUTSIDE), (RecordKind.SAVED, "")] == kinds(desk)
    assert (placing.digest(TEXT.encode()), desk.file.stat().st_size) == (opened.digest, opened.stamp[3])


def test_a_document_goes_on_with_its_life_and_what_was_typed(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.crash()
    desk.source = desk.source.__class__("key", desk.file, "file", "text", desk.source.journal, "f" * 32)
    opened = desk.open()

    assert (TEXT + "typed\n", False, LIFE, ()) == (desk.content, opened.is_saved, opened.life, opened.remarks)
    assert TEXT == desk.file.read_text()


def test_what_was_saved_is_known_to_be(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.save()
    desk.crash()

    assert desk.open().is_saved
    assert TEXT + "typed\n" == desk.content == desk.file.read_text()


def test_a_change_of_the_file_and_unsaved_edits_are_brought_together(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.crash()
    desk.file.write_text("outside\n" + TEXT)

    assert ["outside-merged"] == words(desk)
    assert "outside\n" + TEXT + "typed\n" == desk.content
    desk.crash()
    assert [] == words(desk)
    assert "outside\n" + TEXT + "typed\n" == desk.content


def test_a_file_that_only_looks_different_changes_nothing(desk: Desk) -> None:
    desk.named("a.ipynb", "notebook").file.write_bytes(as_bytes(notebook("x")))
    desk.open()
    desk.crash()
    desk.file.write_text(json.dumps(notebook("x")))
    opened = desk.open()

    assert (True, ()) == (opened.is_saved, opened.remarks)
    assert (RecordKind.AGREED, "") == kinds(desk)[-1]


@pytest.mark.parametrize("kind", ["file", "notebook"])
def test_a_crash_after_any_byte_of_taking_a_change_in_neither_doubles_nor_loses_it(desk: Desk, kind: str) -> None:
    def content(*lines: str) -> bytes:
        return as_bytes(notebook(*lines)) if kind == "notebook" else "".join(f"{line}\n" for line in lines).encode()

    desk.named("a", kind).file.write_bytes(content("alpha", "beta"))
    desk.open()
    desk.type(desk.kind.parse(content("alpha", "beta typed")))
    desk.crash()
    before = desk.source.journal.read_bytes()
    desk.file.write_bytes(content("alpha outside", "beta"))
    desk.open()
    desk.crash()
    after = desk.source.journal.read_bytes()
    assert before == after[: len(before)]

    for size in range(len(before), len(after)):
        desk.source.journal.write_bytes(after[:size])
        desk.open()
        found = desk.content
        desk.crash()
        desk.open()
        assert [content("alpha outside", "beta typed")] * 2 == [
            desk.kind.write(value, False) for value in (found, desk.content)
        ]
        desk.crash()


def test_a_crash_after_any_byte_of_the_first_journal_begins_anew(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.crash()
    whole = desk.source.journal.read_bytes()
    for size in range(len(whole)):
        desk.source.journal.write_bytes(whole[:size])
        desk.open()
        assert TEXT == desk.content
        desk.type(TEXT + "typed\n")
        desk.save()
        assert TEXT + "typed\n" == desk.file.read_text()
        desk.file.write_text(TEXT)
        desk.crash()


def test_a_torn_end_is_said_and_the_rest_goes_on(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "one\n")
    size = desk.open_journal.size
    desk.type(TEXT + "one\ntwo\n")
    desk.crash()
    os.truncate(desk.source.journal, size + 5)

    assert ["journal-cut"] == words(desk)
    assert TEXT + "one\n" == desk.content


def test_a_journal_whose_beginning_is_damaged_is_kept_and_another_begun(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.crash()
    desk.source.journal.write_bytes(b"no journal")

    assert ["journal-damaged"] == words(desk)
    assert TEXT == desk.content
    assert [b"no journal"] == [path.read_bytes() for path in desk.source.journal.parent.glob("*.damaged-*")]


@pytest.mark.parametrize("next_life", ["f" * 32, LIFE])
def test_a_journal_that_lost_something_in_its_middle_goes_on_with_another_life(desk: Desk, next_life: str) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    kept = TEXT + "what was typed before the damage is not doubled\n"
    desk.type(kept)
    desk.type(kept + "DAMAGED\n")
    desk.type(kept + "DAMAGED\ntwo\n")
    desk.save()
    desk.crash()
    damaged = desk.source.journal.read_bytes().replace(b"DAMAGED", b"DAMAGEd")
    desk.source.journal.write_bytes(damaged)
    desk.source = replace(desk.source, life=next_life)
    opened = desk.open()

    assert LIFE != opened.life
    assert next_life in (opened.life, LIFE)
    assert kept + "DAMAGED\ntwo\n" == desk.content == desk.file.read_text()
    assert [damaged] == [path.read_bytes() for path in desk.source.journal.parent.glob("*.damaged-*")]
    assert [(RecordKind.BASE, OUTSIDE), (RecordKind.SAVED, ""), (RecordKind.EDIT, "ann")] == kinds(desk)[:3]
    desk.crash()
    assert (opened.life, ()) == ((again := desk.open()).life, again.remarks)


@pytest.mark.parametrize("has_journal", [True, False])
def test_a_file_on_a_read_only_disk_can_be_opened(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, has_journal: bool
) -> None:
    desk.file.write_text(TEXT)
    if has_journal:
        desk.open()
        desk.type(TEXT + "typed\n")
        desk.crash()
        desk.file.write_text("outside\n" + TEXT)
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.parent == desk.folder:
            raise OSError(errno.EROFS, "read-only")
        real(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        desk.open()
        process.forget(desk.source.key)

    assert ("outside\n" + TEXT + "typed\n" if has_journal else TEXT) == desk.content


def test_a_row_of_saves_that_failed_is_not_gone_through_to_its_beginning(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    for number in range(10):
        desk.type(TEXT + f"typed {number}\n")
        draft = desk.prepare()
        desk.note(RecordKind.SAVING, Mark(draft.through, (), draft.digest))
    desk.crash()
    desk.file.write_text("outside\n" + TEXT)
    asked: list[Mark | None] = []
    real = Mirror.of_file

    def of_file(mirror: Mirror, found: placing.Found, base: Mark | None) -> Outside:
        asked.append(base)
        return real(mirror, found, base)

    monkeypatch.setattr(Mirror, "of_file", of_file)
    desk.open()

    assert 5 == len(asked)
    assert "outside\n" + TEXT + "typed 9\n" == desk.content


# --- Saves that were cut short ---------------------------------------------------------------------------------------


class PowerCut(BaseException):
    pass


STEPS = [
    (owner, name, is_before)
    for owner, name in (
        (Path, "replace"),
        (placing, "_exchange"),
        (placing, "sync_folder"),
        (Path, "read_bytes"),
        (Path, "unlink"),
    )
    for is_before in (True, False)
]


def cut_short(desk: Desk, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, is_before: bool) -> bool:
    """Commit what is prepared, but only up to a step. Answers whether the step was come to."""
    real = getattr(owner, name)

    def cut(*arguments: Any, **options: Any) -> None:
        if not is_before:
            real(*arguments, **options)
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, cut)
        try:
            process.commit(desk.source)
        except PowerCut:
            return True
    return False


@pytest.mark.parametrize("outside", [None, "zero\n" + TEXT, TEXT.replace("beta", "BETA")])
@pytest.mark.parametrize(("owner", "name", "is_before"), STEPS)
@pytest.mark.parametrize("is_server_cut", [True, False])
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_save_that_is_cut_short_at_any_step_neither_doubles_nor_loses_anything(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    outside: str | None,
    owner: Any,
    name: str,
    is_before: bool,
    is_server_cut: bool,
    can_exchange: bool,
) -> None:
    if not can_exchange:
        cannot = OSError(placing._CANNOT_EXCHANGE[0], "cannot")
        monkeypatch.setattr(placing, "_exchange", lambda *_: (_ for _ in ()).throw(cannot))
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    draft = desk.prepare()
    desk.note(RecordKind.SAVING, Mark(draft.through, (), draft.digest))
    if outside is not None:
        desk.file.write_text(outside)
    cut_short(desk, monkeypatch, owner, name, is_before)
    if is_server_cut:
        desk.crash()
        desk.open()
    else:
        process._mirrors.clear()
        desk.look()
    expected = (outside or TEXT) + "typed\n"
    for _ in range(2):
        assert expected == desk.content
        desk.save()
        assert expected == desk.file.read_text()
        assert [] == list(desk.folder.glob(".~*"))
        desk.crash()
        desk.open()


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("is_server_cut", [True, False])
def test_what_lies_in_the_files_place_and_beside_it_is_merged_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, has_links: bool, is_server_cut: bool
) -> None:
    """Where files cannot change places, a save can end between putting a second name to the file and replacing it."""

    def cannot(*_: Any) -> None:
        raise OSError(placing._CANNOT_EXCHANGE[0], "cannot")

    monkeypatch.setattr(placing, "_exchange", cannot)
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", cannot)
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    draft = desk.prepare()
    desk.note(RecordKind.SAVING, Mark(draft.through, (), draft.digest))
    desk.file.write_text("zero\n" + TEXT)
    real = Path.replace

    def cut(path: Path, target: Path) -> Path:
        if target == desk.file:
            raise PowerCut
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(PowerCut):
            process.commit(desk.source)
    assert 2 == len(list(desk.folder.glob(".~*")))
    if is_server_cut:
        desk.crash()
        desk.open()
    else:
        desk.look()
    for _ in range(2):
        assert "zero\n" + TEXT + "typed\n" == desk.content
        desk.save()
        assert "zero\n" + TEXT + "typed\n" == desk.file.read_text()
        assert [] == list(desk.folder.glob(".~*"))
        desk.crash()
        desk.open()


@pytest.mark.parametrize("records_after", [0, 1, 2])
def test_a_change_that_a_save_met_is_merged_once_wherever_the_server_ends_after_it(
    desk: Desk, records_after: int
) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    draft = desk.prepare()
    mark = Mark(draft.through, (), draft.digest)
    desk.note(RecordKind.SAVING, mark)
    desk.file.write_text("zero\n" + TEXT)
    committed = process.commit(desk.source)
    assert committed.outside is not None
    if records_after > 0:
        desk.note(RecordKind.SAVED, mark)
    if records_after > 1:
        desk.merge(committed.outside)
    desk.crash()
    for _ in range(2):
        opened = desk.open()
        assert "zero\n" + TEXT + "typed\n" == desk.content
        assert not opened.is_saved
        assert [] == list(desk.folder.glob(".~*"))
        desk.crash()
    desk.open()
    desk.save()
    assert "zero\n" + TEXT + "typed\n" == desk.file.read_text()


def test_what_a_save_that_was_cut_short_met_is_dropped_if_it_brings_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.named("a.ipynb", "notebook").file.write_bytes(as_bytes(notebook("alpha\n")))
    desk.open()
    desk.type(notebook("alpha\n", "typed\n"))
    draft = desk.prepare()
    desk.note(RecordKind.SAVING, Mark(draft.through, (), draft.digest))
    desk.file.write_text(json.dumps(notebook("alpha\n")))  # in another form
    assert cut_short(desk, monkeypatch, placing, "sync_folder", True)
    for _ in range(2):
        desk.crash()
        opened = desk.open()
        assert (True, ()) == (opened.is_saved, opened.remarks)
        assert desk.kind.write(desk.content, False) == desk.file.read_bytes()
        assert [] == list(desk.folder.glob(".~*"))


def test_a_draft_that_was_never_committed_is_swept_away(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.prepare()
    desk.crash()
    assert 1 == len(list(desk.folder.glob(".~*")))
    desk.open()

    assert [] == list(desk.folder.glob(".~*"))
    assert TEXT + "typed\n" == desk.content


def test_a_file_changed_once_more_after_a_save_that_was_cut_short_goes_on_from_the_save(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    draft = desk.prepare()
    desk.note(RecordKind.SAVING, Mark(draft.through, (), draft.digest))
    assert cut_short(desk, monkeypatch, placing, "sync_folder", False)
    desk.crash()
    desk.file.write_text("zero\n" + TEXT + "typed\n")
    desk.open()

    assert "zero\n" + TEXT + "typed\n" == desk.content


def test_what_a_lost_journal_left_beside_the_file_is_kept_as_a_version(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    outcast = placing.Place(desk.file, desk.source.key).outcast
    outcast.write_text("of nobody knows when")

    assert ["outside-kept"] == words(desk)
    assert b"of nobody knows when" == process.read_version(desk.source.journal, "file", 3)
    assert not outcast.exists()


# --- Files that cannot be opened ------------------------------------------------------------------------------------


def test_a_deleted_file_is_gone_and_is_not_made_again(desk: Desk) -> None:
    desk.file.write_text(TEXT)
    desk.open()
    desk.type(TEXT + "typed\n")
    desk.crash()
    desk.file.unlink()

    with pytest.raises(Gone):
        desk.open()
    assert not desk.file.exists()
    assert desk.source.journal.exists()


def test_a_file_that_cannot_be_read_as_its_kind_is_refused_and_its_journal_stays(desk: Desk) -> None:
    desk.named("a.ipynb", "notebook").file.write_bytes(as_bytes(notebook("x")))
    desk.open()
    desk.crash()
    before = desk.source.journal.read_bytes()
    desk.file.write_text("<<<<<<< HEAD\n")

    with pytest.raises(Unreadable):
        desk.open()
    assert before == desk.source.journal.read_bytes()


def test_text_that_is_not_utf8_is_refused(desk: Desk) -> None:
    desk.file.write_bytes(b"caf\xe9")

    with pytest.raises(Unreadable):
        desk.open()
    assert not desk.source.journal.exists()


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)])
def test_what_is_no_file_is_refused_at_once(desk: Desk, make: Any) -> None:
    make(desk.file)

    with pytest.raises((Unreadable, IsADirectoryError)):
        desk.open()


def test_no_permission_is_denied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file.write_text(TEXT)

    def refuse(*_: Any) -> int:
        raise PermissionError(13, "no")

    monkeypatch.setattr(placing, "_open_regular", refuse)
    with pytest.raises(Denied):
        desk.open()


def test_a_file_that_somebody_is_writing_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "QUIET", 60.0)
    desk.file.write_text("half")
    writer = desk.file.open("a")
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        writer.write(" and half")
        writer.close()

    monkeypatch.setattr("coterie.server.rooms.worker.opening.time.sleep", wait)
    desk.open()

    assert ("half and half", 1) == (desk.content, len(waited))


# --- A long run ------------------------------------------------------------------------------------------------------


class _Lines:
    """What there should be, line by line: each has a name of its own."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"line {self.count}\n"


@pytest.mark.timeout(3600)  # in full length
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["file", "notebook"])
def test_whatever_happens_in_whatever_order_no_line_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    desk = Desk(tmp_path_factory.mktemp("desk"), "a", kind)
    lines = _Lines()
    expected = {lines.new(), lines.new()}
    desk.file.write_bytes(_content(kind, sorted(expected)))
    desk.open()

    def insert(content: bytes) -> bytes:
        """A new line somewhere, as anybody may write one."""
        found = _lines(kind, content)
        line = lines.new()
        expected.add(line)
        found.insert(data.draw(st.integers(0, len(found))), line)
        return _content(kind, found, content)

    for action in data.draw(st.lists(st.sampled_from("tttooslcdDp"), max_size=25)):
        match action:
            case "t":  # somebody types
                desk.type(desk.kind.parse(insert(desk.kind.write(desk.content, False))))
            case "o":  # somebody writes to the file
                desk.file.write_bytes(insert(desk.file.read_bytes()))
            case "s":
                with_retry(desk.save, desk)
            case "l":
                desk.look()
            case "c":  # the server ends
                desk.crash()
                desk.open()
            case "d":  # the worker ends
                process._mirrors.clear()
            case "D":  # the worker ends between two steps of a save
                with_retry(desk.prepare, desk)
                process._mirrors.clear()
            case "p":  # a save meets a change from outside
                _save_meeting(desk, lambda: desk.file.write_bytes(insert(desk.file.read_bytes())))
    desk.look()
    with_retry(desk.save, desk)
    for _ in range(2):
        assert sorted(expected) == sorted(_lines(kind, desk.kind.write(desk.content, False)))
        assert sorted(expected) == sorted(_lines(kind, desk.file.read_bytes()))
        desk.crash()
        desk.open()
    desk.crash()


def with_retry(act: Any, desk: Desk) -> None:
    try:
        act()
    except NotSettled:
        desk.look()
        act()


def _save_meeting(desk: Desk, write: Any) -> None:
    draft = desk.prepare()
    if draft.is_on_disk:
        return
    mark = Mark(draft.through, (), draft.digest)
    desk.note(RecordKind.SAVING, mark)
    write()
    committed = process.commit(desk.source)
    desk.note(RecordKind.SAVED, mark)
    assert committed.outside is not None
    desk.merge(committed.outside)


def _content(kind: str, lines: list[str], before: bytes = b"") -> bytes:
    if kind == "file":
        return "".join(lines).encode()
    ids = {}
    if before:
        ids = {cell["source"]: cell["id"] for cell in kind_of(kind).parse(before)["cells"]}
    return as_bytes(notebook() | {"cells": [code(ids.get(line, f"id-{line.split()[1]}"), line) for line in lines]})


def _lines(kind: str, content: bytes) -> list[str]:
    if kind == "file":
        return content.decode().splitlines(keepends=True)
    return [cell["source"] for cell in kind_of(kind).parse(content)["cells"]]
