"""The worker as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import SERVER, Mark, RecordKind, encode_mark
from coterie.server.rooms.whereabouts import stamp_of
from coterie.server.rooms.worker import client
from coterie.server.rooms.worker.client import SHARED_UP_TO, Worker, Workers
from coterie.server.rooms.worker.pipe import Pipe
from coterie.server.rooms.worker.results import Gone, Opened, Source, UnknownKey, Unreadable, WorkerDied
from rooms.serving import eventually
from rooms.worker.desk import LIFE, as_bytes, notebook


class Table:
    """Documents in one folder, and their journals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journals: list[Journal] = []

    def source(self, name: str, data: bytes, kind: str = "file") -> Source:
        file = self.folder / name
        file.write_bytes(data)
        return Source(name, file, kind, "text", self.folder / f"{name}.journal", LIFE)

    def journal(self, source: Source, opened: Opened) -> Journal:
        journal = Journal.open(source.journal, size=opened.size, next=opened.next)
        self._journals.append(journal)
        return journal

    def close(self) -> None:
        for journal in self._journals:
            journal.close()


@pytest.fixture
def table(tmp_path: Path) -> Any:
    table = Table(tmp_path)
    yield table
    table.close()


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.close()


def pid(worker: Worker) -> int:
    process = worker._process._process
    assert process is not None
    return process.pid


def typed(opened: Opened, text: str) -> bytes:
    doc: Doc[Text] = Doc()
    doc.apply_update(opened.state)
    before = doc.get_state()
    doc.get("source", type=Text).insert(0, text)
    return doc.get_update(before)


async def test_a_document_is_opened_saved_and_forgotten(worker: Worker, table: Table) -> None:
    source = table.source("a.txt", b"old\n")
    opened = await worker.open_document(source)
    journal = table.journal(source, opened)
    journal.append((RecordKind.EDIT, "ann", typed(opened, "new ")))
    draft = await worker.prepare("a.txt", journal.size)
    mark = Mark(draft.through, (), draft.digest)
    journal.append((RecordKind.SAVING, SERVER, encode_mark(mark)))
    committed = await worker.commit("a.txt")
    journal.append((RecordKind.SAVED, SERVER, encode_mark(mark)))

    assert (b"new old\n", None) == (source.file.read_bytes(), committed.outside)
    assert await worker.take_outside("a.txt", journal.size) is None
    first, edited = await worker.list_versions(source.journal)
    assert b"old\n" == await worker.read_version(source.journal, "file", "text", first.sequence)
    assert ("ann",) == edited.people
    await worker.forget("a.txt")
    with pytest.raises(UnknownKey):
        await worker.prepare("a.txt", journal.size)


async def test_errors_cross_over_and_quote_nothing(worker: Worker, table: Table) -> None:
    source = table.source("a.ipynb", b"secret", "notebook")
    with pytest.raises(Unreadable, match=r"^The file is not a notebook\.$") as refusal:
        await worker.open_document(source)
    assert refusal.value.__cause__ is None
    source.file.unlink()
    with pytest.raises(Gone):
        await worker.open_document(source)
    with pytest.raises(FileNotFoundError):
        await worker.list_versions(source.journal)
    source = table.source("b.txt", b"words")
    await worker.open_document(source)
    with pytest.raises(RuntimeError, match=r"^compact failed with OverflowError$"):
        await worker.compact(source.journal, source.journal.stat().st_size, Keep(days=1e300, bytes=0))
    with pytest.raises(RuntimeError, match=r"^no such call$"):
        await worker.read_version(3, "file", "text", 1)  # type: ignore[arg-type]


