"""Guests are removed, one of many or all in one act: each connection of theirs is closed, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection

from pages.html import read
from revocation.holding import Place, admitted, editing, ended, holding, room_address, run, shared_addresses
from revocation.inviting import (
    a_few_at_a_time,
    accept,
    at_home,
    come_in,
    guests_of,
    invite,
    is_in,
    refusal,
    revoke_everything,
    with_people,
)
from revocation.test_removal import ENDED, remove
from revocation.window import window_of_a_home
from rooms.endurance.lengths import length
from support.demo import Demo, until

pytestmark = pytest.mark.hub

#: How many people are guests of one home at once.
MANY = length(20, soak=200)
#: What each of many holds open.
KINDS = ("room", "presence", "kernel", "live")


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


@asynccontextmanager
async def holding_as_each(
    demo: Demo, names: list[str], place: Place
) -> AsyncIterator[dict[str, dict[str, ClientConnection]]]:
    """What each holds open, by kind, by name."""
    held: dict[str, dict[str, ClientConnection]] = {}
    async with AsyncExitStack() as stack:

        async def hold(name: str) -> None:
            addresses = {"room": await room_address(demo, name, place), **shared_addresses(place)}
            mine = {}
            for kind in KINDS:
                socket = demo.socket(name, addresses[kind], max_queue=None, max_size=None, open_timeout=60)
                mine[kind] = await stack.enter_async_context(socket)
            held[name] = mine

        await a_few_at_a_time(hold(name) for name in names)
        yield held


async def ends(held: dict[str, ClientConnection], within: float = 60.0) -> dict[str, tuple[int | None, str]]:
    """How each kind was closed."""
    return {kind: await ended(socket, within) for kind, socket in held.items()}


@pytest.mark.timeout(1200)
async def test_one_of_many_goes_and_then_all_in_one_act(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    expected = {kind: ENDED[kind] for kind in KINDS}
    async with with_people(demo, MANY) as (peopled, names):
        await a_few_at_a_time(come_in(peopled, name, home, link) for name in names)
        assert sorted(names) == await guests_of(demo, "alice", home.id)
        async with (
            holding(demo, "alice", home, without=("room", "terminal")) as alices,
            editing(demo, "alice", home) as copy,
            holding_as_each(peopled, names, home) as held,
        ):
            first, *others = names
            one = await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/{first}")
            assert (200, expected) == (one.status_code, await ends(held.pop(first)))
            for name in others:
                for socket in held[name].values():
                    await (await socket.ping())

            every = await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests", timeout=60)
            closed = await asyncio.gather(*(ends(held[name]) for name in others))
            statuses = {
                (await peopled.server(name, "GET", f"{home.url}api/contents")).status_code
                for name in (names[0], names[1], names[-1])
            }

            # What the owner had open goes on, and so does what runs.
            assert "42" in await run(alices["kernel"], "print(6 * 7)")
            copy.type("still here ")
            await copy.synchronise()
            await (await alices["live"].ping())

        assert (204, [expected] * (MANY - 1), {403}) == (every.status_code, list(closed), statuses)
        assert [] == await guests_of(demo, "alice", home.id)

        async def are_withdrawn() -> bool:
            return not await admitted(demo, home.url) & set(names)

        await until(are_withdrawn, within=120, every=0.2)
        # The link still works, as the window says.
        await come_in(peopled, first, home, link)
    await revoke_everything(demo, "alice", home.id)


async def test_everything_that_a_guest_holds_is_closed_and_nothing_opens_again(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    for name in ("bob", "carol"):
        await come_in(demo, name, home, link)
    async with holding(demo, "bob", home) as bobs, holding(demo, "carol", home) as carols:
        assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success
        closed = await ends(bobs)
        assert "42" in await run(carols["kernel"], "print(6 * 7)")
        for socket in carols.values():
            await (await socket.ping())

    assert ENDED == closed
    assert not await is_in(demo, "bob", home)
    assert await is_in(demo, "carol", home)
    await revoke_everything(demo, "alice", home.id)


async def test_whoever_is_revoked_and_blocked_is_out_and_no_link_brings_them_back(demo: Demo, home: Place) -> None:
    link, other = await invite(demo, "alice", home.id), await invite(demo, "alice", home.id)
    await come_in(demo, "bob", home, link)
    async with holding(demo, "bob", home, without=("terminal",)) as bobs:
        blocked = await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob?block=true")
        assert blocked.is_success, blocked.text
        closed = await ends(bobs)

    assert {kind: how for kind, how in ENDED.items() if kind != "terminal"} == closed
    assert [(403, "invitation-blocked")] * 2 == [refusal(await accept(demo, "bob", each)) for each in (link, other)]
    assert {"items": [{"name": "bob"}], "next": None} == (
        await demo.api("alice", "GET", f"workspaces/{home.id}/guests/blocks")
    ).json()
    assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/blocks/bob")).status_code
    assert not await is_in(demo, "bob", home)
    await come_in(demo, "bob", home, other)
    await revoke_everything(demo, "alice", home.id)


async def test_a_guest_of_a_workspace_who_was_also_named_stays_by_that(demo: Demo, shared: Place) -> None:
    workspace, url = shared.id, shared.url
    await demo.grant("alice", workspace, "bob", "viewer")
    link = await invite(demo, "alice", workspace, role="editor")
    assert 200 == (await accept(demo, "bob", link)).status_code
    await demo.open("bob", workspace)
    kernels = f"{url}api/kernels"
    assert 201 == (await demo.server("bob", "POST", kernels, json={})).status_code
    answer = await demo.api("alice", "DELETE", f"workspaces/{workspace}/guests/bob")

    assert [("user", "viewer")] == [(left["through"], left["role"]) for left in answer.json()["remaining"]]

    async def is_viewer() -> bool:
        status = (await demo.server("bob", "POST", kernels, json={})).status_code
        return status == 403 and (await demo.server("bob", "GET", f"{url}api/contents")).status_code == 200

    await until(is_viewer)
    await remove(demo, shared, "bob")


async def test_the_window_asks_the_database_as_often_for_many_guests_as_for_one(tmp_path: Path) -> None:
    async with window_of_a_home(tmp_path) as window:
        asked, shown = [], []
        for count in (1, 20, 200):
            await window.let_in(count)
            page, queries = await window.look()
            asked.append(queries)
            shown.append(len(read(page).one("ul", id="guests").all("li")))

    # The first fifty, and a button for more.
    assert [1, 20, 51] == shown
    assert asked[0] == asked[1] == asked[2]
