"""A guest who starts, stops or manages the home that they are a guest of: it is its owner's alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from attacks.signing_in import Browser
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, hub
from revocation.inviting import (
    accept,
    at_home,
    come_in,
    guests_of,
    invite,
    is_in,
    preview,
    refusal,
    stop_home,
)
from support.demo import Demo, until

pytestmark = pytest.mark.hub

NOT_RUNNING = (409, "server-not-running")


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo, "carol") as place:
        yield place


async def _runs(demo: Demo, owner: str) -> bool:
    return bool((await hub(demo, "admin", "GET", f"users/{owner}"))["servers"])


async def _on_pages(demo: Demo, who: str, *paths: str) -> dict[str, int]:
    """How the Hub's own pages answer *who*, signed in as in a browser, by path."""
    async with loopback_client() as http:
        browser = Browser(http)
        page = await browser.sign_in(who, f"{demo.hub_url}hub/home")
        base = str(page.url).removesuffix("hub/home")
        assert base != str(page.url), page.url
        return {path: (await browser.get(base + path)).status_code for path in paths}


async def test_a_guest_stops_nothing(demo: Demo, home: Place) -> None:
    link = await invite(demo, "carol", home.id)
    await come_in(demo, "bob", home, link)
    by_api = await demo.api("bob", "POST", f"workspaces/{home.id}/stop")
    by_hub = await demo.server("bob", "DELETE", f"{demo.hub_url}hub/api/users/carol/server")
    by_itself = await demo.server("bob", "POST", f"{home.url}api/shutdown", json={})

    assert by_api.status_code in (403, 404)
    assert by_hub.status_code in (403, 404)
    assert by_itself.status_code in (403, 404)
    assert await _runs(demo, "carol")
    assert await is_in(demo, "bob", home)


async def test_a_guest_starts_nothing(demo: Demo, home: Place) -> None:
    link = await invite(demo, "carol", home.id)
    await come_in(demo, "bob", home, link)
    await stop_home(demo, "carol")
    by_api = await demo.api("bob", "POST", f"workspaces/{home.id}/open")
    by_hub = await demo.server("bob", "POST", f"{demo.hub_url}hub/api/users/carol/server")
    by_page = await _on_pages(demo, "bob", "hub/spawn/carol", "hub/spawn-pending/carol", "hub/user/carol/lab")

    async def is_noticed() -> bool:
        return refusal(await preview(demo, "bob", link)) == NOT_RUNNING

    assert by_api.status_code in (404, 409)
    assert by_hub.status_code in (403, 404)
    assert {} == {path: status for path, status in by_page.items() if status < 400}
    # The service hears of the stop by itself, and asks the Hub every few seconds.
    await until(is_noticed, within=60, every=0.2)
    assert NOT_RUNNING == refusal(await accept(demo, "bob", link))
    assert not await _runs(demo, "carol")
    assert [] == await guests_of(demo, "carol", home.id)

    # Its owner may, and then the link lets them in again.
    await demo.open("carol", home.id)
    assert not await is_in(demo, "bob", home)
    await come_in(demo, "bob", home, link)
    assert await is_in(demo, "bob", home)


async def test_who_accepts_while_it_stops_has_nothing_of_it(demo: Demo, home: Place) -> None:
    """For as long as nobody has told the service, it takes the session for one that goes on."""
    await demo.open("carol", home.id)
    link = await invite(demo, "carol", home.id)
    await hub(demo, "carol", "DELETE", "users/carol/server")
    outcomes = set()

    async def is_refused() -> bool:
        outcomes.add(refusal(await accept(demo, "bob", link)))
        return NOT_RUNNING in outcomes

    await until(is_refused, within=60, every=0.2)
    await demo.until_stopped("carol")
    await demo.open("carol", home.id)

    assert {NOT_RUNNING, (200, "")} >= outcomes
    assert [] == await guests_of(demo, "carol", home.id)
    assert not await is_in(demo, "bob", home)
    assert 404 == (await demo.api("bob", "GET", f"workspaces/{home.id}")).status_code
