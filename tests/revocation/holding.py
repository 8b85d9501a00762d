"""Everything that a person can hold open at a workspace's server, by the kinds of WebSocket there are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection

from coterie.server.rooms.names import EVERYBODY
from rooms.serving import Client
from support.demo import Demo

WITHIN = 60.0


@dataclass(frozen=True)
class Place:
    """A running workspace with one file, one kernel and one terminal."""

    id: str
    url: str
    file: str
    kernel: str
    terminal: str


async def furnished(demo: Demo, creator: str, name: str, roles: Mapping[str, str]) -> Place:
    """A new workspace of *creator*'s that runs, in which everybody in *roles* has been let through the Hub."""
    workspace = await demo.create(creator, name)
    for person, role in roles.items():
        await demo.grant("admin", workspace, person, role)
    for person in (creator, *roles):
        url = await demo.open(person, workspace)
    return await furnish(demo, creator, workspace, url)


async def furnish(demo: Demo, editor: str, workspace: str, url: str) -> Place:
    """A file, a kernel and a terminal for a workspace that runs: the first ones, where it has some."""
    file = "notes.txt"
    demo.put(url, file, "start\n")

    async def first(kind: str) -> Any:
        found = (await demo.server(editor, "GET", f"{url}api/{kind}")).json()
        return found[0] if found else (await demo.server(editor, "POST", f"{url}api/{kind}", json={})).json()

    return Place(workspace, url, file, (await first("kernels"))["id"], (await first("terminals"))["name"])


async def room_address(demo: Demo, who: str, place: Place, file: str | None = None) -> str:
    """Where the room of a text file is, with the session that *who* was given."""
    session = await demo.server(
        who,
        "PUT",
        f"{place.url}api/collaboration/session/{file or place.file}",
        json={"format": "text", "type": "file"},
    )
    assert session.is_success, session.text
    body = session.json()
    return f"{place.url}api/collaboration/room/text:file:{body['fileId']}?sessionId={body['sessionId']}"


def shared_addresses(place: Place) -> dict[str, str]:
    """Every kind of WebSocket but the room of a document, which takes a session."""
    return {
        "presence": f"{place.url}api/collaboration/room/{EVERYBODY}",
        "kernel": f"{place.url}api/kernels/{place.kernel}/channels?session_id={uuid4().hex}",
        "events": f"{place.url}api/events/subscribe",
        "terminal": f"{place.url}terminals/websocket/{place.terminal}",
        "live": f"{place.url}coterie/live",
    }


@asynccontextmanager
async def holding(
    demo: Demo, who: str, place: Place, *, without: tuple[str, ...] = ()
) -> AsyncIterator[dict[str, ClientConnection]]:
    """Every kind of WebSocket, open, by kind."""
    addresses = {"room": await room_address(demo, who, place), **shared_addresses(place)}
    async with AsyncExitStack() as stack:
        # Without a limit to what may wait unread: a full queue would keep the library from seeing the close.
        yield {
            kind: await stack.enter_async_context(demo.socket(who, address, max_queue=None, max_size=None))
            for kind, address in addresses.items()
            if kind not in without
        }


@asynccontextmanager
async def editing(demo: Demo, who: str, place: Place, file: str | None = None) -> AsyncIterator[Client]:
    """A copy of the document, kept in step as the stock front end keeps it."""
    address = await room_address(demo, who, place, file)
    async with demo.socket(who, address, max_queue=None, max_size=None) as socket:
        client = Client(socket)
        await client.synchronise()
        yield client
        await client.close()


async def ended(socket: ClientConnection, within: float = WITHIN) -> tuple[int | None, str]:
    """How *socket* was closed: the code, and ``code`` in its reason."""
    async with asyncio.timeout(within):
        await socket.wait_closed()
    reason = json.loads(socket.close_reason) if socket.close_reason else {}
    return socket.close_code, str(reason.get("code", ""))


async def run(socket: ClientConnection, code: str, within: float = 30.0) -> str:
    """Run *code* through the channels of a kernel, and answer what it printed."""
    message = uuid4().hex
    await socket.send(json.dumps(execute_request(code, message)))
    printed = ""
    async with asyncio.timeout(within):
        while True:
            heard = json.loads(await socket.recv())
            if heard["parent_header"].get("msg_id") != message:
                continue
            if heard["msg_type"] == "stream":
                printed += heard["content"]["text"]
            elif heard["msg_type"] == "error":
                raise AssertionError("\n".join(heard["content"]["traceback"]))
            elif heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                return printed


def execute_request(code: str, message: str = "m") -> dict[str, Any]:
    """The message that asks a kernel to run *code*."""
    header = {"msg_id": message, "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"}
    content = {
        "code": code,
        "silent": False,
        "store_history": False,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


async def typed(socket: ClientConnection, line: str, answer: str, within: float = WITHIN) -> None:
    """Type *line* into a terminal and wait until *answer* appears."""
    await socket.send(json.dumps(["stdin", line + "\r"]))
    shown = ""
    async with asyncio.timeout(within):
        while answer not in shown:
            kind, *rest = json.loads(await socket.recv())
            shown += rest[0] if kind == "stdout" else ""


async def hub(demo: Demo, who: str, method: str, path: str, **options: Any) -> Any:
    """The Hub's answer to *who* (an API path below ``hub/api/``)."""
    answer = await demo.server(who, method, f"{demo.hub_url}hub/api/{path}", **options)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def account_of(url: str) -> str:
    """The Hub account that a server's address belongs to."""
    return url.rstrip("/").rsplit("/", 1)[-1]


async def admitted(demo: Demo, url: str) -> set[str]:
    """Who has a Hub share of the server at *url*."""
    shares = await hub(demo, "admin", "GET", f"shares/{account_of(url)}/")
    return {share["user"]["name"] for share in shares["items"] if share["user"]}
