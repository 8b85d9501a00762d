"""Somebody is anonymised: what they hold open is closed although no event can name them any more, their home stops, and
the Hub's shares of their old name go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest

from revocation.holding import Place, admitted, editing, ended, holding, hub
from revocation.test_removal import ENDED
from rooms.serving import eventually
from support.demo import Demo, until

pytestmark = pytest.mark.hub


@asynccontextmanager
async def with_account(demo: Demo) -> AsyncIterator[tuple[Demo, str]]:
    """The demo with one more person, and who that is."""
    name = f"p{uuid4().hex[:8]}"
    await hub(demo, "admin", "POST", f"users/{name}")
    token = (await hub(demo, "admin", "POST", f"users/{name}/tokens", json={"note": "of a test"}))["token"]
    yield replace(demo, tokens={**demo.tokens, name: token}), name
    await hub(demo, "admin", "DELETE", f"users/{name}")


async def test_an_anonymised_persons_connections_home_and_shares_end_and_nobody_else_notices(
    demo: Demo, shared: Place
) -> None:
    async with with_account(demo) as (peopled, name):
        await demo.grant("admin", shared.id, name, "editor")
        await asyncio.gather(peopled.open(name, shared.id), peopled.open(name, f"~{name}"))
        async with holding(peopled, name, shared) as held, editing(demo, "carol", shared) as carol:
            done = await demo.api("admin", "POST", f"users/{name}/anonymise")
            closed = {kind: await ended(socket, within=9) for kind, socket in held.items()}
            carol.type("still here ")
            await eventually(lambda: carol.text.startswith("still here "))

        async def is_out_of_the_hub() -> bool:
            return name not in await admitted(demo, shared.url)

        await until(is_out_of_the_hub)
        home = await hub(demo, "admin", "GET", f"users/{name}")
        refused = await peopled.server(name, "GET", f"{shared.url}api/contents")

        assert done.status_code == 200, done.text
        assert (1, True) == (done.json()["grants_removed"], done.json()["home_stopped"])
        assert ENDED == closed
        assert ({}, 403) == (home["servers"], refused.status_code)


async def test_a_forged_address_does_not_get_into_the_audit_log(demo: Demo) -> None:
    """The proxy in front puts its own word in place of what a client says about where it comes from."""
    headers = {
        "Authorization": f"Bearer {demo.tokens['alice']}",
        "X-Forwarded-For": "203.0.113.9",
        "X-Real-Ip": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
    }
    made = await demo.api("alice", "POST", "workspaces", json={"name": "Forged"}, headers=headers)
    log = await demo.api("admin", "GET", f"workspaces/{made.json()['id']}/audit")

    assert ["127.0.0.1"] == [record["address"] for record in log.json()["items"]]
