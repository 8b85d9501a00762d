"""A Viewer asks for sockets without becoming a connection, over and over, and with that upsets whoever follows
changes of access: afterwards a revocation would close nothing."""

from __future__ import annotations

import asyncio

import pytest

from support.demo import Demo

pytestmark = pytest.mark.hub


async def test_handshakes_that_fail_do_not_keep_others_from_being_cut(demo: Demo) -> None:
    workspace = await demo.create("alice", "Failed handshakes")
    await demo.grant("alice", workspace, "bob", "viewer")
    await demo.grant("alice", workspace, "carol", "editor")
    for name in ("alice", "bob", "carol"):
        url = await demo.open(name, workspace)
    for path in ("coterie/live", "api/events/subscribe", "api/collaboration/room/JupyterLab:globalAwareness") * 3:
        answer = await demo.server("bob", "GET", url + path)  # no upgrade is asked for
        assert answer.status_code == 400

    async with demo.socket("carol", f"{url}coterie/live") as live:
        await live.recv()
        await demo.grant("alice", workspace, "bob", "editor")
        await demo.grant("alice", workspace, "bob", "viewer")
        assert (await demo.api("alice", "DELETE", f"workspaces/{workspace}/grants/user/carol")).is_success
        async with asyncio.timeout(10):
            await live.wait_closed()

    assert live.close_code == 4403
