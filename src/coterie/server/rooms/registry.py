"""All rooms of one server: opening, keeping in step with the files, letting go.

A document stays in memory while people are in it and a little longer. Its journal goes on where it was: a client that
comes back after the document was let go of, or after the server was started again, brings a history that the journal
has too, so that nothing doubles. The *session id* that a client gets before it connects names one life of one journal;
whoever brings another is told to reload.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final
from uuid import uuid4
from weakref import WeakValueDictionary

from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from coterie.server.rooms.connection import Connection
from coterie.server.rooms.document import OpenDocument
from coterie.server.rooms.endings import (
    DELETED,
    LOAD_FAILED,
    NOT_FOUND,
    OPEN_ELSEWHERE,
    OPEN_OTHERWISE,
    STALE_SESSION,
    STOPPING,
    UNREADABLE,
)
from coterie.server.rooms.journal.folder import JournalFolder, JournalsInUse
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.people import People
from coterie.server.rooms.problems import Problems
from coterie.server.rooms.room import Room
from coterie.server.rooms.saver import SETTLE_LOOK, SETTLE_WITHIN
from coterie.server.rooms.settings import Settings
from coterie.server.rooms.whereabouts import Whereabouts, stamp_of
from coterie.server.rooms.worker.client import Worker, Workers
from coterie.server.rooms.worker.results import Denied, Gone, NotSettled, Opened, Source, Stamp, Unreadable, WorkerDied
from coterie.wire.close_codes import CloseCode

#: Seconds between two looks at the files of open documents.
LOOK_EVERY: Final = 1.0

#: Seconds between two rounds of looking whether a journal has grown so much that it should be compacted.
COMPACT_EVERY: Final = 10.0

#: For how many seconds a server waits for one that is just stopping to let go of the journals.
CLAIM_WITHIN: Final = 10.0

_DAY: Final = 24 * 60 * 60.0


class CannotJoin(Exception):
    """A room cannot be joined; *code* says why."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.word)
        self.code = code


