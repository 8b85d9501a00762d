"""A WebSocket client without manners (RFC 6455): sends what it likes and never answers a close."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from support.demo import Demo

TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


class Raw:
    """``received`` holds the frames that came, as opcode and payload; ``gone`` is set when the server hung up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received: list[tuple[int, bytes]] = []
        self.gone = asyncio.Event()
        self.closed = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._listening = asyncio.create_task(self._listen())

    async def send(self, payload: bytes, opcode: int = BINARY, *, announced: int | None = None) -> None:
        """One frame. With *announced*, its header gives that length whatever the payload has."""
        length = len(payload) if announced is None else announced
        header = struct.pack("!BB", 0x80 | opcode, 0x80 | min(length, 127) if length < 126 else 0)
        if length >= 126:
            header = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        # Masked with zeros: masking protects proxies and hides nothing.
        with suppress(ConnectionError):
            self._writer.write(header + bytes(4) + payload)
            await self._writer.drain()

    async def hang_up(self) -> None:
        self._listening.cancel()
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _listen(self) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, second = await self._reader.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack("!H", await self._reader.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
                payload = await self._reader.readexactly(length)
                self.received.append((first & 0xF, payload))
                if first & 0xF == CLOSE:
                    self.closed.set()
        self.gone.set()


@asynccontextmanager
async def raw_socket(demo: Demo, who: str, url: str) -> AsyncIterator[Raw]:
    """A connection to a Jupyter server as *who*, past every WebSocket library."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    reader, writer = await asyncio.open_connection("127.0.0.1", demo.port)
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: token {demo.tokens[who]}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101"), answer
    socket = Raw(reader, writer)
    try:
        yield socket
    finally:
        await socket.hang_up()
