"""Rooms: who is in one, and what happens to the frames they send. No sockets, no files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import assert_never

from coterie.policy.roles import Role
from coterie.server.access import Access
from coterie.server.rooms.awareness import Presence
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import MALFORMED_FRAME, UNKNOWN_FRAME
from coterie.server.rooms.frames import (
    EMPTY_UPDATE,
    Awareness,
    ClientFrame,
    Conflict,
    Entry,
    FrameError,
    QueryAwareness,
    Save,
    SaveAnswer,
    SaveStatus,
    ServerFrame,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    UnknownFrameError,
    encode,
    parse,
)
from coterie.server.rooms.live import LiveDocument
from coterie.wire.close_codes import CloseCode


class Room:
    """A room without a document: people see who is there.

    Frames go to everybody who is in, the sender included: the stock client takes half a minute of silence for a dead
    connection.
    """

    def __init__(self) -> None:
        self._connections: dict[Connection, None] = {}  # in the order of joining
        self._presence = Presence()

    @property
    def is_empty(self) -> bool:
        return not self._connections

    def join(self, connection: Connection) -> None:
        """Let *connection* in, and show it at once everybody who is there."""
        self._connections[connection] = None
        self._send_presence(connection)

    def leave(self, connection: Connection) -> None:
        """Nothing more is taken from or sent to *connection*; the others see it gone at once. Harmless if it is out."""
        if connection in self._connections:
            del self._connections[connection]
            self._tell_presence(self._presence.forget(connection))

    def receive(self, connection: Connection, message: bytes | str) -> None:
        """Take one message. What the connection may not send is dropped; what is no frame ends the connection."""
        if connection not in self._connections:
            return
        try:
            frame = parse(message)
            if connection.may_send(frame):
                self._take(connection, frame)
        except UnknownFrameError:
            connection.end(UNKNOWN_FRAME)
        except FrameError:
            connection.end(MALFORMED_FRAME)

    def change_access(self, connection: Connection, access: Access) -> None:
        """The connection goes on with another access, and shows the others its new role."""
        shown = connection.identity
        connection.access = access
        if connection.identity == shown or connection not in self._connections:
            return
        if recalled := self._presence.recall(connection):
            connection.send(encode(Awareness(recalled)))

    def _take(self, connection: Connection, frame: ClientFrame) -> None:
        match frame:
            case Awareness(entries):
                self._hear(connection, entries)
            case QueryAwareness():
                self._send_presence(connection)
            case SyncStep1():
                connection.send(encode(SyncStep2(EMPTY_UPDATE)))
            case SyncStep2() | SyncUpdate():
                pass  # a copy of a document that does not exist
            case Save(number):
                connection.send(encode(SaveAnswer(number, SaveStatus.FAILED)))
            case _:
                assert_never(frame)

    def _hear(self, connection: Connection, entries: Iterable[Entry]) -> None:
        heard = self._presence.hear(connection, entries)
        if heard.ask_again:
            connection.send(encode(Awareness(heard.ask_again)))
        self._tell_presence(heard.news)

    def _send_presence(self, connection: Connection) -> None:
        if everybody := self._presence.everybody():
            connection.send(encode(Awareness(everybody)))

    def _tell_presence(self, entries: tuple[Entry, ...]) -> None:
        if entries:
            self._tell(Awareness(entries))

    def _tell(self, frame: ServerFrame) -> None:
        message = encode(frame)
        for connection in tuple(self._connections):  # sending may end a connection, which then leaves
            connection.send(message)


class DocumentRoom(Room):
    """A room with a document.

    *on_change* is called after each change of its content, *on_save* for each request to save it, with what to do once
    the save has succeeded or failed.
    """

    def __init__(
        self,
        kind: str,
        state: bytes,
        *,
        on_change: Callable[[], None],
        on_save: Callable[[Callable[[bool], None]], None],
        log: logging.Logger,
    ) -> None:
        super().__init__()
        self.had_editors = False  # then somebody who has lost their connection may still hold edits
        self._on_save = on_save
        self._log = log
        self.live = LiveDocument(kind, state, on_update=self._tell_update, on_change=on_change)

    @property
    def is_open_to_editors(self) -> bool:
        """Whether anybody is in who may edit."""
        return any(_may_edit(connection) for connection in self._connections)

    def join(self, connection: Connection) -> None:
        """Also ask what the connection's copy has that the document lacks; a Viewer's answer will be dropped."""
        super().join(connection)
        self.had_editors |= _may_edit(connection)
        self._ask_for_missing(connection)

    def dismiss(self, code: CloseCode) -> None:
        """End every connection."""
        for connection in tuple(self._connections):
            connection.end(code)

    def change_access(self, connection: Connection, access: Access) -> None:
        """Also ask for what was dropped so far: later updates of that client build on it and would wait for it."""
        could_edit = _may_edit(connection)
        super().change_access(connection, access)
        if connection in self._connections and _may_edit(connection) and not could_edit:
            self.had_editors = True
            self._ask_for_missing(connection)

    def _take(self, connection: Connection, frame: ClientFrame) -> None:
        match frame:
            case SyncStep1(state_vector):
                self._send_missing(connection, state_vector)
            case SyncStep2(update) | SyncUpdate(update):
                self._apply(connection, update)
            case Save(number):
                self._on_save(lambda is_saved: self._answer(connection, number, is_saved=is_saved))
            case Awareness() | QueryAwareness():
                super()._take(connection, frame)
            case _:
                assert_never(frame)

    def _ask_for_missing(self, connection: Connection) -> None:
        connection.send(encode(SyncStep1(self.live.state_vector())))

    def _send_missing(self, connection: Connection, state_vector: bytes) -> None:
        try:
            missing = self.live.since(state_vector)
        except ValueError as error:
            raise FrameError("not a state vector") from error
        connection.send(encode(SyncStep2(missing)))

    def _apply(self, connection: Connection, update: bytes) -> None:
        try:
            self.live.apply(update)
        except ValueError as error:
            raise FrameError("not an update") from error
        except RuntimeError:
            self._log.warning("an update did not fit the document and was refused")
            connection.send(encode(Conflict()))

    def _answer(self, connection: Connection, number: int, *, is_saved: bool) -> None:
        if connection in self._connections:
            connection.send(encode(SaveAnswer(number, SaveStatus.SUCCESS if is_saved else SaveStatus.FAILED)))

    def _tell_update(self, update: bytes) -> None:
        self._tell(SyncUpdate(update))


def _may_edit(connection: Connection) -> bool:
    return connection.access.allows(Role.EDITOR)
