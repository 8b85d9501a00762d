"""The server's side of the workers."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from coterie.server.rooms.journal.compaction import Compacted, Keep
from coterie.server.rooms.journal.files import new_path
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.worker.calls import pack_call, unpack_answer
from coterie.server.rooms.worker.pipe import Pipe
from coterie.server.rooms.worker.plain import Malformed
from coterie.server.rooms.worker.results import (
    Committed,
    Draft,
    Opened,
    Outside,
    Source,
    Stamp,
    UnknownKey,
    WorkerDied,
)

#: A document whose file is larger than this, in bytes, has a worker of its own: others need not wait for it.
SHARED_UP_TO: Final = 8 * 1024 * 1024

#: How long a call may take, in seconds, and how much longer for each byte of the files that it is about: far longer
#: than any should. A call that takes longer is taken for one that never ends.
ANSWER_WITHIN: Final = 120.0
ANSWER_WITHIN_PER_BYTE: Final = 2 / 1_000_000

#: How long a process that was told to end may take to, in seconds.
_END_WITHIN: Final = 5.0

_MODULE: Final = "coterie.server.rooms.worker"

#: What a worker gets to know of the server's environment: where Jupyter keeps its data, for trust in notebooks, and
#: what Python and the libraries under it need to start. Nothing in it is secret.
_ENVIRONMENT: Final = (
    "HOME",
    "JUPYTER_DATA_DIR",
    "JUPYTER_PLATFORM_DIRS",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LD_LIBRARY_PATH",
    "TMPDIR",
    "TZ",
    "XDG_DATA_HOME",
)


class Worker:
    """One process, started when it is first needed and again after it has died.

    Calls are answered one at a time, in the order in which they came. The one that the process dies of raises
    WorkerDied; those behind it go on in a new process, and the document that it was for gets one of its own from then
    on. A process that does not answer in time, or not as it has to, is ended, and has died then. What an answer says is
    believed as far as ``calls`` says. Every call may raise what its function in
    ``process`` does, DamagedJournal, and RuntimeError for a fault that the log describes.

    *held* are file descriptors that stay open for as long as the process runs.
    """

    def __init__(self, held: Sequence[int] = (), *, is_for_one: bool = False) -> None:
        self._held = tuple(held)
        self._is_for_one = is_for_one
        self._process = _Process(self._held)
        self._sources: dict[str, Source] = {}
        self._apart: dict[str, Worker] = {}
        self._missing: list[tuple[Stamp, asyncio.Future[Path | None]]] = []
        self._searching: asyncio.Task[None] | None = None
        # A thread that waits for the process: one, so calls queue up before it.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
        self.is_closed = False

    async def start(self) -> None:
        """Have the process ready."""
        await self._ask("be_ready")

    async def close(self) -> None:
        """End the process once it has answered what it was asked. Nothing more may be asked."""
        await asyncio.gather(*(apart.close() for apart in self._apart.values()))
        self._apart.clear()
        if not self.is_closed:
            self.is_closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._process.end)
            self._thread.shutdown(wait=False)

    async def open_document(self, source: Source) -> Opened:
        """Bring journal and file together. Nobody else has the journal open.

        Raises Gone, Denied, Unreadable, NotSettled, OSError, WorkerDied.
        """
        self._sources[source.key] = source
        try:
            opened: Opened = await self._ask_about(source.key, "open_document", source)
        except BaseException:
            await self._drop(source.key)
            raise
        return opened

    def move(self, key: str, file: Path) -> None:
        """The document's file is at another place now."""
        self._sources[key] = replace(self._source(key), file=file)

    async def prepare(self, key: str, upto: int) -> Draft:
        """Write what the document holds to a file beside its own; *upto* is the size of the journal in bytes.

        Raises Gone, Denied, NotSettled (``take_outside`` has something first), Unreadable, OSError, WorkerDied.
        """
        draft: Draft = await self._ask_about(key, "prepare", self._source(key), upto)
        return draft

    async def commit(self, key: str) -> Committed:
        """Put into place what was prepared last. A SAVING mark for it is in the journal.

        Raises Gone, Denied, NotSettled (to be prepared again), OSError, WorkerDied.
        """
        committed: Committed = await self._ask_about(key, "commit", self._source(key))
        return committed

    async def take_outside(self, key: str, upto: int) -> Outside | None:
        """What the file holds that the document has not taken in. None: nothing.

        Raises Gone, Denied, NotSettled, OSError, WorkerDied.
        """
        outside: Outside | None = await self._ask_about(key, "take_outside", self._source(key), upto)
        return outside

    async def restore(self, key: str, upto: int, sequence: int) -> bytes:
        """The update that makes the document hold what it did after the record *sequence* (b"": it does already).

        Raises KeyError if there is no such version, Unreadable, OSError, WorkerDied.
        """
        update: bytes = await self._ask_about(key, "restore", self._source(key), upto, sequence)
        return update

    async def forget(self, key: str) -> None:
        """The document has been closed, and its key means nothing any more. Not needed after a compaction."""
        await self._drop(key)

    async def read_version(self, journal: Path, kind: str, format_: str, sequence: int) -> bytes:
        r"""The file as it would have been written after the record *sequence*, lines of text ending in ``\n``; for a
        KEPT record the bytes that it keeps. Raises KeyError, Unreadable, OSError, WorkerDied."""
        del format_  # the kind says it all
        content: bytes = await self._ask("read_version", journal, kind, sequence)
        return content

    async def list_versions(self, journal: Path) -> tuple[Version, ...]:
        """The oldest first. Raises OSError, WorkerDied."""
        found: tuple[Version, ...] = await self._ask("list_versions", journal)
        return found

    async def compact(self, journal: Path, upto: int, keep: Keep) -> Compacted | None:
        """As ``compaction.compact``. Raises OSError, WorkerDied."""
        compacted_upto: int | None = await self._ask("compact", journal, upto, keep)
        return None if compacted_upto is None else Compacted(new_path(journal), compacted_upto)

    async def find_moved(self, root: Path, stamp: Stamp, seconds: float) -> Path | None:
        """The file of this stamp, searched for below *root* for so many seconds, but not where it is hidden.

        *root* is always the same. There is one search at a time: who asks during one has to wait for the next, which is
        for all who have asked by then.
        """
        answer: asyncio.Future[Path | None] = asyncio.get_running_loop().create_future()
        self._missing.append((stamp, answer))
        if self._searching is None or self._searching.done():
            self._searching = asyncio.create_task(self._search(root, seconds))
        return await answer

    async def _search(self, root: Path, seconds: float) -> None:
        while self._missing:
            missing, self._missing = self._missing, []
            stamps = frozenset(stamp for stamp, _ in missing)
            try:
                found: dict[Stamp, Path] = await self._ask("find_moved", root, stamps, seconds)
                there = await asyncio.to_thread(_still_there, root, found)
            except Exception as error:  # noqa: BLE001  whoever has asked is told
                for _, answer in missing:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for stamp, answer in missing:
                if not answer.done():
                    answer.set_result(there.get(stamp))

    def _source(self, key: str) -> Source:
        source = self._sources.get(key)
        if source is None:
            raise UnknownKey("The document is not open.")
        return source

    async def _ask_about(self, key: str, call: str, *arguments: Any) -> Any:
        if key in self._apart:
            return await self._apart[key]._ask(call, *arguments)
        try:
            return await self._ask(call, *arguments)
        except WorkerDied:
            if not self._is_for_one:
                self._apart[key] = Worker(self._held, is_for_one=True)
            raise

    async def _ask(self, call: str, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._process.ask, call, arguments)

    async def _drop(self, key: str) -> None:
        if self._sources.pop(key, None) is None:
            return
        apart = self._apart.pop(key, None)
        if apart is not None:
            await apart.close()
        elif self._is_for_one:
            await self.close()
        elif self._process.is_running:
            with suppress(WorkerDied):
                await self._ask("forget", key)


