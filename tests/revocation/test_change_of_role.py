"""A role changes while its holder is connected: what is open goes on with the new one, or is opened anew."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from revocation.holding import Place, editing, ended, holding, run, shared_addresses
from revocation.test_removal import ENDED, let_in, remove
from rooms.serving import eventually
from support.demo import Demo

pytestmark = pytest.mark.hub


async def _role_told(live: ClientConnection, role: str) -> None:
    async with asyncio.timeout(60):
        while json.loads(await live.recv()).get("role") != role:
            pass


async def _has_heard(demo: Demo, place: Place, role: str) -> None:
    """Wait until the server, which hears of a grant a moment after whoever made it, knows that bob has *role*."""
    async with demo.socket("bob", shared_addresses(place)["live"], max_queue=None) as live:
        await _role_told(live, role)


async def _is_open(socket: Any) -> bool:
    await (await socket.ping())
    return True


async def test_from_editor_to_viewer_and_back(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    async with (
        holding(demo, "bob", shared, without=("room",)) as held,
        editing(demo, "bob", shared) as bob,
        editing(demo, "carol", shared) as carol,
    ):
        bob.type("as editor ")
        await eventually(lambda: carol.text.startswith("as editor "))
        before = carol.text

        await demo.grant("alice", shared.id, "bob", "viewer")
        closed = {kind: await ended(held[kind]) for kind in ("kernel", "terminal", "events")}
        await _role_told(held["live"], "viewer")
        bob.type("as viewer ")
        bob.announce({"cursor": 1})
        await bob.synchronise()
        await carol.synchronise()
        while_viewer = carol.text
        made = await demo.server("bob", "POST", f"{shared.url}api/kernels", json={})

        await demo.grant("alice", shared.id, "bob", "editor")
        await _role_told(held["live"], "editor")
        # What he typed meanwhile is asked for again: his page shows it, and it is his to bring in now.
        await eventually(lambda: carol.text.startswith("as viewer "))
        async with demo.socket("bob", shared_addresses(shared)["kernel"], max_queue=None) as kernel:
            assert "42" in await run(kernel, "print(6 * 7)")
        assert await _is_open(held["presence"])
        assert await _is_open(held["live"])

    assert dict.fromkeys(("kernel", "terminal", "events"), (4409, "role-changed")) == closed
    assert (before, 403) == (while_viewer, made.status_code)
    await remove(demo, shared, "bob")


async def test_from_viewer_to_editor_nothing_is_closed(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "viewer")
    await _has_heard(demo, shared, "viewer")
    async with (
        holding(demo, "bob", shared, without=("kernel", "terminal")) as held,
        editing(demo, "carol", shared) as carol,
        editing(demo, "bob", shared) as bob,
    ):
        await demo.grant("alice", shared.id, "bob", "editor")
        await _role_told(held["live"], "editor")
        bob.type("promoted ")
        await eventually(lambda: carol.text.startswith("promoted "))
        for socket in held.values():
            assert await _is_open(socket)
    await remove(demo, shared, "bob")


async def test_connections_that_come_and_go_meanwhile_keep_nobody_from_being_removed(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    over = asyncio.Event()

    async def come_and_go(kind: str) -> None:
        while not over.is_set():
            async with demo.socket("bob", shared_addresses(shared)[kind], close_timeout=0) as socket:
                if len(kind) % 2:
                    socket.transport.abort()

    async with asyncio.TaskGroup() as tasks:
        for kind in ("live", "presence", "events") * 4:
            tasks.create_task(come_and_go(kind))
        for _ in range(10):
            await demo.grant("alice", shared.id, "bob", "viewer")
            await demo.grant("alice", shared.id, "bob", "editor")
        over.set()
    await _has_heard(demo, shared, "editor")
    async with holding(demo, "bob", shared) as held:
        await remove(demo, shared, "bob")
        closed = {kind: await ended(socket) for kind, socket in held.items()}

    assert ENDED == closed
