"""Short addresses of rooms, for clients that know of no sessions: ``/NAME`` is the room of the text file NAME."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from rooms.serving import Server, headers

PERSON, ROLE = "somebody", "editor"


async def relay(server: Server, port: int) -> None:
    """Pass every connection on *port* through to *server*, byte for byte, until the process ends."""

    asking: dict[str, asyncio.Task[str]] = {}

    async def ask(name: str) -> str:
        (server.root / name).touch()
        session = await server.session(name, PERSON, ROLE)
        room = f"{session['format']}:{session['type']}:{session['fileId']}?sessionId={session['sessionId']}"
        return f"ws://{server.address}/api/collaboration/room/{room}"

    async def carry(near: ServerConnection) -> None:
        assert near.request is not None
        name = near.request.path.strip("/")
        if name not in asking:
            asking[name] = asyncio.create_task(ask(name))
        address = await asking[name]
        async with connect(address, additional_headers=headers(PERSON, ROLE), max_size=None) as far:
            await asyncio.gather(_pass_on(near, far), _pass_on(far, near))

    await serve(carry, "localhost", port, max_size=None)


async def _pass_on(source: ServerConnection | ClientConnection, target: ServerConnection | ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in source:
            await target.send(message)
    await target.close()
