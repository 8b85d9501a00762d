"""What a guest of one session has left in the next: after its owner stopped the server, after a crash, and, where the
session goes on, after a restart of the Hub."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from coterie.cli.demo.processes import command_of
from revocation.holding import Place, admitted, furnish, holding, hub, shared_addresses
from revocation.inviting import (
    Link,
    accept,
    at_home,
    come_in,
    guests_of,
    invite,
    is_in,
    opened_home,
    refusal,
    stop_home,
)
from support.demo import Demo, until
from support.operated_hub import OperatedHub

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo, "carol") as place:
        yield place


async def _has_nothing(demo: Demo, who: str, place: Place) -> None:
    """*who* gets nowhere in the home, by whatever they had of it."""
    for path in ("api/contents", "api/kernels", "lab", "files/notes.txt", "api/me"):
        assert 200 != (await demo.server(who, "GET", place.url + path)).status_code
    for address in shared_addresses(place).values():
        with pytest.raises(InvalidStatus):
            async with demo.socket(who, address):
                pass
    assert 404 == (await demo.api(who, "GET", f"workspaces/{place.id}")).status_code
    assert 404 == (await demo.api(who, "POST", f"workspaces/{place.id}/open")).status_code
    assert place.id not in [item["id"] for item in (await demo.api(who, "GET", "workspaces")).json()["items"]]


async def _start_anew(demo: Demo, owner: str) -> Place:
    return await furnish(demo, owner, f"~{owner}", await demo.open(owner, f"~{owner}"))


async def _process_of(demo: Demo, owner: str) -> int:
    """The process of *owner*'s server, as the Hub knows it."""
    user = await hub(demo, "admin", "GET", f"users/{owner}")
    process = user["servers"][""]["state"]["pid"]
    assert isinstance(process, int)
    assert "coterie.server" in (command_of(process) or "")
    return process


@pytest.mark.parametrize("how", ["stopped", "crashed"])
async def test_nobody_has_access_in_the_next_session(demo: Demo, home: Place, how: str) -> None:
    link = await invite(demo, "carol", home.id)
    once = await invite(demo, "carol", home.id, max_uses=1)
    await come_in(demo, "bob", home, link)
    await come_in(demo, "dave", home, once)
    place = await opened_home(demo, "carol")
    async with holding(demo, "bob", place, without=("terminal",)) as bobs:
        if how == "stopped":
            await stop_home(demo, "carol")
        else:
            os.kill(await _process_of(demo, "carol"), signal.SIGKILL)
        async with asyncio.timeout(60):
            for socket in bobs.values():
                await socket.wait_closed()
    await demo.until_stopped("carol")

    again = await _start_anew(demo, "carol")
    for who in ("bob", "dave"):
        await _has_nothing(demo, who, again)
    assert [] == await guests_of(demo, "carol", home.id)

    async def are_withdrawn() -> bool:
        return {"bob", "dave"}.isdisjoint(await admitted(demo, again.url))

    # The outbox's consumer does that, which may hear of the end only now.
    await until(are_withdrawn)

    # A link that still works may be used again, also its last use by whoever had it.
    await come_in(demo, "bob", again, link)
    assert (410, "invitation-used-up") == refusal(await accept(demo, "erin", once))
    await come_in(demo, "dave", again, once)
    async with holding(demo, "bob", again), holding(demo, "dave", again):
        assert ["bob", "dave"] == await guests_of(demo, "carol", home.id)
    assert 204 == (await demo.api("carol", "DELETE", f"workspaces/{home.id}/guests")).status_code


@pytest.fixture(scope="module")
async def revoked(demo: Demo, home: Place) -> tuple[Place, Link]:
    """The home in its next session. In the one before bob and dave were guests, by a link that was revoked between."""
    link = await invite(demo, "carol", home.id)
    place = await opened_home(demo, "carol")
    for who in ("bob", "dave"):
        await come_in(demo, who, place, link)
    await stop_home(demo, "carol")
    assert 204 == (await demo.api("carol", "DELETE", f"workspaces/{home.id}/invitations")).status_code
    return await _start_anew(demo, "carol"), link


async def test_what_was_revoked_meanwhile_does_not_come_back(demo: Demo, revoked: tuple[Place, Link]) -> None:
    again, link = revoked

    assert (410, "invitation-revoked") == refusal(await accept(demo, "bob", link))
    await _has_nothing(demo, "bob", again)


async def test_a_session_named_by_a_guest_counts_for_nothing(demo: Demo, revoked: tuple[Place, Link]) -> None:
    """Only a server reports sessions. The guest's own home cannot be taken for the owner's."""
    again, _ = revoked
    answers = [
        await demo.api("dave", "GET", path)
        for path in ("server", "server/decisions/dave", "server/events?session=aaaa")
    ]

    assert {403} == {answer.status_code for answer in answers}
    await _has_nothing(demo, "dave", again)


async def test_a_restart_of_the_hub_ends_nobodys_access(tmp_path: Path) -> None:
    its = OperatedHub(tmp_path)
    await its.start()
    try:
        demo = await its.as_demo()
        place = await opened_home(demo)
        link = await invite(demo, "alice", place.id, max_uses=1)
        await come_in(demo, "bob", place, link)
        server = await _process_of(demo, "alice")
        await its.kill()
        await its.start()

        async def is_there() -> bool:
            return await is_in(demo, "bob", place)

        # The Hub tells its new proxy of the servers that it finds running.
        await until(is_there, within=30, every=0.2)
        assert server == await _process_of(demo, "alice")
        assert ["bob"] == await guests_of(demo, "alice", place.id)
        again = await opened_home(demo)
        async with holding(demo, "bob", again) as held:
            for socket in held.values():
                await (await socket.ping())
            assert (410, "invitation-used-up") == refusal(await accept(demo, "carol", link))

            assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{place.id}/guests")).status_code
            async with asyncio.timeout(30):
                for socket in held.values():
                    await socket.wait_closed()
        await _has_nothing(demo, "bob", again)
    finally:
        await its.stop()
