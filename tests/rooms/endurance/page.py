"""A page in somebody's browser, as the stock front end keeps one: its document outlives its connections."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from jupyter_ydoc import ydocs
from pycrdt import (
    Decoder,
    Doc,
    YMessageType,
    YSyncMessageType,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    write_var_uint,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rooms.endurance.process import ServerProcess
from rooms.serving import eventually, headers

#: The number of frames that only Jupyter knows.
RAW = 2

SAVE = bytes([RAW, len(b"save")]) + b"save"


class Page:
    """One person's copy of a document. What is typed while it is disconnected goes out when it connects again."""

    def __init__(
        self, server: ServerProcess, path: str, kind: str = "text:file", person: str = "alice", role: str = "editor"
    ) -> None:
        self.person = person
        self.role = role
        self.doc: Doc[Any] = Doc()
        self.document = ydocs[kind.partition(":")[2]](self.doc)
        self._server = server
        self._path = path
        self._kind = kind
        self._room: str | None = None
        self._socket: ClientConnection | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._answers: dict[int, str] = {}
        self._asked = self._answered = self._saves = 0
        self._is_applying = False
        self._subscription: Any = self.doc.observe(self._changed)

    @property
    def is_connected(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    @property
    def ending(self) -> tuple[int | None, str | None]:
        """With what the server has closed the last connection."""
        assert self._socket is not None
        return self._socket.close_code, self._socket.close_reason

    @property
    def file_id(self) -> str:
        assert self._room is not None
        return self._room.partition("?")[0].rpartition(":")[2]

    async def connect(self) -> None:
        """Again with the session of the first time: a page asks for one when it is loaded. Answers once the document is
        there, and what it lacked has been sent."""
        await self.disconnect()
        if self._room is None:
            session = await self._server.session(self._path, self._kind, self.person, self.role)
            self._room = f"{session['format']}:{session['type']}:{session['fileId']}?sessionId={session['sessionId']}"
        self._socket = await connect(
            f"ws://{self._server.address}/api/collaboration/room/{self._room}",
            additional_headers=headers(self.person, self.role),
            max_size=None,
            ping_interval=None,
        )
        self._outgoing = asyncio.Queue()
        self._asked = self._answered = 0
        self._tasks = [
            asyncio.create_task(self._listen(self._socket)),
            asyncio.create_task(self._speak(self._socket, self._outgoing)),
        ]
        # A Viewer is not asked what they have.
        await eventually(lambda: self._asked or self.role == "viewer" or not self.is_connected)
        if not self.is_connected:
            raise ConnectionError(f"{self.person} was not let in: {self.ending}")
        await self.synchronise()

    async def disconnect(self) -> None:
        """What has not been sent yet is not sent any more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()

    async def break_off(self) -> None:
        """As when a laptop is closed: without a close frame."""
        if self._socket is not None:
            self._socket.transport.abort()
        await self.disconnect()

    async def heard_out(self) -> None:
        """Answers once all that arrived before the connection ended has been taken in."""
        assert self._socket is not None
        await self._socket.wait_closed()
        await self._tasks[0]

    async def synchronise(self) -> None:
        """All that was sent before has been handled when this returns, and what the server had has arrived."""
        before = self._answered
        self.send(create_sync_message(self.doc))
        await eventually(lambda: self._answered > before or not self.is_connected)
        if not self.is_connected:
            raise ConnectionError(f"{self.person} was cut off: {self.ending}")

    async def save(self) -> str:
        """The status with which the server answers."""
        self._saves += 1
        number = self._saves
        self.send(SAVE + write_var_uint(number))
        await eventually(lambda: number in self._answers or not self.is_connected)
        return self._answers.get(number, "cut off")

    def send(self, message: bytes) -> None:
        if self.is_connected:
            self._outgoing.put_nowait(message)

    async def sent(self) -> None:
        """All is in the operating system's hands, or the connection has ended."""
        await eventually(lambda: self._outgoing.empty() or not self.is_connected)

    async def close(self) -> None:
        """For good. Harmless the second time."""
        await self.disconnect()
        if self._subscription is not None:
            self.doc.unobserve(self._subscription)
            self._subscription = None

    def _changed(self, event: Any) -> None:
        if not self._is_applying:
            self.send(create_update_message(event.update))

    async def _speak(self, socket: ClientConnection, outgoing: asyncio.Queue[bytes]) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send(await outgoing.get())

    async def _listen(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self._take(message)

    def _take(self, message: bytes) -> None:
        if message[0] == YMessageType.SYNC:
            self._is_applying = True
            answer = handle_sync_message(message[1:], self.doc)
            self._is_applying = False
            if answer is not None:
                self.send(answer)
            self._asked += message[1] == YSyncMessageType.SYNC_STEP1
            self._answered += message[1] == YSyncMessageType.SYNC_STEP2
        elif message[0] == RAW:
            body = json.loads(Decoder(message[1:]).read_var_string())
            if body["type"] == "conflict":
                raise AssertionError(f"{self.person} was told of a conflict")
            self._answers[body["responseTo"]] = body["status"]
