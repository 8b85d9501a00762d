"""What counts for whom, where a browser sends somebody's cookie along: for whoever has it, or for who made it go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from coterie.hubapi import Directory, TokenOwner
from coterie.service.app import create_app, put_together
from coterie.service.limits import WithinLimits
from coterie.service.settings import Limits
from coterie.service.tokens import Tokens
from pages.hub_of_ours import HubOfOurs
from support.demo import until
from support.settings import without_a_hub

ELSEWHERE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
SETTINGS = without_a_hub(
    public_url="http://coterie.example/",
    hub_url="http://hub.example/",
    database_url="sqlite:///nowhere",
    limits=Limits(requests_per_second=0.001, requests_in_a_row=3),
)


class HubWithTokens(HubOfOurs):
    """Alice has three tokens, one of them like that of her home's server. *revoked* are not hers any more."""

    def __init__(self) -> None:
        super().__init__()
        self.revoked: set[str] = set()

    async def token_owner(self, token: str) -> TokenOwner | None:
        if token in self.revoked:
            return None
        if token == "like-a-server":
            return TokenOwner(kind="user", name="alice", scopes=["access:servers!server=alice/"])
        return await super().token_owner("alice" if token == "another" else token)


@pytest.fixture
def hub() -> HubWithTokens:
    return HubWithTokens()


@pytest.fixture
async def app(tmp_path: Path, hub: HubWithTokens) -> AsyncIterator[FastAPI]:
    settings = replace(SETTINGS, database_url=f"sqlite:///{tmp_path}/coterie.sqlite")
    world = put_together(settings, hub, Directory(hub, max_age=0))
    await world.store.migrate()
    yield create_app(settings, world)
    await world.store.close()


async def test_pages_elsewhere_use_up_nothing_of_whoever_looks_at_them(app: FastAPI) -> None:
    async with _alice(app) as alice:
        led = [(await alice.get("sidebar", headers=ELSEWHERE)).status_code for _ in range(5)]
        own = [(await alice.get("api/v1/me")).status_code for _ in range(4)]

    assert [403, 403, 403, 429, 429] == led
    assert [200, 200, 200, 429] == own


async def test_who_says_to_come_from_elsewhere_has_no_more_for_it(app: FastAPI) -> None:
    async with _alice(app) as alice:
        token = {"Authorization": "Bearer alice"}
        answers = [(await alice.get("api/v1/me", headers=token | ELSEWHERE)).status_code for _ in range(3)]
        answers.append((await alice.get("api/v1/me")).status_code)

    assert [200, 200, 200, 429] == answers


async def test_the_allowance_is_told(app: FastAPI) -> None:
    async with _alice(app) as alice:
        answers = [await alice.get("api/v1/me") for _ in range(4)]

    assert "too-many-requests" == answers[-1].json()["code"]
    assert 900 < int(answers[-1].headers["Retry-After"]) <= 1000  # something has come back since the first


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [("GET", "not-there", b"", 404), ("POST", "workspaces", bytes(Limits().body_bytes + 1), 413)],
    ids=["what is not there", "too large"],
)
async def test_a_token_that_was_revoked_counts_for_its_owner_no_longer(
    app: FastAPI, hub: HubWithTokens, method: str, path: str, content: bytes, status: int
) -> None:
    """Also where it is used for what nobody has to be known for."""
    seconds = 0.0
    app.state.tokens = Tokens(hub, clock=lambda: seconds)
    async with _alice(app) as alice:
        before = (await alice.get("api/v1/me")).status_code
        hub.revoked.add("alice")
        seconds = 6.0
        flood = [(await alice.request(method, f"api/v1/{path}", content=content)).status_code for _ in range(6)]
    async with _alice(app, "192.0.2.2") as alice:
        own = (await alice.get("api/v1/me", headers={"Authorization": "Bearer another"})).status_code

    assert (200, [status] * 4 + [429] * 2, 200) == (before, flood, own)


async def test_who_has_a_token_like_a_servers_has_ten_times_as_much_and_not_more(app: FastAPI) -> None:
    async with _alice(app) as alice:
        token = {"Authorization": "Bearer like-a-server"}
        answers = [(await alice.get("api/v1/me", headers=token)).status_code for _ in range(31)]
        own = (await alice.get("api/v1/me")).status_code

    assert ([403] * 30 + [429], 200) == (answers, own)


async def test_static_files_are_counted_for_themselves_and_ten_times_as_generously(app: FastAPI) -> None:
    async with _alice(app) as alice:
        files = [(await alice.get("static/nothing")).status_code for _ in range(31)]
        own = (await alice.get("api/v1/me")).status_code

    assert ([404] * 30 + [429], 200) == (files, own)


@pytest.mark.parametrize(
    ("one", "other", "is_the_same"),
    [
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
async def test_visitors_are_told_apart_by_their_addresses(
    app: FastAPI, one: str, other: str, is_the_same: bool
) -> None:
    for address, status in ((one, 404), (one, 404), (one, 404), (one, 429), (other, 429 if is_the_same else 404)):
        async with _alice(app, address) as somebody:
            somebody.cookies.clear()
            assert status == (await somebody.get("api/v1/not-there")).status_code


async def test_turns_are_waited_for_also_where_the_number_of_requests_has_no_limit(hub: HubWithTokens) -> None:
    settings = replace(SETTINGS, limits=Limits(requests_per_second=0, requests_at_once=2))
    begun, may_end = 0, asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await may_end.wait()
        await Response()(scope, receive, send)

    limited = WithinLimits(slow, settings, Tokens(hub))

    async def have_all_come() -> bool:
        return "person alice" in limited._turns._rooms and limited._turns._rooms["person alice"].users == 3

    async with _alice(limited) as alice:
        asked = [asyncio.create_task(alice.get("")) for _ in range(3)]
        await until(have_all_come, within=5, every=0.01)
        begun_at_once = begun
        may_end.set()
        answers = await asyncio.gather(*asked)

    assert (2, [200] * 3) == (begun_at_once, [answer.status_code for answer in answers])


def _alice(app: ASGIApp, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=SETTINGS.public_url, cookies={"coterie": "alice"})
