"""Yjs clients in Node.js, each in a process of its own, driven from Python."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

from rooms.serving import WITHIN

FOLDER = Path(__file__).parent / "yjs"
NODE_PACKAGES = FOLDER / "node_modules"


@cache
def node() -> str | None:
    """The Node.js beside this Python, else the machine's. Never a script that starts it, which would die alone."""
    command = shutil.which("node", path=Path(sys.executable).parent) or shutil.which("node")
    if command is None:
        return None
    return subprocess.run(
        [command, "-p", "process.execPath"], check=True, capture_output=True, text=True
    ).stdout.strip()


class YjsClient:
    """The calls are those of ``yjs/client.mjs``."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, address: str, session: dict[str, str], headers: dict[str, str]) -> YjsClient:
        """A client in a document's room, with what the server had when it came."""
        command = node()
        assert command is not None
        options = {
            "address": f"ws://{address}/api/collaboration/room",
            "room": f"{session['format']}:{session['type']}:{session['fileId']}",
            "sessionId": session["sessionId"],
            "headers": headers,
            "type": session["type"],
        }
        client = cls(
            await asyncio.create_subprocess_exec(
                command, FOLDER / "client.mjs", json.dumps(options), stdin=PIPE, stdout=PIPE
            )
        )
        assert await comes_to(lambda: client.call("isSynced"), True)
        return client

    async def call(self, name: str, *values: Any) -> Any:
        """What the client answers. One call at a time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, *values]).encode() + b"\n")
        said = json.loads(await self._process.stdout.readline())
        assert "error" not in said, said["error"]
        return said["answer"]

    async def text(self) -> str:
        return str(await self.call("text"))

    async def sources(self) -> list[str]:
        """What stands in the cells, from top to bottom."""
        return [cell["source"] for cell in await self.call("cells")]

    async def people(self) -> list[tuple[str, str]]:
        """The name and the role of everybody else who is there."""
        return sorted((state["user"]["name"], state["user"]["role"]) for state in await self.call("presence"))

    async def kill(self) -> None:
        """End it without a word to the server."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def comes_to(ask: Callable[[], Awaitable[Any]], expected: Any, within: float = WITHIN) -> Any:
    """Ask until the answer is *expected*; the last answer, which is another one when the *within* seconds run out."""
    until = time.monotonic() + within  # and not asyncio.timeout, which would end a call before its answer is read
    while (answer := await ask()) != expected and time.monotonic() < until:  # noqa: ASYNC110  it is elsewhere
        await asyncio.sleep(0.02)
    return answer


async def agreed(*asks: Callable[[], Awaitable[Any]]) -> Any:
    """Ask everybody until all answer the same, and answer that."""

    async def answers() -> list[Any]:
        return [await ask() for ask in asks]

    async def differ() -> bool:
        first, *others = await answers()
        return any(other != first for other in others)

    assert not await comes_to(differ, False), await answers()
    return await asks[0]()
