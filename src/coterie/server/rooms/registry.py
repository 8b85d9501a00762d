"""All rooms of one server: opening, keeping in step with the files, closing.

A document stays in memory from its first opening until the server stops. A client that reconnects brings the history
it knows; merged into a document that was loaded anew, it would double the content. There is one exception: a file that
no editor is in, and whose document is on disk, may be opened as another kind of document. The *session id* that a
client gets before it connects names one life of one document; whoever brings an older one is told to reload instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, Final
from uuid import uuid4

from tornado.web import HTTPError

from coterie.policy.roles import Role
from coterie.server.access import Access
from coterie.server.rooms import documents
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import LOAD_FAILED, NOT_FOUND, OPEN_OTHERWISE, STALE_SESSION, UNREADABLE
from coterie.server.rooms.file import DocumentFile, FileGone
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.room import DocumentRoom, Room
from coterie.server.rooms.saver import Saver
from coterie.wire.close_codes import CloseCode

#: Seconds between two looks at the files of documents that somebody is in.
LOOK_EVERY: Final = 1.0


class CannotJoin(Exception):
    """A room cannot be joined; *code* says why."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code.word)
        self.code = code


class OpenDocument:
    """A document's room, and the tasks that keep its file in step."""

    def __init__(self, name: DocumentName, file: DocumentFile, state: bytes, log: logging.Logger) -> None:
        self.name = name
        self._requests: set[asyncio.Task[None]] = set()
        self.room = DocumentRoom(name.type, state, on_change=lambda: self.saver.changed(), on_save=self._save, log=log)
        self.room.live.set_path(file.path)
        self.saver = Saver(self.room.live, file, state, log)
        self._saving = asyncio.create_task(self.saver.run())

    def may_be_given_up_for(self, access: Access) -> bool:
        """Whether somebody with this access may have the file opened as another kind of document.

        Never while anything is unsaved or an editor is in. A Viewer gives way to an editor; for a Viewer nobody does,
        and nothing that an editor who has lost their connection may come back to.
        """
        if not self.saver.is_clean or self.room.is_open_to_editors:
            return False
        return access.allows(Role.EDITOR) or (self.room.is_empty and not self.room.had_editors)

    async def close(self) -> None:
        """Save what is unsaved, and end."""
        self.saver.stop()
        await asyncio.gather(self._saving, *self._requests)
        self.room.live.close()

    def _save(self, answer: Callable[[bool], None]) -> None:
        async def save() -> None:
            answer(await self.saver.save())

        request = asyncio.create_task(save())
        self._requests.add(request)
        request.add_done_callback(self._requests.discard)


class Rooms:
    """*settings* are the web application's; the contents manager and the file ids are taken from there when needed,
    because the extension that brings the latter may load after ours."""

    def __init__(self, settings: MutableMapping[str, Any], log: logging.Logger) -> None:
        self.everybody = Room()
        self._settings = settings
        self._log = log
        self._session = uuid4().hex
        self._lives: Counter[DocumentName] = Counter()
        self._open: dict[str, OpenDocument] = {}  # by file id: a file has one document
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # one load per file at a time
        self._watch: asyncio.Task[None] | None = None

    @property
    def contents(self) -> Any:
        return self._settings["contents_manager"]

    @property
    def file_ids(self) -> Any:
        return self._settings["file_id_manager"]

    def session_id(self, name: DocumentName) -> str:
        """The present life of the document called *name*, whether or not it is open yet."""
        return f"{self._session}-{self._lives[name]}"

    async def join(
        self, name: DocumentName, session_id: str, connection: Connection, is_wanted: Callable[[], bool]
    ) -> Room:
        """Let *connection* into the document's room, opened if need be. Raises CannotJoin.

        *is_wanted* is asked after loading: a connection that ended meanwhile is not let in.
        """
        if session_id != self.session_id(name):
            raise CannotJoin(STALE_SESSION)
        async with self._opening[name.file_id]:
            document = self._open.get(name.file_id)
            if document is not None and document.name != name:
                await self._give_up(document, connection.access)
                document = None
            if document is None:
                document = self._open[name.file_id] = await self._load(name)
            # From here to the join nothing else runs, so the document cannot be given up in between.
            if is_wanted():
                document.room.join(connection)
            return document.room

    async def close(self) -> None:
        """Save every document and end all tasks."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*(document.close() for document in self._open.values()))
        self._open.clear()

    async def _give_up(self, document: OpenDocument, access: Access) -> None:
        if not document.may_be_given_up_for(access):
            raise CannotJoin(OPEN_OTHERWISE)
        document.room.dismiss(OPEN_OTHERWISE)
        await document.close()
        self._lives[document.name] += 1
        del self._open[document.name.file_id]

    async def _load(self, name: DocumentName) -> OpenDocument:
        file = DocumentFile(name, self.contents, self.file_ids)
        try:
            state = await asyncio.to_thread(documents.build, name.type, await file.load())
            document = OpenDocument(name, file, state, self._log)
        except FileGone as error:
            raise CannotJoin(NOT_FOUND) from error
        except HTTPError as error:
            raise CannotJoin({400: UNREADABLE, 404: NOT_FOUND}.get(error.status_code, LOAD_FAILED)) from error
        # Whatever a contents manager or a file's content brings about, the person is told, and no room is left behind.
        except Exception as error:
            self._log.warning("could not load a document", exc_info=error)
            raise CannotJoin(LOAD_FAILED) from error
        if self._watch is None:
            self._watch = asyncio.create_task(self._look_at_files())
        return document

    async def _look_at_files(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            looks: list[Coroutine[Any, Any, None]] = [
                document.saver.look() for document in self._open.values() if not document.room.is_empty
            ]
            await asyncio.gather(*looks)
