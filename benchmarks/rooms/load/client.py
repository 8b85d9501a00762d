"""One connection to a room. Speaks the sync protocol of y-protocols, on a WebSocket client that costs little itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.rooms.load.rooms import Room, headers_of
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from pycrdt import Doc, create_sync_message, handle_sync_message

SYNC, AWARENESS, RAW = 0, 1, 2
_STEP_1, _STEP_2 = 0, 1

#: The answer of somebody who has nothing: an update with neither blocks nor deletions.
_NOTHING = bytes((SYNC, _STEP_2, 2, 0, 0))

#: In Hocuspocus' protocol: who one is, and a sync message that answers one.
_AUTHENTICATION, _SYNC_ANSWER = 2, 4

#: Seconds until the longest answer must be here.
_WITHIN = 120
_LARGEST_FRAME = 1 << 30


class ConnectionEnded(Exception):
    """The server closed a connection that was to go on."""


class Client(WSListener):  # type: ignore[misc]
    """*receive* is called with each binary frame, without the room's prefix; until it is set they wait in a queue."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.ending: str | None = None
        self._prefix = room.prefix
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.receive: Callable[[bytes], None] = self._waiting.put_nowait

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            self.receive(frame.get_payload_as_bytes()[len(self._prefix) :])
        elif frame.msg_type == WSMsgType.CLOSE:
            self.ending = f"{frame.get_close_code()} {frame.get_close_message()!r}"
            transport.disconnect()

    def on_ws_disconnected(self, _: WSTransport) -> None:
        self.ending = self.ending or "the connection broke"
        self._waiting.put_nowait(None)

    def send(self, message: bytes) -> None:
        self._transport.send(WSMsgType.BINARY, self._prefix + message)

    async def next(self) -> bytes:
        """The next frame that waits. Raises ConnectionEnded."""
        message = await asyncio.wait_for(self._waiting.get(), _WITHIN)
        if message is None:
            raise ConnectionEnded(self.ending)
        return message

    async def authenticate(self) -> None:
        """As Hocuspocus wants it before anything else."""
        self.send(bytes((_AUTHENTICATION, 0, 0)))
        while (await self.next())[0] != _AUTHENTICATION:
            pass

    async def fetch(self) -> bytes:
        """What the server has, as a sync message without its first byte, to somebody who has nothing."""
        self.send(create_sync_message(Doc()))
        while True:
            message = await self.next()
            if message[0] in (SYNC, _SYNC_ANSWER):
                if message[1] == _STEP_2:
                    return message[1:]
                if message[1] == _STEP_1:
                    self.send(_NOTHING)

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Give *receive* what waits and what comes."""
        while not self._waiting.empty():
            message = self._waiting.get_nowait()
            if message is not None:
                receive(message)
        self.receive = receive

    def close(self) -> None:
        self.receive = _ignore
        self._transport.disconnect()


async def enter(room: Room, person: str) -> Client:
    """A connection of *person*'s, nothing exchanged yet."""
    client = Client(room)
    await ws_connect(
        lambda: client,
        room.url,
        extra_headers=headers_of(person),
        max_frame_size=_LARGEST_FRAME,
        websocket_handshake_timeout=_WITHIN,
    )
    if room.prefix:
        await client.authenticate()
    return client


async def join(room: Room, person: str, doc: Doc[Any] | None = None) -> Client:
    """A connection of *person*'s that has been sent the document, which is in *doc* if one is given."""
    client = await enter(room, person)
    content = await client.fetch()
    if doc is not None:
        handle_sync_message(content, doc)
    return client


def check_open(clients: Iterable[Client]) -> None:
    """Raises ConnectionEnded if one of *clients* is not connected any more."""
    for client in clients:
        if client.ending is not None:
            raise ConnectionEnded(client.ending)


def _ignore(message: bytes) -> None:
    pass
