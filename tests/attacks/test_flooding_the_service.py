"""Somebody sends the service all the requests that they can. They are told to wait, and nobody else has to."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from api.service import settings_for
from attacks.plain_http import port_behind
from coterie.service.app import create_app, make_world
from coterie.service.settings import Limits
from revocation.holding import hub
from revocation.inviting import with_people
from support.demo import Demo, until

pytestmark = pytest.mark.hub

_AT_ONCE = 20
#: How long a call may take somebody else while the flood lasts (seconds), on a machine that is busy with it.
_BEARABLE = 15.0


@asynccontextmanager
async def flood(send: Callable[[], Awaitable[httpx.Response]]) -> AsyncIterator[list[httpx.Response]]:
    """As many requests as there is time for, until the block ends, which begins once one is refused. The answers."""
    answers: list[httpx.Response] = []

    async def go_on() -> None:
        while True:
            answers.append(await send())

    flooding = [asyncio.create_task(go_on()) for _ in range(_AT_ONCE)]
    try:

        async def is_refused() -> bool:
            assert not any(task.done() for task in flooding), [task for task in flooding if task.done()]
            return bool(answers) and answers[-1].status_code == 429

        await until(is_refused, within=200)
        yield answers
    finally:
        for task in flooding:
            task.cancel()
        await asyncio.gather(*flooding, return_exceptions=True)


async def _work(demo: Demo, who: str, title: str) -> tuple[set[int], float]:
    """What somebody gets who makes a workspace, shares it and looks at it, and how long the longest of it takes."""
    slowest, statuses = 0.0, set()
    place = await demo.create(who, title)
    for method, path, body in (
        ("GET", "workspaces", None),
        ("PUT", f"workspaces/{place}/grants/group/astro", {"role": "viewer"}),
        ("GET", f"workspaces/{place}/grants", None),
        ("GET", f"workspaces/{place}", None),
        ("DELETE", f"workspaces/{place}", None),
    ):
        begun = time.monotonic()
        statuses.add((await demo.api(who, method, path, json=body)).status_code)
        slowest = max(slowest, time.monotonic() - begun)
    return statuses, slowest


async def test_a_person_who_floods_is_told_to_wait_and_nobody_else_is(demo: Demo) -> None:
    # Not through the proxy, which would hold the flood back before the service does.
    url = f"http://127.0.0.1:{port_behind(demo, demo.service_url)}/services/coterie/api/v1/not-there"
    async with (
        with_people(demo, 1) as (peopled, (flooder,)),
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        headers = {"Authorization": f"Bearer {peopled.tokens[flooder]}"}

        async def send() -> httpx.Response:
            # What costs the service next to nothing, so that whatever machine this is answers more than it allows.
            return await http.get(url, headers=headers)

        async with flood(send) as answers:
            statuses, slowest = await _work(demo, "carol", "Made during a flood")
            bobs = await _work(demo, "bob", "Made during a flood by bob")
        refused = [answer for answer in answers if answer.status_code == 429]
        wait = int(refused[0].headers["Retry-After"])

        async def may_again() -> bool:
            return (await send()).status_code == 404

        await until(may_again, within=wait + 60, every=0.2)

    assert ({200, 204}, {200, 204}) == (statuses, bobs[0])
    assert max(slowest, bobs[1]) < _BEARABLE
    assert {404, 429} == {answer.status_code for answer in answers}
    assert Limits().requests_in_a_row <= len(answers) - len(refused)
    assert {"too-many-requests"} == {answer.json()["code"] for answer in refused}
    assert 1 <= wait <= 60


async def test_made_up_tokens_count_for_where_they_come_from_and_for_nobody_there(demo: Demo) -> None:
    """Somebody signed in goes on at the same address, and whoever says that they are alice has nothing counted for
    her."""
    url = f"http://127.0.0.1:{port_behind(demo, demo.service_url)}/services/coterie/"
    there = {"X-Forwarded-For": "203.0.113.9"}
    known = {"Authorization": f"Bearer {demo.tokens['dave']}", **there}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        assert (await http.get(f"{url}api/v1/me", headers=known)).status_code == 200

        async def send() -> httpx.Response:
            # Not with each of them: the Hub is asked about a token, and may be slower than the limit.
            made_up = {"Authorization": f"Bearer {secrets.token_hex(16)}"} if secrets.randbelow(5) == 0 else {}
            return await http.get(f"{url}api/v1/workspaces", headers=made_up | there)

        async with flood(send) as answers:
            daves = {(await http.get(f"{url}api/v1/workspaces", headers=known)).status_code for _ in range(20)}
            stranger = await http.get(url, headers=there)
            while stranger.status_code == 302:  # it came just when one more was allowed, before the flood's next
                stranger = await http.get(url, headers=there)
            elsewhere = await http.get(url, headers={"X-Forwarded-For": "203.0.113.10"})
            live = await http.get(f"{url}api/v1/health/live", headers=there)
            ready = await http.get(f"{url}api/v1/health/ready", headers=there)

    for has_token in (True, False):
        chosen = [answer for answer in answers if has_token is ("Authorization" in answer.request.headers)]
        assert {401, 429} == {answer.status_code for answer in chosen}
    assert {200} == daves
    assert (429, "text/html") == (stranger.status_code, stranger.headers["Content-Type"].partition(";")[0])
    assert int(stranger.headers["Retry-After"]) >= 1
    assert (302, 200, 200) == (elsewhere.status_code, live.status_code, ready.status_code)


async def test_whoever_asks_as_their_homes_server_with_a_token_made_for_it_is_held_back_too(
    demo: Demo, tmp_path: Path
) -> None:
    """The Hub makes such tokens for everybody. By the service's own limits this would take a machine to itself."""
    limits = Limits(requests_per_second=0.01, requests_in_a_row=2)
    settings = replace(settings_for(demo, f"sqlite:///{tmp_path}/coterie.sqlite"), limits=limits)
    world = make_world(settings)
    app = create_app(settings, world)
    scopes = ["access:servers!server=erin/", "users:activity!user=erin"]  # a server's own
    made = await hub(demo, "erin", "POST", "users/erin/tokens", json={"scopes": scopes})
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{settings.public_url}api/v1/") as http,
    ):

        async def statuses(token: str, path: str, times: int) -> list[int]:
            headers = {"Authorization": f"Bearer {token}"}
            return [(await http.get(path, headers=headers)).status_code for _ in range(times)]

        as_server = await statuses(made["token"], "server", 21)
        as_person = await statuses(demo.tokens["erin"], "me", 3)
        others = await statuses(demo.tokens["bob"], "me", 2)
    await hub(demo, "erin", "DELETE", f"users/erin/tokens/{made['id']}")

    assert ([200] * 20 + [429], [200] * 2 + [429], [200] * 2) == (as_server, as_person, others)
