"""Play one part against one server and print what came out as JSON: the last argument is the part, as JSON.

``python -m benchmarks.rooms.load CONTENDER ADDRESS PID '{"play": "flood", "document": "a.txt", "readers": 100, ...}'``
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from benchmarks.rooms.load.documents import open_many
from benchmarks.rooms.load.flood import flood
from benchmarks.rooms.load.keystrokes import type_in_notebook
from benchmarks.rooms.load.opening import open_notebook
from benchmarks.rooms.load.presence import move_about
from benchmarks.rooms.load.rooms import find_room
from benchmarks.rooms.load.typing_along import type_along

#: In a room that is found before, and where finding or opening the room is part of the play.
_IN_A_ROOM: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "typing": type_along,
    "flood": flood,
    "presence": move_about,
}
_OPENING: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
    "opening": open_notebook,
    "keystrokes": type_in_notebook,
    "documents": open_many,
}


async def play(contender: str, address: str, pid: int, part: dict[str, Any]) -> dict[str, Any]:
    """What the play that *part* names has measured, given the rest of it."""
    name = part.pop("play")
    if name in _IN_A_ROOM:
        room = find_room(contender, address, part.pop("document"))
        return await _IN_A_ROOM[name](room, pid, **part)
    return await _OPENING[name](contender, address, pid, **part)


if __name__ == "__main__":
    gc.disable()  # a collection would be taken for somebody's delay
    print(json.dumps(uvloop.run(play(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])))))
