"""Running code where an Editor's code runs: in a kernel and in a terminal of a workspace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection

from revocation.holding import Place, run, shared_addresses
from support.demo import Demo


async def in_kernel(demo: Demo, place: Place, code: str, *, who: str = "carol", within: float = 60.0) -> Any:
    """Run Python *code* in the workspace's kernel; answers the value that it puts into ``found``, by JSON."""
    mark = uuid4().hex
    async with demo.socket(who, shared_addresses(place)["kernel"], max_queue=None, max_size=None) as kernel:
        printed = await run(kernel, f"{code}\nimport json as _json; print('{mark}' + _json.dumps(found))", within)
    return json.loads(printed.partition(mark)[2])


@asynccontextmanager
async def a_terminal(demo: Demo, place: Place, who: str = "carol") -> AsyncIterator[ClientConnection]:
    """A terminal of one's own."""
    made = (await demo.server(who, "POST", f"{place.url}api/terminals", json={})).json()
    address = f"{place.url}terminals/websocket/{made['name']}"
    async with demo.socket(who, address, max_queue=None, max_size=None) as terminal:
        yield terminal


async def in_terminal(demo: Demo, place: Place, line: str, *, who: str = "carol", within: float = 30.0) -> str:
    """Type *line* into a terminal of its own; answers what was shown until it was done, the line included."""
    mark = uuid4().hex
    shown = ""
    async with a_terminal(demo, place, who) as terminal, asyncio.timeout(within):
        # In two parts, so that the line itself does not show it.
        await terminal.send(json.dumps(["stdin", f"{line}; echo {mark[:9]}''{mark[9:]}\r"]))
        while mark not in shown:
            kind, *rest = json.loads(await terminal.recv())
            shown += rest[0] if kind == "stdout" else ""
    return shown
