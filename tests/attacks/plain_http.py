"""HTTP/1.1 as bytes (RFC 9112): what no client library would send, and whatever comes back."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from coterie.cli.demo.state import DemoState
from support.demo import Demo


@dataclass(frozen=True, slots=True)
class Answer:
    """*headers* by their names in small letters; of several of one name the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One connection, on which several requests may follow each other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Whoever hung up meanwhile is found out by the answer that does not come."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def answer(self, method: str = "GET") -> Answer | None:
        """The next answer but those that say to go on, None where the other side hung up before it was whole."""
        try:
            while (found := await self._one(method)).status == 100:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return found

    async def head(self) -> bytes:
        """The beginning of the next answer, up to its body."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def rest(self, within: float) -> bytes:
        """All that comes until the other side hangs up, and no longer than *within* seconds."""
        received = b""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(within):
                while piece := await self._reader.read(65536):
                    received += piece
        return received

    async def hang_up(self) -> None:
        """Close."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _one(self, method: str) -> Answer:
        head = (await self.head()).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(status, headers, await self._body(method, status, headers))

    async def _body(self, method: str, status: int, headers: Mapping[str, str]) -> bytes:
        if method == "HEAD" or status in (100, 204, 304):
            return b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readuntil(b"\r\n")
            return body
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        return await self._reader.read()


@asynccontextmanager
async def a_line(port: int) -> AsyncIterator[Line]:
    """A connection to a *port* of this machine."""
    line = Line(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield line
    finally:
        await line.hang_up()


def request(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of a request, *headers* as whole lines; a body's length is added."""
    lines = [f"{method} {target} HTTP/1.1", *headers, *([f"Content-Length: {len(body)}"] if body else [])]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def port_behind(demo: Demo, url: str) -> int:
    """The port of the process that the proxy asks for what is at *url*."""
    rules: dict[str, Any] = tomllib.loads(DemoState(demo.state).routes[1].read_text())["http"]
    place = urlsplit(url)
    found = [
        rules["services"][router["service"]]["loadBalancer"]["servers"][0]["url"]
        for router in rules["routers"].values()
        # The Hub has whatever has no host of its own.
        if f"`{place.path}`" in router["rule"]
        if f"`{place.hostname}`" in router["rule"] or "Host(" not in router["rule"]
    ]
    assert len(found) == 1, (url, rules)
    port = urlsplit(str(found[0])).port
    assert port is not None
    return port