async def test_after_a_death_the_next_call_finds_all_as_it_was(worker: Worker, table: Table) -> None:
    source = table.source("a.txt", b"old\n")
    opened = await worker.open_document(source)
    journal = table.journal(source, opened)
    journal.append((RecordKind.EDIT, "ann", typed(opened, "new ")))
    os.kill(pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await worker.prepare("a.txt", journal.size)
    draft = await worker.prepare("a.txt", journal.size)
    await worker.commit("a.txt")

    assert (b"new old\n", 3) == (source.file.read_bytes(), draft.through)


async def test_the_deepest_document_that_a_server_can_hold_is_refused_and_no_other_notices(
    worker: Worker, table: Table
) -> None:
    source = table.source("a.ipynb", as_bytes(notebook("x")), "notebook")
    opened = await worker.open_document(source)
    journal = table.journal(source, opened)
    await worker.start()
    number = pid(worker)
    journal.append((RecordKind.EDIT, "eve", nested(opened, 20_000)))
    with pytest.raises(Unreadable):
        await worker.prepare("a.ipynb", journal.size)

    assert number == pid(worker)


async def test_a_document_that_ends_the_process_does_so_for_no_other(worker: Worker, table: Table) -> None:
    source = table.source("a.ipynb", as_bytes(notebook("x")), "notebook")
    opened = await worker.open_document(source)
    journal = table.journal(source, opened)
    other = table.source("b.txt", b"other\n")
    other_journal = table.journal(other, await worker.open_document(other))
    journal.append((RecordKind.EDIT, "eve", nested(opened, 10_000_000)))
    results = await asyncio.gather(
        worker.prepare("a.ipynb", journal.size),
        worker.prepare("b.txt", other_journal.size),
        worker.list_versions(other.journal),
        return_exceptions=True,
    )

    assert [True, False, False] == [isinstance(result, WorkerDied) for result in results]
    number = pid(worker)
    with pytest.raises(WorkerDied):
        await worker.prepare("a.ipynb", journal.size)
    assert number == pid(worker)


def nested(opened: Opened, depth: int) -> bytes:
    """An update of so many lists one in the other, as nobody's editor makes one."""
    doc: Doc[Any] = Doc()
    doc.apply_update(opened.state)
    before = doc.get_state()
    doc.get("meta", type=Map)["deep"] = [[None]]
    one = bytes((117, 1))  # a list of one element, as lib0 writes it
    return doc.get_update(before).replace(one + one, one * depth)


async def test_a_killed_documents_process_is_ended_with_it(worker: Worker, table: Table) -> None:
    source = table.source("a.txt", b"old\n")
    journal = table.journal(source, await worker.open_document(source))
    os.kill(pid(worker), signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await worker.prepare("a.txt", journal.size)
    await worker.prepare("a.txt", journal.size)
    apart = worker._apart["a.txt"]
    number = pid(apart)
    await worker.forget("a.txt")

    assert apart.is_closed
    assert not _is_running(number)


async def test_a_large_document_has_a_process_of_its_own_for_as_long_as_it_is_open(table: Table) -> None:
    workers = Workers()
    assert workers.for_size(SHARED_UP_TO) is workers.shared
    large = workers.for_size(SHARED_UP_TO + 1)
    assert large is not workers.shared
    source = table.source("a.txt", b"old\n")
    await large.open_document(source)
    number = pid(large)
    await large.forget("a.txt")
    assert not _is_running(number)
    failing = workers.for_size(SHARED_UP_TO + 1)
    with pytest.raises(Gone):
        await failing.open_document(Source("b", table.folder / "b", "file", "text", table.folder / "b.j", LIFE))
    assert failing.is_closed
    await workers.close()


async def test_calls_that_are_given_up_do_not_confuse_those_after_them(worker: Worker, table: Table) -> None:
    source = table.source("a.txt", b"x" * 1_000_000)
    await worker.start()
    opening = asyncio.create_task(worker.open_document(source))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    opened = await worker.open_document(source)

    assert len(opened.state) > 1_000_000


async def test_an_answer_that_cannot_be_received_is_not_given_to_the_next_call(
    worker: Worker, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table.source("a.txt", b"old\n")
    await worker.start()

    def fail(_: Pipe) -> Any:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Pipe, "receive", fail)
        with pytest.raises(MemoryError):
            await worker.find_moved(table.folder, (0, 0, 0, 0), 10)

    assert (await worker.open_document(source)).is_saved


async def test_a_file_that_was_moved_is_found(worker: Worker, table: Table) -> None:
    opened = await worker.open_document(table.source("a.txt", b"old\n"))
    (table.folder / "a.txt").rename(table.folder / "b.txt")

    assert table.folder / "b.txt" == await worker.find_moved(table.folder, opened.stamp, 10)


async def test_files_that_are_missing_at_the_same_time_are_searched_for_together(
    worker: Worker, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.start()
    moved = {}
    for number in range(20):
        file = table.source(f"{number}.txt", b"words").file
        stamp = stamp_of(file)
        moved[stamp] = file.rename(table.folder / f"moved-{number}.txt")
    asked, ask = [], worker._process.ask

    def count(call: str, arguments: Any) -> Any:
        asked.append(call)
        return ask(call, arguments)

    monkeypatch.setattr(worker._process, "ask", count)
    searches = [worker.find_moved(table.folder, stamp, 10) for stamp in (*moved, (0, 0, 0, 0))]

    assert [*moved.values(), None] == await asyncio.gather(*searches)
    assert len(asked) <= 2


async def test_everybody_who_waits_for_a_search_hears_that_it_failed(worker: Worker, table: Table) -> None:
    await worker.start()
    searches = [asyncio.create_task(worker.find_moved(Path("/proc"), (0, 0, 0, 0), 600)) for _ in range(3)]
    await asyncio.sleep(0)
    searches[0].cancel()
    os.kill(pid(worker), signal.SIGKILL)
    results = await asyncio.gather(*searches, return_exceptions=True)

    assert [asyncio.CancelledError, WorkerDied, WorkerDied] == [type(result) for result in results]
    assert await worker.find_moved(table.folder, (0, 0, 0, 0), 10) is None


async def test_who_waits_for_a_search_hears_too_that_what_it_found_could_not_be_looked_at(
    worker: Worker, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.start()

    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(client, "_still_there", fail)
    async with asyncio.timeout(10):
        with pytest.raises(MemoryError):
            await worker.find_moved(table.folder, (0, 0, 0, 0), 10)


async def test_a_process_that_does_not_answer_in_time_is_ended_and_the_next_call_has_another(
    worker: Worker, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table.source("a.txt", b"old\n")
    opened = await worker.open_document(source)
    journal = table.journal(source, opened)
    journal.append((RecordKind.EDIT, "ann", typed(opened, "new ")))
    number = pid(worker)
    os.kill(number, signal.SIGSTOP)
    await eventually(lambda: _state(number) == "T")
    with monkeypatch.context() as patched:
        patched.setattr("coterie.server.rooms.worker.client.ANSWER_WITHIN", 0.05)
        with pytest.raises(WorkerDied):
            await worker.prepare("a.txt", journal.size)

    assert not _is_running(number)
    await worker.prepare("a.txt", journal.size)
    await worker.commit("a.txt")
    assert b"new old\n" == source.file.read_bytes()


async def test_the_larger_a_document_is_the_longer_it_may_take(
    worker: Worker, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.start()
    monkeypatch.setattr("coterie.server.rooms.worker.client.ANSWER_WITHIN", 0)
    monkeypatch.setattr("coterie.server.rooms.worker.client.ANSWER_WITHIN_PER_BYTE", 10)

    assert (await worker.open_document(table.source("a.txt", b"old\n"))).is_saved
    assert 1 == len(await worker.list_versions(table.folder / "a.txt.journal"))


async def test_the_process_ends_with_the_server_whatever_it_is_doing(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from coterie.server.rooms.worker.client import Worker
from pathlib import Path
async def main():
    worker = Worker()
    await worker.start()
    print(worker._process._process.pid, flush=True)
    await worker.find_moved(Path("/proc"), (0, 0, 0, 0), 600)
asyncio.run(main())
"""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert server.stdout is not None
    number = int(await server.stdout.readline())
    server.kill()
    await server.wait()

    await eventually(lambda: not _is_running(number))


async def test_signals_to_all_processes_do_not_end_it(worker: Worker, table: Table) -> None:
    await worker.start()
    number = pid(worker)
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGIO):
        os.kill(number, signal_)
    await worker.start()

    assert number == pid(worker)


async def test_what_is_held_stays_open_as_long_as_the_process_runs() -> None:
    reading, writing = os.pipe()
    worker = Worker([writing])
    await worker.start()
    os.close(writing)
    os.set_blocking(reading, False)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)
    await worker.close()

    assert b"" == os.read(reading, 1)
    os.close(reading)


def test_the_process_loads_no_part_of_the_server_but_its_own() -> None:
    code = """
import sys
from coterie.server.rooms.worker import process
process.be_ready()
heavy = {"tornado", "jupyter_server", "jupyter_ydoc", "httpx", "jupyterhub", "lark", "sqlalchemy", "ipykernel"}
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items() if module} & heavy))
"""
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert [] == result.stdout.split()


def test_the_process_logs_no_secrets() -> None:
    code = """
import logging, runpy
from coterie.server.rooms.worker import process
process.run = lambda number: logging.warning("%d token=canary", number)
runpy.run_module("coterie.server.rooms.worker", run_name="__main__")
"""
    result = subprocess.run([sys.executable, "-I", "-c", code, "7"], capture_output=True, text=True, check=True)

    assert "WARNING:root:7 token=[hidden]" == result.stderr.strip()


async def test_frames_of_any_size_come_through_a_pipe() -> None:
    ours, theirs = (Pipe(end) for end in socket.socketpair())
    frames: tuple[tuple[int, Any, list[bytes]], ...] = (
        (0, None, []),
        (1, "x" * 100, [b"y"]),
        (2**64 - 1, ["z" * 300_000], [bytes(5_000_000), b"", b"z"]),
    )
    for frame in frames:
        sending = asyncio.to_thread(ours.send, *frame)
        _, received = await asyncio.gather(sending, asyncio.to_thread(theirs.receive))
        assert frame == received
    ours.close()
    with pytest.raises(EOFError):
        theirs.receive()
    theirs.close()


async def test_a_document_keeps_its_cells_on_the_way(worker: Worker, table: Table) -> None:
    source = table.source("a.ipynb", as_bytes(notebook(*"abcdef")), "notebook")
    opened = await worker.open_document(source)
    doc: Doc[Any] = Doc()
    doc.apply_update(opened.state)

    assert list("abcdef") == [str(cell["source"]) for cell in doc.get("cells", type=Array)]


def _is_running(number: int) -> bool:
    try:
        return _state(number) != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _state(number: int) -> str:
    """The letter that proc_pid_stat(5) has for it."""
    return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
