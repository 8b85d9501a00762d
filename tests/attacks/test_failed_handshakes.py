"""A Viewer asks for sockets without becoming a connection, over and over, and with that upsets whoever follows
changes of access: afterwards a revocation would close nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from revocation.holding import Place
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture
async def restored(demo: Demo, place: Place) -> AsyncIterator[Place]:
    """The workspace. Carol is Editor there again afterwards."""
    yield place
    await demo.grant("alice", place.id, "carol", "editor")
    await demo.open("carol", place.id)


async def test_handshakes_that_fail_do_not_keep_others_from_being_cut(demo: Demo, restored: Place) -> None:
    workspace, url = restored.id, restored.url
    for path in ("coterie/live", "api/events/subscribe", "api/collaboration/room/JupyterLab:globalAwareness") * 3:
        answer = await demo.server("bob", "GET", url + path)  # no upgrade is asked for
        assert 400 == answer.status_code

    async with demo.socket("carol", f"{url}coterie/live") as live:
        await live.recv()
        await demo.grant("alice", workspace, "bob", "editor")
        await demo.grant("alice", workspace, "bob", "viewer")
        assert (await demo.api("alice", "DELETE", f"workspaces/{workspace}/grants/user/carol")).is_success
        async with asyncio.timeout(60):
            await live.wait_closed()

    assert 4403 == live.close_code
