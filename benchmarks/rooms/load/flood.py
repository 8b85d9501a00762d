"""One person's edits arrive all at once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.rooms.load.client import check_open, join
from benchmarks.rooms.load.marks import Readers, Writer
from benchmarks.rooms.load.meter import Meter
from benchmarks.rooms.load.rooms import Room
from pycrdt import Doc

#: Seconds without any further update after which what is missing counts as lost.
_PATIENCE = 15.0


async def flood(room: Room, pid: int, *, readers: int, edits: int) -> dict[str, Any]:
    """Send *edits* without a pause: updates a second until all *readers* have all, and CPU per delivered update."""
    doc: Doc[Any] = Doc()
    writer = await join(room, "person-0", doc)
    clients = [await join(room, f"person-{1 + index}") for index in range(readers)]
    marks, received = Writer(doc), Readers(clients, edits)
    writer.listen(lambda _: None)
    messages = [marks.edit(number) for number in range(edits)]
    await asyncio.sleep(1)
    meter, began = Meter(pid), time.perf_counter()
    received.sent[:] = [began] * edits
    for message in messages:
        writer.send(message)
    count, last = 0, began
    while received.lost and time.perf_counter() - last < _PATIENCE:
        await asyncio.sleep(0.02)
        if len(received.delays) > count:
            count, last = len(received.delays), time.perf_counter()
    cost = meter.read()
    check_open([writer, *clients])
    return cost | {
        "updates_per_second": edits / max(received.delays) if received.delays else 0.0,
        "cpu_us_per_delivery": 1e6 * cost["server_cpu"] / max(1, count),
        "lost": received.lost,
    }