class Workers:
    """The worker that small documents share, and one for each large document.

    *held* are file descriptors that stay open for as long as any of their processes runs: with the lock on the journals
    among them, nobody else opens a journal while a process that outlived its server is still at work.
    """

    def __init__(self, held: Sequence[int] = ()) -> None:
        self._held = tuple(held)
        self.shared = Worker(held)
        self._of_one: list[Worker] = []

    def for_size(self, size: int) -> Worker:
        """The worker for a document whose file has *size* bytes. A large one's own ends when the document is forgotten,
        or could not be opened."""
        if size <= SHARED_UP_TO:
            return self.shared
        self._of_one = [worker for worker in self._of_one if not worker.is_closed]
        worker = Worker(self._held, is_for_one=True)
        self._of_one.append(worker)
        return worker

    async def close(self) -> None:
        """Close all workers."""
        await asyncio.gather(*(worker.close() for worker in (self.shared, *self._of_one)))


class _Process:
    """A worker's process as its thread sees it. No method is called by two threads at once."""

    def __init__(self, held: tuple[int, ...]) -> None:
        self._held = held
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Pipe | None = None
        self._number = 0  # of the last call, so that an answer to another one is not taken for its own

    @property
    def is_running(self) -> bool:
        return self._pipe is not None

    def ask(self, call: str, arguments: tuple[Any, ...]) -> Any:
        """Raises what the call did, and WorkerDied."""
        try:
            within = _time_for(arguments)
            result = self._answer(self._pipe or self._start(), within, call, arguments)
        except Malformed as error:
            self._kill()
            raise WorkerDied("The process that reads and writes documents answered what it cannot have.") from error
        except (EOFError, OSError) as error:
            self._kill()
            raise WorkerDied("The process that reads and writes documents has ended unexpectedly.") from error
        except BaseException:  # no memory for the answer, say: the next call must not be given what is left of it
            self._kill()
            raise
        if isinstance(result, Exception):
            raise result
        return result

    def _answer(self, pipe: Pipe, within: float, call: str, arguments: tuple[Any, ...]) -> Any:
        """A value or an exception. Raises Malformed, EOFError and OSError, TimeoutError if nothing comes in time."""
        self._number += 1
        rows: list[bytes] = []
        plain = pack_call(call, arguments, rows)
        pipe.send(self._number, plain, rows)
        if not pipe.is_readable(within):
            raise TimeoutError
        number, plain, rows = pipe.receive()
        if number != self._number:
            raise Malformed("an answer to another call")
        return unpack_answer(call, arguments, plain, rows)

    def end(self) -> None:
        """Let the process end."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            try:
                self._process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                with suppress(subprocess.TimeoutExpired):  # it waits for a disk, and ends when that has answered
                    self._process.wait(_END_WITHIN)
            self._process = None

    def _kill(self) -> None:
        """Somebody else may hold the other end, so that it would not notice that this one was closed."""
        if self._process is not None:
            self._process.kill()
        self.end()

    def _start(self) -> Pipe:
        ours, theirs = socket.socketpair()
        self._pipe = Pipe(ours)
        with theirs:
            number = theirs.fileno()
            # Isolated, like the server: nothing that people can write has a say in what is loaded.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-m", _MODULE, str(number)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                pass_fds=(number, *self._held),
            )
        result = self._answer(self._pipe, ANSWER_WITHIN, "be_ready", ())
        if result is not None:
            raise EOFError
        return self._pipe


def _still_there(root: Path, found: dict[Stamp, Path]) -> dict[Stamp, Path]:
    """Which of the files, found at these paths below *root*, are really there, and by no link."""
    return {stamp: root / path for stamp, path in found.items() if _stamp_at(root, path) == stamp}


def _stamp_at(root: Path, path: Path) -> Stamp | None:
    """None where there is no regular file, or a link on the way to it."""
    file = root / path
    try:
        status = file.lstat()
        is_by_link = file.resolve(strict=True) != root.resolve() / path
    except (OSError, RuntimeError):  # the latter for links that lead in a circle
        return None
    if is_by_link or not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _time_for(arguments: tuple[Any, ...]) -> float:
    """Seconds."""
    paths = [argument for argument in arguments if isinstance(argument, Path)]
    for source in arguments:
        if isinstance(source, Source):
            paths += [source.file, source.journal]
    return ANSWER_WITHIN + ANSWER_WITHIN_PER_BYTE * sum(map(_size, paths))


def _size(path: Path) -> int:
    """Bytes; none where there is no file."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
