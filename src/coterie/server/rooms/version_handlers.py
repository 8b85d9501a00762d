"""Versions of a document by API: which there are, one as it was, and one brought back.

The gate limits the address to Editors and sets ``coterie_access`` before ``prepare()``; where it is None the handler
refuses. Like the other handlers of rooms it does not ask jupyter-server's authorizer.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.iostream import StreamClosedError

from coterie.client import ServiceError
from coterie.server.access import Access
from coterie.server.rooms.endings import DELETED, NOT_FOUND, OPEN_OTHERWISE, UNREADABLE
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.names import DocumentName, is_plain_path
from coterie.server.rooms.registry import CannotJoin, Rooms
from coterie.wire.bodies import DocumentVersion, Page, VersionAuthor

#: The application's setting that holds an ``AskNames``; without it nobody but the caller has a name.
NAMES_SETTING: Final = "coterie_names"

#: Names of people by their ids. Leaves out whom it does not know. Raises ServiceError.
AskNames = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]

#: How much of a file is made ready for sending at once, in bytes: a few milliseconds. Whole groups of base64.
_PIECE: Final = 3 * 64 * 1024

_FORMATS: Final = ("json", "text", "base64")
_SEQUENCE = re.compile(r"\d{1,18}", re.ASCII)
_STATUS = {
    DELETED: HTTPStatus.NOT_FOUND,
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    OPEN_OTHERWISE: HTTPStatus.CONFLICT,
    UNREADABLE: HTTPStatus.CONFLICT,
}


class VersionsHandler(APIHandler):
    """``coterie/versions/{path}?type=``: GET for the list, with ``version=`` for one of them; POST brings it back."""

    coterie_access: Access | None = None

    def initialize(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def prepare(self) -> None:
        if self.coterie_access is None:
            raise web.HTTPError(HTTPStatus.FORBIDDEN)
        await super().prepare()

    @web.authenticated
    async def get(self, path: str) -> None:
        """404 for what is no file that one may read, or has no such version."""
        name = await self._find(path)
        if self.get_query_argument("version", None) is not None:
            sequence = self._read_sequence()
            await self._send(sequence, await self._read(name, sequence))
            return
        versions = () if name is None else await self._list(name)
        names = await self._ask_names({person for version in versions for person in version.people})
        items = [_shown(version, names) for version in reversed(versions)]
        await self.finish(Page[DocumentVersion](items=items).model_dump_json())

    @web.authenticated
    async def post(self, path: str) -> None:
        """204 once the document has the content of that version again, by an edit of the caller's."""
        name = await self._find(path)
        sequence = self._read_sequence()
        if name is None:
            raise _no_such_version()
        try:
            await self._rooms.restore(name, sequence, self._access.person)
        except KeyError as error:
            raise _no_such_version() from error
        except CannotJoin as refusal:
            raise _refused(refusal) from refusal
        self.set_status(HTTPStatus.NO_CONTENT)
        await self.finish()

    @property
    def _access(self) -> Access:
        access = self.coterie_access
        if access is None:  # prepare() has refused that already
            raise web.HTTPError(HTTPStatus.FORBIDDEN)
        return access

    async def _find(self, path: str) -> DocumentName | None:
        """The document that is asked about; None for a file that has no id, and so never was one."""
        kind = self.get_query_argument("type")
        format_ = next((format_ for format_ in _FORMATS if DocumentName.parse(f"{format_}:{kind}:file")), None)
        if format_ is None:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "type must be that of a known kind of document")
        if not is_plain_path(path):
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        model = await ensure_async(self._rooms.contents.get(path, content=False))
        if model["type"] == "directory":
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "a folder is not a document")
        file_id = self._rooms.file_ids.get_id(path)
        return None if file_id is None else DocumentName(format_, kind, file_id)

    def _read_sequence(self) -> int:
        text = self.get_query_argument("version")
        if not _SEQUENCE.fullmatch(text):
            raise _no_such_version()
        return int(text)

    async def _list(self, name: DocumentName) -> Sequence[Version]:
        try:
            return await self._rooms.versions(name)
        except CannotJoin as refusal:
            raise _refused(refusal) from refusal

    async def _read(self, name: DocumentName | None, sequence: int) -> bytes:
        if name is None:
            raise _no_such_version()
        try:
            return await self._rooms.version(name, sequence)
        except KeyError as error:
            raise _no_such_version() from error
        except CannotJoin as refusal:
            raise _refused(refusal) from refusal

    async def _ask_names(self, people: Collection[str]) -> Mapping[str, str]:
        """Who they are, as far as that can be learned now: a list without names is better than none."""
        own = {self._access.person: self._access.name}
        ask: AskNames | None = self.settings.get(NAMES_SETTING)
        others = set(people) - set(own)
        if ask is None or not others:
            return own
        try:
            return {**await ask(others), **own}
        except ServiceError as error:
            self.log.warning("The names of people in versions are missing: %s", error)
            return own

    async def _send(self, sequence: int, content: bytes) -> None:
        """Answer with a file's content piece by piece, so that a large one does not keep others waiting."""
        is_text = await _is_text(content)
        head = {"id": str(sequence), "format": "text" if is_text else "base64"}
        pieces = _text_pieces(content) if is_text else _base64_pieces(content)
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.write(json.dumps(head).removesuffix("}") + ', "content": "')
        try:
            for piece in pieces:
                self.write(piece)
                await self.flush()
                await asyncio.sleep(0)
            await self.finish('"}')
        except StreamClosedError:
            return  # whoever asked has gone


def _shown(version: Version, names: Mapping[str, str]) -> DocumentVersion:
    return DocumentVersion(
        id=str(version.sequence),
        since=version.since,
        until=version.until,
        people=[VersionAuthor(name=names.get(person)) for person in version.people],
        origin=version.origin,
    )


def _no_such_version() -> web.HTTPError:
    return web.HTTPError(HTTPStatus.NOT_FOUND, "There is no such version.")


def _refused(refusal: CannotJoin) -> web.HTTPError:
    return web.HTTPError(_STATUS.get(refusal.code, HTTPStatus.SERVICE_UNAVAILABLE), refusal.code.message)


async def _is_text(content: bytes) -> bool:
    """Whether *content* is UTF-8."""
    try:
        for _ in _text_pieces(content):
            await asyncio.sleep(0)
    except UnicodeDecodeError:
        return False
    return True


def _text_pieces(content: bytes) -> Iterator[str]:
    """*content* as the inside of a JSON string. Raises UnicodeDecodeError where it is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(content), _PIECE):
        piece = content[start : start + _PIECE]
        yield json.dumps(decoder.decode(piece, final=start + _PIECE >= len(content)))[1:-1]


def _base64_pieces(content: bytes) -> Iterator[str]:
    for start in range(0, len(content), _PIECE):
        yield base64.b64encode(content[start : start + _PIECE]).decode("ascii")
