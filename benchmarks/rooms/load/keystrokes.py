"""Somebody types in a notebook that is full of outputs, while it is saved."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from benchmarks.rooms.load.client import RAW, Client, check_open, enter
from benchmarks.rooms.load.meter import Meter
from benchmarks.rooms.load.presence_frames import encode
from benchmarks.rooms.load.probe import watching
from benchmarks.rooms.load.rooms import find_room
from pycrdt import Array, Decoder, Doc, create_update_message, handle_sync_message, write_message, write_var_uint

#: Seconds between two keystrokes, and after the last one before somebody saves: enough for any server's own saving.
_PACE = 1.0
_PAUSE = 4.0
_AFTERWARDS = 2.0


async def type_in_notebook(contender: str, address: str, pid: int, *, notebook: str, keystrokes: int) -> dict[str, Any]:
    """One character a second, then a save that is asked for: the longest stall of the server's loop in all of it."""
    room = find_room(contender, address, notebook, "json:notebook")
    doc: Doc[Any] = Doc()
    client = await enter(room, "person-0")
    began = time.monotonic()
    handle_sync_message(await client.fetch(), doc)
    opened = time.monotonic() - began
    client.send(encode(((doc.client_id, 1, json.dumps({"autosave": True})),)))
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    source = doc.get("cells", type=Array)[0]["source"]
    await asyncio.sleep(_PAUSE)
    async with watching(address) as stalls:
        await asyncio.sleep(1)
        meter, began = Meter(pid), time.monotonic()
        for _ in range(keystrokes):
            source += "x"
            client.send(create_update_message(updates.pop()))
            await asyncio.sleep(_PACE)
        await asyncio.sleep(_PAUSE)
        asked = time.monotonic()
        status = await _save(client)
        saved = time.monotonic()
        await asyncio.sleep(_AFTERWARDS)
        cost = meter.read()
        ended = time.monotonic()
    doc.unobserve(subscription)
    check_open([client])
    return cost | {
        "seconds_to_open": opened,
        "longest_stall_ms": 1000 * stalls.longest(began, ended),
        "typing_stall_ms": 1000 * stalls.longest(began, asked),
        "quiet_stall_ms": 1000 * stalls.longest(began - 1, began),
        "seconds_to_save": saved - asked,
        "save": status,
    }


async def _save(client: Client) -> str:
    """Ask for it as the stock front end does, and answer the status with which the server answers."""
    number = 1
    client.send(bytes([RAW]) + write_message(b"save") + write_var_uint(number))
    while True:
        message = await client.next()
        if message[0] == RAW:
            answer = json.loads(Decoder(message[1:]).read_var_string())
            if answer.get("responseTo") == number:
                return str(answer["status"])
