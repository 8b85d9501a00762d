"""Everybody moves their cursor, and everybody sees it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from benchmarks.rooms.load import presence_frames
from benchmarks.rooms.load.client import Client, check_open, join
from benchmarks.rooms.load.meter import Meter, quantile
from benchmarks.rooms.load.presence_frames import Entry
from benchmarks.rooms.load.rooms import Room

#: Seconds between two looks at whether the server has come to rest, the share of a core that counts as rest, and for
#: how many seconds it is waited for.
_LOOK_EVERY = 1.0
_AT_REST = 0.05
_LONGEST_REST = 20.0

#: Clients' numbers as long on the wire as real ones mostly are.
_FIRST_NUMBER = 1 << 30


class Person:
    """Somebody with a cursor. *moves* holds when each move of each person was made, and *lags* how long after that one
    of the others saw it. Who echoes sends back what is news to them, as y-websocket's and Hocuspocus' clients do."""

    def __init__(
        self, number: int, client: Client, moves: dict[int, list[float]], lags: list[float], *, echoes: bool
    ) -> None:
        self._number = number
        self._client = client
        self._moves = moves
        self._lags = lags
        self._echoes = echoes
        self._newest: dict[int, int] = {number: 0}
        moves[number] = [0.0]
        client.listen(self._receive)

    def move(self) -> None:
        """To the next place."""
        clock = self._newest[self._number] = self._newest[self._number] + 1
        self._moves[self._number].append(time.perf_counter())
        self._client.send(presence_frames.encode(((self._number, clock, self._state(clock)),)))

    def _receive(self, frame: bytes) -> None:
        news: list[Entry] = []
        newest = self._newest
        for entry in presence_frames.decode(frame):
            client, clock, _ = entry
            if clock > newest.get(client, -1):
                newest[client] = clock
                news.append(entry)
                if client in self._moves:
                    self._lags.append(time.perf_counter() - self._moves[client][clock])
        if news and self._echoes:
            self._client.send(presence_frames.encode(tuple(news)))

    def _state(self, clock: int) -> str:
        """What JupyterLab announces of somebody in a text."""
        name = f"person-{self._number - _FIRST_NUMBER}"
        place = {"type": {"client": _FIRST_NUMBER, "clock": clock}, "tname": None, "item": None, "assoc": 0}
        return json.dumps(
            {
                "user": {
                    "username": name,
                    "name": name,
                    "display_name": name.title(),
                    "initials": "P",
                    "color": "#123456",
                    "avatar_url": None,
                },
                "autosave": True,
                "cursors": [{"anchor": place, "head": place, "primary": True, "empty": True}],
            },
            separators=(",", ":"),
        )


async def move_about(room: Room, pid: int, *, people: int, rate: float, seconds: float, echoes: bool) -> dict[str, Any]:
    """*people* move *rate* times a second each: the share of a core that this needs, and how late moves are seen.

    What the server still has to do when they stop moving counts, so that the share is above one where it cannot keep up
    and no smaller where something else holds it up. Where there is no end to it, ``unfinished`` is 1 and the share is
    what was needed so far.
    """
    clients = [await join(room, f"person-{index}") for index in range(people)]
    moves: dict[int, list[float]] = {}
    lags: list[float] = []
    crowd = [Person(_FIRST_NUMBER + index, client, moves, lags, echoes=echoes) for index, client in enumerate(clients)]
    await asyncio.sleep(1)
    meter, until = Meter(pid), time.perf_counter() + seconds
    async with asyncio.TaskGroup() as moving:
        for index, person in enumerate(crowd):
            moving.create_task(_move(person, index / people, rate, until))
    cost, is_finished = await _all_done(meter)
    check_open(clients)
    return cost | {
        "core_share": cost["server_cpu"] / seconds,
        "unfinished": int(not is_finished),
        "seen_per_second": len(lags) / seconds,
        "lag_p50_ms": 1000 * (quantile(lags, 0.50) or 0.0),
        "lag_p99_ms": 1000 * (quantile(lags, 0.99) or 0.0),
    }


async def _all_done(meter: Meter) -> tuple[dict[str, float], bool]:
    """What it has cost when the server has come to rest, or after the longest wait."""
    deadline = time.perf_counter() + _LONGEST_REST
    while True:
        before = meter.read()
        await asyncio.sleep(_LOOK_EVERY)
        cost = meter.read()
        if cost["server_cpu"] - before["server_cpu"] < _AT_REST * _LOOK_EVERY:
            return cost, True
        if time.perf_counter() > deadline:
            return cost, False


async def _move(person: Person, phase: float, rate: float, until: float) -> None:
    due = time.perf_counter() + phase / rate
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        person.move()
        due += 1 / rate
