"""The two addresses of rooms: asking for a document's session, and the WebSocket.

The gate sets ``coterie_access`` before ``prepare()``, and limits both addresses to Viewers and up. Where it is None the
handlers refuse, before anything is looked up or made. What a connection may *do* is weighed frame by frame. Neither
handler asks jupyter-server's authorizer: it takes the PUT for a write, which would keep every Viewer out.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import ensure_async
from tornado import web
from tornado.websocket import WebSocketHandler

from coterie.server.access import Access
from coterie.server.rooms.authority import largest_frame
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import ending
from coterie.server.rooms.frames import MAX_VIEWER_FRAME
from coterie.server.rooms.names import EVERYBODY, DocumentName, is_kind, is_plain_path
from coterie.server.rooms.registry import CannotJoin, Rooms
from coterie.server.rooms.room import Room
from coterie.server.rooms.stream import Stream
from coterie.wire.close_codes import TOO_SLOW, CloseCode


class DocSessionHandler(APIHandler):
    """``PUT api/collaboration/session/{path}``: which room a file has. Never makes a file."""

    coterie_access: Access | None = None

    def initialize(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def prepare(self) -> None:
        if self.coterie_access is None:
            raise web.HTTPError(HTTPStatus.FORBIDDEN)
        await super().prepare()

    @web.authenticated
    async def put(self, path: str) -> None:
        """201 with the room of a file that had no id yet, 200 otherwise; 404 for what is no file that one may read."""
        body = self._read_body()
        if not isinstance(body, dict) or not is_kind(body.get("format"), body.get("type")):
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "format and type must be those of a known kind of document")
        if not is_plain_path(path):
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        model = await ensure_async(self._rooms.contents.get(path, content=False))
        if model["type"] == "directory":
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "a folder is not a document")
        file_id = self._rooms.file_ids.get_id(path)
        if file_id is None:
            file_id = self._rooms.file_ids.index(path)
            self.set_status(HTTPStatus.CREATED)
        name = DocumentName(body["format"], body["type"], file_id)
        await self.finish(
            {
                "format": name.format,
                "type": name.type,
                "fileId": name.file_id,
                "sessionId": self._rooms.session_id(name),
            }
        )

    def _read_body(self) -> Any:
        try:
            return self.get_json_body()
        except UnicodeDecodeError as error:
            raise web.HTTPError(HTTPStatus.BAD_REQUEST, "the body must be JSON") from error


class RoomHandler(WebSocketHandler, JupyterHandler):
    """``api/collaboration/room/{name}?sessionId=...``: one connection in one room."""

    coterie_access: Access | None = None

    def initialize(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._room: Room | None = None
        self._connection: Connection | None = None
        self._is_over = False
        self._ended_with: CloseCode | None = None
        self._stream: Stream | None = None

    async def prepare(self) -> None:
        if self.coterie_access is None:
            # Without a page that says so: it would ask who the person is, which nobody has found out.
            self.set_status(HTTPStatus.FORBIDDEN)
            self.finish()
            return
        await JupyterHandler.prepare(self, _redirect_to_login=False)

    @ws_authenticated
    async def get(self, room: str) -> None:
        """Refuse what is not the name of a room here, before the connection becomes a WebSocket; and everybody when the
        server stops, so that no page takes a server that is stopping for one that goes on."""
        if self._rooms.is_closing:
            raise web.HTTPError(HTTPStatus.SERVICE_UNAVAILABLE)
        name = DocumentName.parse(room)
        if room != EVERYBODY and (name is None or self._rooms.file_ids.get_path(name.file_id) is None):
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        await super().get(room)

    async def open(self, room: str) -> None:
        self.set_nodelay(True)
        connection = self._connection = self._make_connection()
        name = DocumentName.parse(room)
        try:
            if self._ended_with is not None:  # before the handshake was answered, when there was nothing to close
                self.end(self._ended_with)
            elif name is None:
                self._room = self._rooms.join_everybody(connection)
            else:
                session_id = self.get_query_argument("sessionId", "")
                self._room = await self._rooms.join(name, session_id, connection, lambda: not self._is_over)
        except CannotJoin as refusal:
            self.end(refusal.code)

    def on_message(self, message: str | bytes) -> None:
        self._heard()
        if not self._is_over and self._room is not None and self._connection is not None:
            self._room.receive(self._connection, message)

    def on_ping(self, _data: bytes) -> None:
        self._heard()

    def on_pong(self, _data: bytes) -> None:
        self._heard()

    def on_close(self) -> None:
        self._stop()

    def access_changed(self, access: Access) -> None:
        """Go on with another access, from the next frame on."""
        self.coterie_access = access
        if self._connection is not None:
            if self._room is not None:
                self._room.change_access(self._connection, access)
            else:
                self._connection.access = access
            self._rooms.people.changed()

    def end(self, code: CloseCode) -> None:
        """Close. From here on no frame is taken or sent, whatever the client does.

        What still waits is not sent either. The client is then cut off without a close frame, and learns the reason on
        the live channel or when it comes back; it can only receive what the network had taken before.
        """
        self._ended_with = code
        self._stop()
        how = ending(code)
        if self._stream is not None:
            self._stream.end(how.status, how.reason)
        else:
            self.close(how.status, how.reason)

    @property
    def max_message_size(self) -> int:
        """Bytes, by the role at the handshake: tornado asks once. The room weighs each frame by the role of then; a
        Viewer who has become an Editor since and says something larger is closed by tornado, and comes back as an
        Editor.
        """
        access = self.coterie_access
        return MAX_VIEWER_FRAME if access is None else largest_frame(access.role)

    @property
    def ping_interval(self) -> float:
        """Seconds. The answers show which connections have died without saying so."""
        return 30.0

    @property
    def ping_timeout(self) -> float:
        """Zero: who reads slowly may answer late. ``Stream`` decides who is dead."""
        return 0.0

    def get_compression_options(self) -> None:
        """None: updates are small, and compressing each for each reader would cost more than it saves."""

    def _make_connection(self) -> Connection:
        access = self.coterie_access
        if access is None:  # prepare() has refused that already
            raise web.HTTPError(HTTPStatus.FORBIDDEN)
        self._stream = Stream(self, self._drained, lambda: self.end(TOO_SLOW))
        return Connection(access, self.current_user, self._stream, self.end, self._rooms.people.stirred)

    def _heard(self) -> None:
        if self._stream is not None:
            self._stream.heard()

    def _stop(self) -> None:
        """From here on no frame is taken or sent."""
        self._is_over = True
        if self._stream is not None:
            self._stream.stop()
        if self._connection is not None:
            self._rooms.leave(self._room, self._connection)
            # tornado's objects hold one another, and so this handler, until Python looks for rings; a room holds much.
            self._room = None

    def _drained(self) -> None:
        if self._room is not None and self._connection is not None:
            self._room.drained(self._connection)
