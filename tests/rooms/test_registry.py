"""Documents come and go: forgotten, deleted, moved, and found again where they were."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from coterie.server.rooms.journal.folder import JournalFolder
from coterie.server.rooms.registry import CannotJoin, Rooms
from coterie.server.rooms.settings import Settings
from coterie.server.rooms.worker.client import Worker
from coterie.server.rooms.worker.results import NotSettled, Source, WorkerDied
from rooms.serving import Server, eventually


@pytest.fixture
def impatient(server: Server) -> Server:
    server.rooms._settings = replace(server.rooms._settings, forget_after=0)
    return server


async def test_a_document_that_nobody_is_in_is_let_go_of_and_goes_on_where_it_was(impatient: Server) -> None:
    (impatient.root / "a.txt").write_text("start\n")
    alice = await impatient.open("a.txt")
    session = await impatient.session("a.txt", "alice", "editor")
    alice.type("one ")
    await alice.synchronise()
    await alice.socket.close()
    await eventually(lambda: not impatient.rooms._open)

    assert "one start\n" == (impatient.root / "a.txt").read_text()

    alice.type("two ")  # without a connection
    again = await impatient.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}")
    again.doc.apply_update(alice.doc.get_update())
    await again.synchronise()
    bob = await impatient.open("a.txt", "bob")

    assert "two one start\n" == bob.text
    assert session == await impatient.session("a.txt", "bob", "editor")


async def test_who_is_in_a_document_whose_file_is_deleted_is_told_and_out(impatient: Server) -> None:
    path = impatient.root / "a.txt"
    path.write_text("start\n")
    alice = await impatient.open("a.txt")
    path.unlink()
    code, reason = await alice.closed()

    assert (1003, "deleted", "The file was deleted.") == (
        code,
        json.loads(reason)["code"],
        json.loads(reason)["errorReason"],
    )
    assert not path.exists()

    session = await impatient.connect(f"text:file:{impatient.rooms.file_ids.get_id('a.txt')}?sessionId=x")
    assert 1003 == (await session.closed())[0]


async def test_a_file_that_comes_back_brings_what_was_not_saved(impatient: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("coterie.server.rooms.saver.SAVE_AFTER", 60)
    path = impatient.root / "a.txt"
    path.write_text("start\n")
    alice = await impatient.open("a.txt")
    alice.type("unsaved ")
    await alice.synchronise()
    path.unlink()
    await alice.closed()
    path.write_text("start\nfrom git\n")
    bob = await impatient.open("a.txt", "bob")

    assert "unsaved start\nfrom git\n" == bob.text


async def test_a_file_that_was_renamed_by_other_means_is_still_the_same_document(impatient: Server) -> None:
    (impatient.root / "a.txt").write_text("start\n")
    alice = await impatient.open("a.txt")
    (impatient.root / "a.txt").rename(impatient.root / "b.txt")
    await eventually(lambda: alice.document.path == "b.txt")
    alice.type("after ")

    assert "success" == await alice.save()
    assert "after start\n" == (impatient.root / "b.txt").read_text()
    assert not (impatient.root / "a.txt").exists()


async def test_a_process_that_has_died_unasked_keeps_nobody_from_opening_a_document(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    shared = (await server.rooms.start()).shared
    await shared.start()
    assert shared._process._process is not None
    shared._process._process.kill()
    alice = await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}")
    await alice.synchronise()

    assert "start\n" == alice.text


async def test_a_document_of_which_the_process_dies_again_is_refused(server: Server, monkeypatch: Any) -> None:
    asked = []

    async def die(_: Worker, source: Source) -> Any:
        asked.append(source)
        raise WorkerDied("The process has ended.")

    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    monkeypatch.setattr(Worker, "open_document", die)
    code, _ = await (await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}")).closed()

    assert (4500, 2) == (code, len(asked))


async def test_of_a_document_that_cannot_be_opened_nothing_stays_open(server: Server, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no memory")

    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    room = f"text:file:{session['fileId']}?sessionId={session['sessionId']}"
    with monkeypatch.context() as context:
        context.setattr("coterie.server.rooms.registry.OpenDocument", fail)
        code, _ = await (await server.connect(room)).closed()

    assert 4500 == code
    assert {} == (await server.rooms.start()).shared._sources
    assert [] == [path for path in open_files() if path.match(f"journal/{session['fileId']}.*")]
    assert "start\n" == (await server.open("a.txt")).text


def open_files() -> list[Path]:
    found = []
    for handle in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of this very look
            found.append(handle.readlink())
    return found


async def test_a_large_file_that_is_being_written_is_waited_for_as_a_small_one_is(
    server: Server, monkeypatch: Any
) -> None:
    (server.root / "a.txt").write_text("start\n")
    tries: list[str] = []
    ask_about = Worker._ask_about

    async def be_busy_once(worker: Worker, key: str, call: str, *arguments: Any) -> Any:
        tries.append(call)
        if len(tries) == 1:
            raise NotSettled
        return await ask_about(worker, key, call, *arguments)

    monkeypatch.setattr("coterie.server.rooms.worker.client.SHARED_UP_TO", 0)
    monkeypatch.setattr(Worker, "_ask_about", be_busy_once)

    assert "start\n" == (await server.open("a.txt")).text
    assert ["open_document"] * 2 == tries


async def test_rooms_that_were_closed_before_they_had_the_journals_say_so(tmp_path: Path) -> None:
    others = JournalFolder(tmp_path)
    await others.claim(0)
    rooms = Rooms({}, logging.getLogger("test"), Settings(tmp_path, 1, 1, 1, 1))
    rooms.start()
    await rooms.close()
    with pytest.raises(CannotJoin):
        rooms.start()

    others.release()


async def test_journals_that_another_server_has_are_waited_for(server: Server, monkeypatch: Any) -> None:
    await server.rooms.start()  # and let go of, as if it were the other's
    server.rooms._journals.release()
    workers = await server.rooms._workers
    await workers.close()
    server.rooms._workers = None
    monkeypatch.setattr("coterie.server.rooms.registry.CLAIM_WITHIN", 0)
    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    room = f"text:file:{session['fileId']}?sessionId={session['sessionId']}"
    lock = os.open(server.rooms._journals.path / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    assert 4500 == (await (await server.connect(room)).closed())[0]

    os.close(lock)

    alice = await server.connect(room)
    await alice.synchronise()

    assert "start\n" == alice.text


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
async def test_a_file_that_is_open_by_one_name_is_not_opened_by_another(server: Server, link: Any) -> None:
    (server.root / "a.txt").write_text("start\n")
    link(server.root / "b.txt", server.root / "a.txt")
    alice = await server.open("a.txt")
    session = await server.session("b.txt", "bob", "editor")
    bob = await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}", "bob")
    code, reason = await bob.closed()

    assert (1003, "open-elsewhere") == (code, json.loads(reason)["code"])

    await alice.close()


async def test_a_server_that_stops_sends_everybody_away_before_it_saves(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    alice.type("last ")
    await alice.synchronise()
    await server.rooms.close()

    assert 1001 == (await alice.closed())[0]
    assert "last start\n" == (server.root / "a.txt").read_text()

    session = await server.session("a.txt", "bob", "editor")
    with pytest.raises(InvalidStatus) as refusal:
        await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}", "bob")
    assert 503 == refusal.value.response.status_code


async def test_one_failure_beside_the_rooms_does_not_end_what_goes_on(server: Server, monkeypatch: Any) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    failures = []

    def fail(*_: Any) -> None:
        failures.append(None)
        raise RuntimeError("the database is locked")

    with monkeypatch.context() as context:
        context.setattr("coterie.server.rooms.registry._stamps", fail)
        await eventually(lambda: failures)
    (server.root / "a.txt").write_text("start\nfrom outside\n")
    await eventually(lambda: "from outside" in alice.text)
