"""One person types at a steady rate, others read."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.rooms.load.client import check_open, join
from benchmarks.rooms.load.marks import Readers, Writer
from benchmarks.rooms.load.meter import Meter, quantile
from benchmarks.rooms.load.rooms import Room
from pycrdt import Doc

#: Seconds after the last edit that still count, so that the saving which it causes is in the figures.
_AFTERWARDS = 3.0


async def type_along(room: Room, pid: int, *, readers: int, edits: int, rate: float) -> dict[str, Any]:
    """*edits* at *rate* a second to *readers*: CPU per delivered update, how long each took, and how many were lost."""
    doc: Doc[Any] = Doc()
    writer = await join(room, "person-0", doc)
    clients = [await join(room, f"person-{1 + index}") for index in range(readers)]
    marks, received = Writer(doc), Readers(clients, edits)
    writer.listen(lambda _: None)
    await asyncio.sleep(1)
    meter, began = Meter(pid), time.perf_counter()
    for number in range(edits):
        message = marks.edit(number)
        received.sent[number] = time.perf_counter()
        writer.send(message)
        await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.perf_counter()))
    await asyncio.sleep(_AFTERWARDS)
    cost = meter.read()
    check_open([writer, *clients])
    return cost | {
        "cpu_us_per_delivery": 1e6 * cost["server_cpu"] / max(1, len(received.delays)),
        "p50_ms": _milliseconds(quantile(received.delays, 0.50)),
        "p99_ms": _milliseconds(quantile(received.delays, 0.99)),
        "lost": received.lost,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