class Rooms:
    """*web* are the web application's settings; the contents manager and the file ids are taken from there when needed,
    because the extension that brings the latter may load after ours."""

    def __init__(self, web: MutableMapping[str, Any], log: logging.Logger, settings: Settings) -> None:
        self.everybody = Room()
        self.problems = Problems()
        self.people = People()
        self._web = web
        self._log = log
        self._settings = settings
        self._journals = JournalFolder(settings.journal_folder)
        self._lives: dict[DocumentName, str] = {}  # of journals that are yet to be made
        self._open: dict[str, OpenDocument] = {}  # by file id: a file has one document
        self._being_opened: set[tuple[int, int]] = set()  # devices and inodes
        self._in_use: set[Path] = set()  # journals of open documents, and of those that are being opened
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # one load per file at a time
        self.is_closing = False
        self._paths: list[str] = []  # of open documents, when they were last looked at
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: asyncio.Task[Workers] | None = None

    @property
    def contents(self) -> Any:
        return self._web["contents_manager"]

    @property
    def file_ids(self) -> Any:
        return self._web["file_id_manager"]

    def session_id(self, name: DocumentName) -> str:
        """The present life of the document called *name*, whether or not it is open yet."""
        document = self._open.get(name.file_id)
        if document is not None and document.name == name:
            return document.life
        life = self._journals.life_of(name)
        if life is None:
            life = self._lives.setdefault(name, uuid4().hex)
        return life

    async def join(
        self, name: DocumentName, session_id: str, connection: Connection, is_wanted: Callable[[], bool]
    ) -> Room:
        """Let *connection* into the document's room, opened if need be. Raises CannotJoin.

        *is_wanted* is asked after loading: a connection that ended meanwhile is not let in.
        """
        if session_id != self.session_id(name):
            raise CannotJoin(STALE_SESSION)
        async with self._lock(name):
            document = self._open.get(name.file_id)
            if document is not None and document.name != name:
                if not document.may_be_given_up_for(connection.access):
                    raise CannotJoin(OPEN_OTHERWISE)
                document.room.dismiss(OPEN_OTHERWISE)
                await self._close(document)
                document = None
            if document is None:
                document = await self._load(name)
            if document.life != session_id:  # the journal was found damaged just now, and begun anew
                raise CannotJoin(STALE_SESSION)
            if self.is_closing:
                raise CannotJoin(STOPPING)
            # From here to the join nothing else runs, so the document cannot be given up in between.
            if is_wanted():
                self.people.enter(connection, document)  # before, because joining may end the connection
                document.room.join(connection)
            return document.room

    def join_everybody(self, connection: Connection) -> Room:
        """Let *connection* into the room without a document."""
        self.people.enter(connection)
        self.everybody.join(connection)
        return self.everybody

    def leave(self, room: Room | None, connection: Connection) -> None:
        """Take *connection* out, whether or not it has come as far as a *room*. Harmless if it is out."""
        self.people.leave(connection)
        if room is not None:
            room.leave(connection)

    async def document(self, name: DocumentName, *, create: bool) -> OpenDocument | None:
        """The open document called *name*; opened if *create*, else None where it is not open. Raises CannotJoin."""
        async with self._lock(name):
            if create:
                return await self._have_open(name)
            document = self._open.get(name.file_id)
            return document if document is not None and document.name == name else None

    async def versions(self, name: DocumentName) -> tuple[Version, ...]:
        """All versions that the journal has of the document, oldest first. Raises CannotJoin."""
        journal = self._journals.path_of(name)
        if not journal.exists():
            return ()
        with self._refusing():
            workers = await asyncio.shield(self.start())
            return await workers.shared.list_versions(journal)

    async def version(self, name: DocumentName, sequence: int) -> bytes:
        """The file as it was. Raises KeyError, CannotJoin."""
        journal = self._journals.path_of(name)
        if not journal.exists():
            raise KeyError(sequence)
        with self._refusing(KeyError):
            workers = await asyncio.shield(self.start())
            return await workers.shared.read_version(journal, name.type, name.format, sequence)

    async def restore(self, name: DocumentName, sequence: int, person: str) -> None:
        """Give the document the content of a version again, as an edit by *person*. Raises KeyError, CannotJoin."""
        async with self._lock(name):  # so that the document is not let go of meanwhile
            document = await self._have_open(name)
            with self._refusing(KeyError):
                await document.saver.restore(sequence, person)

    def start(self) -> asyncio.Task[Workers]:
        """Begin what goes on beside the requests, if it has not begun. Needs a running loop.

        The task that is answered ends when the journals are this server's, or with JournalsInUse; then the next call
        tries again. Raises CannotJoin while the server stops.
        """
        if self.is_closing:
            raise CannotJoin(STOPPING)
        if not self._tasks:
            for step, every in (
                (self._look_at_files, LOOK_EVERY),
                (self._write_through, self._settings.sync_seconds),
                (self._compact, COMPACT_EVERY),
                (self._clean_up, _DAY),
            ):
                self._tasks.append(asyncio.create_task(self._keep_going(step, every)))
        if self._workers is None or (self._workers.done() and self._workers.exception() is not None):
            self._workers = asyncio.create_task(self._claim_journals())
        return self._workers

    async def close(self) -> None:
        """Save every document and end all tasks. Everybody is out first: what they type from here on stays with them
        until there is a server again."""
        self.is_closing = True
        self.people.close()
        for document in self._open.values():
            document.room.dismiss(STOPPING)
        looks = [document.looking for document in self._open.values() if document.looking is not None]
        for task in (*self._tasks, *looks):
            task.cancel()
        await asyncio.gather(*self._tasks, *looks, return_exceptions=True)
        for lock in tuple(self._opening.values()):
            async with lock:  # documents that were being opened, or closed
                pass
        await asyncio.gather(*(self._close(document) for document in tuple(self._open.values())))
        if self._workers is not None:
            self._workers.cancel()
            with suppress(asyncio.CancelledError, JournalsInUse, OSError):
                await (await self._workers).close()
        self._journals.release()

    def _lock(self, name: DocumentName) -> asyncio.Lock:
        lock = self._opening.get(name.file_id)
        if lock is None:
            lock = self._opening[name.file_id] = asyncio.Lock()
        return lock

    async def _claim_journals(self) -> Workers:
        lock = await self._journals.claim(CLAIM_WITHIN)
        workers = Workers((lock,))
        self._tasks.append(asyncio.create_task(workers.shared.start()))  # so that nobody waits for it later
        return workers

    async def _have_open(self, name: DocumentName) -> OpenDocument:
        """To be called with the file's lock. Raises CannotJoin."""
        document = self._open.get(name.file_id)
        if document is None:
            return await self._load(name)
        if document.name != name:
            raise CannotJoin(OPEN_OTHERWISE)
        return document

    async def _load(self, name: DocumentName) -> OpenDocument:
        if self.is_closing:
            raise CannotJoin(STOPPING)
        journal = self._journals.path_of(name)
        self._in_use.add(journal)
        try:
            with self._refusing():
                workers = await asyncio.shield(self.start())
                document = self._open[name.file_id] = await self._open_document(name, journal, workers)
        except CannotJoin as refusal:
            # Whoever has had the document open takes a "not found" for something that will pass.
            if refusal.code is NOT_FOUND and journal.exists():
                raise CannotJoin(DELETED) from refusal
            raise
        finally:
            if name.file_id not in self._open:
                self._in_use.discard(journal)
        return document

    @contextmanager
    def _refusing(self, *passing: type[Exception]) -> Iterator[None]:
        """Whatever else than *passing* a disk, a worker or a file's content brings about, the person is told."""
        to_pass: tuple[type[Exception], ...] = (CannotJoin, *passing)
        try:
            yield
        except to_pass:
            raise
        except Gone as error:
            raise CannotJoin(NOT_FOUND) from error
        except Unreadable as error:
            raise CannotJoin(UNREADABLE) from error
        except HTTPError as error:
            raise CannotJoin({400: UNREADABLE, 404: NOT_FOUND}.get(error.status_code, LOAD_FAILED)) from error
        except Denied as error:
            raise CannotJoin(LOAD_FAILED) from error
        except Exception as error:
            self._log.warning("could not load a document", exc_info=error)
            raise CannotJoin(LOAD_FAILED) from error

    async def _open_document(self, name: DocumentName, journal_path: Path, workers: Workers) -> OpenDocument:
        whereabouts = Whereabouts(name.file_id, Path(self.contents.root_dir), self.file_ids)
        # What is hidden, or a folder, or outside, is for the contents manager to say.
        model = await ensure_async(self.contents.get(whereabouts.path, content=False))
        if model["type"] == "directory":
            raise Unreadable
        files = [each.file for each in self._open.values()]
        found, *others = await asyncio.to_thread(_stamps, [whereabouts.file, *files])
        if found is None:
            raise Gone
        inode = _inode(found)
        if inode in self._being_opened or any(other is not None and inode == _inode(other) for other in others):
            raise CannotJoin(OPEN_ELSEWHERE)  # by a link: two rooms would save over each other
        self._being_opened.add(inode)
        try:
            opened = await self._bring_together(name, whereabouts, journal_path, model["size"] or 0, workers)
        finally:
            self._being_opened.discard(inode)
        return opened

    async def _bring_together(
        self, name: DocumentName, whereabouts: Whereabouts, journal_path: Path, size: int, workers: Workers
    ) -> OpenDocument:
        source = Source(
            key=str(name),
            file=whereabouts.file,
            kind=name.type,
            format=name.format,
            journal=journal_path,
            life=self.session_id(name),
        )
        worker, opened = await _patiently(workers, size, source)
        async with AsyncExitStack() as undoing:
            undoing.push_async_callback(worker.forget, source.key)
            self._lives.pop(name, None)
            journal = Journal.open(journal_path, size=opened.size, next=opened.next)
            undoing.callback(journal.close)
            for remark in opened.remarks:
                self._log.warning("%s: %s", whereabouts.path, remark.sentence)
                self.problems.tell(whereabouts.path, remark.sentence)
            document = OpenDocument(
                name, whereabouts, opened, journal, worker, self._settings, self.problems, self._log
            )
            undoing.pop_all()  # all is the document's now
        return document

    async def _close(self, document: OpenDocument, *, save: bool = True) -> None:
        try:
            await document.close(save=save)
        except Exception:  # noqa: BLE001  a document that is half closed must not be found and joined
            self._log.exception("could not close a document as it should be")
        if self._is_open(document):
            del self._open[document.name.file_id]
            self._in_use.discard(self._journals.path_of(document.name))

    async def _keep_going(self, step: Callable[[], Awaitable[None]], every: float) -> None:
        """Take a step every so many seconds, whatever became of the last."""
        while True:
            try:
                await step()
            except Exception:  # noqa: BLE001  one failure must not end it for every document
                self._log.exception("what goes on beside the rooms has failed, and goes on")
            await asyncio.sleep(every)

    async def _look_at_files(self) -> None:
        documents = tuple(self._open.values())
        paths = [document.path for document in documents]
        if paths != self._paths:
            self._paths = paths
            self.people.changed()
        files = [document.file for document in documents]
        stamps = await asyncio.to_thread(_stamps, files)
        for document, file, stamp in zip(documents, files, stamps, strict=True):
            # One whose file or worker does not answer keeps nobody else's waiting.
            if document.looking is None or document.looking.done():
                document.looking = asyncio.create_task(self._look_at(document, file, stamp))

    async def _look_at(self, document: OpenDocument, file: Path | None, stamp: Stamp | None) -> None:
        try:
            document.retry()
            if document.saver.needs_look(file, stamp) and not await document.saver.look():
                await self._end_deleted(document)
            elif document.may_be_forgotten():
                await self._forget(document)
        except Exception:  # noqa: BLE001  looked at again in a second
            self._log.exception("could not look at a document's file")

    async def _forget(self, document: OpenDocument) -> None:
        async with self._lock(document.name):
            if document.may_be_forgotten() and self._is_open(document):
                await document.compact()
                await self._close(document)

    async def _end_deleted(self, document: OpenDocument) -> None:
        async with self._lock(document.name):
            if self._is_open(document):
                document.room.dismiss(DELETED)
                await self._close(document, save=False)

    def _is_open(self, document: OpenDocument) -> bool:
        return self._open.get(document.name.file_id) is document

    async def _write_through(self) -> None:
        """Take the journals to the disk: what the system only remembers, a power loss takes away."""
        for document in tuple(self._open.values()):
            await document.write_through()

    async def _compact(self) -> None:
        for document in tuple(self._open.values()):
            if self._is_open(document):
                await document.compact()

    async def _clean_up(self) -> None:
        with suppress(OSError, JournalsInUse):
            await asyncio.shield(self.start())
            await asyncio.to_thread(self._journals.forget_old, self._settings.keep_days, self._in_use)


async def _patiently(workers: Workers, size: int, source: Source) -> tuple[Worker, Opened]:
    """Also wait for whoever is writing the file at this moment, and do it again if the process that did it has died: it
    may have, of whatever else, before it was asked, and only what it dies of again is what it cannot open."""
    give_up_at = monotonic() + SETTLE_WITHIN
    has_died = False
    while True:
        is_last = monotonic() > give_up_at  # a look that began before then may have been held up itself
        worker = workers.for_size(size)  # one that is for this document alone ends when it cannot open it
        try:
            return worker, await worker.open_document(source)
        except NotSettled:
            if is_last:
                raise
        except WorkerDied:
            if has_died:
                raise
            has_died = True
            continue
        await asyncio.sleep(SETTLE_LOOK)


def _inode(stamp: Stamp) -> tuple[int, int]:
    """Device and inode: which file it is, by whatever name."""
    return stamp[:2]


def _stamps(files: list[Path | None]) -> list[Stamp | None]:
    """None where there is no file."""
    stamps: list[Stamp | None] = []
    for file in files:
        try:
            stamps.append(None if file is None else stamp_of(file))
        except (Gone, OSError):
            stamps.append(None)
    return stamps
