"""Somebody who got hold of the worker's end of the socket answers in its place: a stranger to the server's process."""

from __future__ import annotations

import json
import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.whereabouts import stamp_of
from coterie.server.rooms.worker import client, pipe
from coterie.server.rooms.worker.client import Worker
from coterie.server.rooms.worker.pipe import MAX_DATA, MAX_ROWS, MAX_ROWS_SIZE, Pipe
from coterie.server.rooms.worker.results import Source, WorkerDied
from rooms.worker.desk import LIFE


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.close()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    file = tmp_path / "a.txt"
    file.write_bytes(b"words\n")
    return Source("a", file, "file", "text", tmp_path / "a.journal", LIFE)


def stand_in(worker: Worker, answer: bytes) -> socket.socket:
    """Answer the next call in the place of a process. The end stays open: the server must not wait for it to close."""
    ours, theirs = socket.socketpair()
    if worker._process._pipe is not None:
        worker._process._pipe.close()
    worker._process._pipe = Pipe(ours)
    theirs.sendall(answer)
    return theirs


def front(number: int, size: int, rows: int) -> bytes:
    return struct.pack(">4sQIB", b"cote", number, size, rows)


def frame(plain: Any, *rows: bytes, number: int = 1) -> bytes:
    """As ``pipe`` says, with whatever in it."""
    data = plain if isinstance(plain, bytes) else json.dumps(plain).encode()
    lengths = b"".join(struct.pack(">Q", len(row)) for row in rows)
    return front(number, len(data), len(rows)) + lengths + data + b"".join(rows)


class Hostile:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def hostile(mark: Path) -> bytes:
    return pickle.dumps(Hostile(mark))


FRAMES: dict[str, Callable[[Path], bytes]] = {
    "a pickle": hostile,
    "a pickle in a frame": lambda mark: frame(hostile(mark)),
    "a pickle beside an answer": lambda mark: frame(["answer", 0], hostile(mark)),
    "a pickle with the two lengths that once came first": lambda mark: (
        struct.pack(">QQ", len(hostile(mark)), 0) + hostile(mark)
    ),
    "garbage": lambda _: bytes(range(256)) * 8,
    "a frame of another program": lambda _: b"x" + front(1, 2, 0)[1:] + b"[]",
    "zeros": lambda _: bytes(64),
    "data longer than there is": lambda _: front(1, MAX_DATA + 1, 0),
    "more rows than there are": lambda _: front(1, 2, MAX_ROWS + 1),
    "a row longer than there is": lambda _: front(1, 2, 1) + struct.pack(">Q", 2**64 - 1),
    "rows longer than there are together": lambda _: front(1, 2, 2) + struct.pack(">QQ", MAX_ROWS_SIZE, 1),
    "no JSON": lambda _: frame(b"{"),
    "no UTF-8": lambda _: frame(b"\xff\xfe"),
    "JSON without end": lambda _: frame(b"[" * 100_000),
    "a number of more digits than are read": lambda _: frame(b"9" * 5000),
    "an answer to another call": lambda _: frame(["answer", None], number=2),
    "another answer": lambda _: frame(["answer", "yes"]),
    "an exception that is none of ours": lambda _: frame(["KeyboardInterrupt", ""]),
}


@pytest.mark.parametrize("what", FRAMES)
async def test_whoever_answers_what_no_worker_does_is_taken_for_dead(
    worker: Worker, source: Source, tmp_path: Path, what: str
) -> None:
    mark = tmp_path / "unpickled"
    with stand_in(worker, FRAMES[what](mark)):
        with pytest.raises(WorkerDied):
            await worker.open_document(source)
        assert (await worker.open_document(source)).is_saved

    assert not mark.exists()


def test_the_pickle_would_leave_its_mark(tmp_path: Path) -> None:
    pickle.loads(hostile(tmp_path / "unpickled"))

    assert (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("begun", [b"\x00", front(1, 1000, 0) + b"half"], ids=["front", "data"])
async def test_a_frame_that_does_not_end_is_not_waited_for_long(
    worker: Worker, source: Source, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(pipe, "REST_WITHIN", 0.05)
    stranger = stand_in(worker, begun)
    monkeypatch.undo()
    with stranger, pytest.raises(WorkerDied):
        await worker.open_document(source)


async def test_whoever_keeps_silent_is_not_waited_for_although_the_end_stays_open(
    worker: Worker, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = stand_in(worker, b"")
    with monkeypatch.context() as patched:
        patched.setattr(client, "ANSWER_WITHIN", 0.05)
        with stranger, pytest.raises(WorkerDied):
            await worker.open_document(source)

    assert (await worker.open_document(source)).is_saved


async def test_a_file_is_found_only_where_it_is(worker: Worker, source: Source, tmp_path: Path) -> None:
    stamp = stamp_of(source.file)
    (tmp_path / "other.txt").write_bytes(b"words\n")
    (tmp_path / "link.txt").symlink_to(source.file)
    (tmp_path / "here").symlink_to(tmp_path)
    found = []
    for number, path in enumerate(("a.txt", "other.txt", "link.txt", "here/a.txt", "none.txt", "."), 1):
        answer = frame(["answer", [[list(stamp), path]]], number=number)
        with stand_in(worker, answer):
            found.append(await worker.find_moved(tmp_path, stamp, 1))

    assert [source.file, None, None, None, None, None] == found


async def test_a_compacted_journal_lies_where_the_server_says(worker: Worker, source: Source) -> None:
    with stand_in(worker, frame(["answer", 100])):
        compacted = await worker.compact(source.journal, 100, Keep(days=0, bytes=0))

    assert compacted is not None
    assert source.journal.with_name("a.journal.new") == compacted.path


async def test_a_process_gets_no_secret_and_no_file_but_its_own(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n{{ env; echo "$@"; ls -l /proc/$$/fd; }} > {said}\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "known to the server alone")
    monkeypatch.setenv("ANYTHING_ELSE", "known to the server alone")
    with (tmp_path / "private").open("w") as private:
        os.set_inheritable(private.fileno(), True)
        with pytest.raises(WorkerDied):
            await worker.start()

    seen = said.read_text()
    assert "HOME=" in seen
    assert "coterie.server.rooms.worker" in seen
    assert 1 == seen.count("socket:")
    assert "known to the server alone" not in seen
    assert "private" not in seen


def test_a_process_is_hidden_before_it_loads_anything() -> None:
    code = """
import runpy, sys
from coterie.server import hiding
def stop():
    print(*(name for name in ("pycrdt", "json", "socket", "logging") if name in sys.modules))
    sys.exit()
hiding.hide_process = stop
runpy.run_module("coterie.server.rooms.worker", run_name="__main__")
"""
    result = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert [] == result.stdout.split()
