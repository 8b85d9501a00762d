"""Somebody opens a notebook that nobody is in."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.rooms.load.client import enter, join
from benchmarks.rooms.load.meter import Meter
from benchmarks.rooms.load.probe import watching
from benchmarks.rooms.load.rooms import find_room
from pycrdt import Array, Doc, handle_sync_message

#: Seconds after the content has arrived that still count: what opening leaves to be done is part of it.
_AFTERWARDS = 2.0


async def open_notebook(
    contender: str, address: str, pid: int, *, notebook: str, small: str, cells: int
) -> dict[str, Any]:
    """Seconds from connecting until the content of *notebook* is here, and the longest stall of the server's loop.

    The notebook called *small* is opened first: what a server does once is not what is measured.
    """
    warming_up = await join(find_room(contender, address, small, "json:notebook"), "person-0")
    room = find_room(contender, address, notebook, "json:notebook")
    async with watching(address) as stalls:
        await asyncio.sleep(1)
        meter, began = Meter(pid), time.monotonic()
        client = await enter(room, "person-1")
        content = await client.fetch()
        arrived = time.monotonic()
        await asyncio.sleep(_AFTERWARDS)
        cost = meter.read()
    doc: Doc[Any] = Doc()
    handle_sync_message(content, doc)
    arrived_cells = len(doc.get("cells", type=Array))
    if arrived_cells != cells:
        raise RuntimeError(f"{arrived_cells} cells of {cells} have arrived")
    client.close()
    warming_up.close()
    return cost | {
        "seconds_to_content": arrived - began,
        "longest_stall_ms": 1000 * stalls.longest(began, arrived + _AFTERWARDS),
        "quiet_stall_ms": 1000 * stalls.longest(began - 1, began),
    }
