"""Many small documents are open at once, one person in each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.rooms import processes
from benchmarks.rooms.load.client import check_open, join
from benchmarks.rooms.load.rooms import find_room

#: Seconds until what opening has left to be done is done.
_SETTLING = 4.0


async def open_many(
    contender: str, address: str, pid: int, *, first: Sequence[str], documents: Sequence[str]
) -> dict[str, Any]:
    """Bytes that the server's processes grow by for each of *documents*, after the *first* ones have been opened."""
    clients = [await join(find_room(contender, address, name), "person-0") for name in first]
    await asyncio.sleep(_SETTLING)
    before = processes.held_bytes(pid)
    clients += [await join(find_room(contender, address, name), "person-0") for name in documents]
    await asyncio.sleep(_SETTLING)
    after = processes.held_bytes(pid)
    check_open(clients)
    return {"kib_per_document": (after - before) / 1024 / len(documents), "held_mib": after / 1024**2}
