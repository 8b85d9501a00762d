"""How a server ends when somebody stops it, and that a Hub that starts again finds those that went on."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from attacks.own_token import first_inside, pid_of_server
from coterie.cli.demo.hub import why_unconfined
from coterie.cli.demo.processes import descendants
from coterie.hub.processes import started_at
from revocation.holding import Place, account_of, editing, furnished, hub, run, shared_addresses
from support.demo import Demo, until
from support.operated_hub import OperatedHub

pytestmark = pytest.mark.hub

#: From the moment somebody asks until nothing is left (seconds). The Hub itself would kill only after ten or more.
QUICK = 6.0


def _skip_unless_confined(state: Path) -> None:
    why = why_unconfined(state)
    if why is not None:
        pytest.skip(why)


async def _state_of(demo: Demo, place: Place) -> dict[str, Any]:
    """What the Hub keeps of the server."""
    user = await hub(demo, "admin", "GET", f"users/{account_of(place.url)}")
    state: dict[str, Any] = user["servers"][""]["state"]
    return state


async def _type_and_stop(demo: Demo, place: Place, started_in: float) -> None:
    """Stop the server just after somebody has typed: it ends quickly and in order, and nothing of it is left.

    Where the machine is slow quickly means: in less than the *started_in* seconds that it took to start it.
    """
    state = await _state_of(demo, place)
    inside = first_inside(place.url)
    processes = {state["pid"], inside, *descendants(inside)}
    groups = [Path(folder) for folder in state["groups"]]
    assert len(processes) >= 5
    assert all(group.exists() for group in groups)
    assert "runtime" not in state  # there is no folder for sockets outside of the sandbox
    async with editing(demo, "alice", place) as client:
        client.type("last words\n")
        await client.synchronise()
        began = time.monotonic()
        assert 202 == (await demo.api("alice", "POST", f"workspaces/{place.id}/stop")).status_code

        async def nothing_is_left() -> bool:
            user = await hub(demo, "admin", "GET", f"users/{account_of(place.url)}")
            return user["server"] is None and not any(started_at(pid) for pid in processes)

        await until(nothing_is_left, within=30)
        taken = time.monotonic() - began

    async def no_group_is_left() -> bool:
        return not any(group.exists() for group in groups)

    assert taken < max(QUICK, started_in)
    assert (demo.work(place.url) / place.file).read_text().startswith("last words\n")
    assert await until(no_group_is_left)


async def test_a_stop_is_quick_keeps_what_was_typed_and_leaves_nothing(demo: Demo) -> None:
    _skip_unless_confined(demo.state)

    began = time.monotonic()
    place = await furnished(demo, "alice", "To be stopped", {})
    await _type_and_stop(demo, place, time.monotonic() - began)


async def test_a_hub_that_was_killed_finds_its_servers_again_and_can_stop_them(tmp_path: Path) -> None:
    _skip_unless_confined(tmp_path)
    its = OperatedHub(tmp_path)
    await its.start()
    try:
        demo = await its.as_demo()
        began = time.monotonic()
        place = await furnished(demo, "alice", "Going on", {})
        started_in = time.monotonic() - began
        server, state = pid_of_server(place.url), await _state_of(demo, place)
        started = started_at(server)
        async with demo.socket("alice", shared_addresses(place)["kernel"], max_queue=None) as kernel:
            await run(kernel, "kept = 'kept'")

        await its.kill()
        assert started == started_at(server)
        await its.start()

        async def is_there() -> bool:
            # The Hub tells its new proxy of the servers that it finds running.
            with suppress(httpx.HTTPError):
                return (await demo.server("alice", "GET", f"{place.url}api/contents")).is_success
            return False

        await until(is_there, within=30, every=0.2)
        assert (server, started) == (pid_of_server(place.url), started_at(server))
        assert state == await _state_of(demo, place)
        async with demo.socket("alice", shared_addresses(place)["kernel"], max_queue=None) as kernel:
            assert "kept\n" == await run(kernel, "print(kept)")
        await _type_and_stop(demo, place, started_in)
    finally:
        await its.stop()
