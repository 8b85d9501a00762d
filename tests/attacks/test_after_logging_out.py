"""Somebody has logged out, or is no more, and another sits down at the browser or has kept a cookie: the session at the
service is over with the Hub's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from attacks.looking import page_on, somebody, trap_address
from browser.person import Person
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, hub
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.browser]

_COOKIE = "__Host-coterie"
_LOGIN = re.compile("/hub/login")


@pytest.fixture
async def alice(browser: Browser, demo: Demo, place: Place) -> AsyncIterator[Person]:
    async with somebody(browser, demo, "alice", place) as person:
        await person.page.goto(demo.service_url)
        yield person


async def _kept(person: Person) -> str:
    """The cookie that somebody copied from this browser."""
    return next(cookie["value"] for cookie in await person.context.cookies() if cookie["name"] == _COOKIE)


async def _me(demo: Demo, cookie: str) -> int:
    """How the service answers whoever has *cookie*."""
    async with loopback_client() as http:
        answer = await http.get(f"{demo.service_url}api/v1/me", headers={"Cookie": f"{_COOKIE}={cookie}"})
    return answer.status_code


async def _is_over(demo: Demo, cookie: str) -> None:
    """Wait, for seconds, until *cookie* is worth nothing."""

    async def is_nobody() -> bool:
        return await _me(demo, cookie) == 401

    await until(is_nobody, within=30)


async def test_logging_out_at_the_service_ends_the_session_here_and_at_the_hub(
    demo: Demo, place: Place, alice: Person
) -> None:
    cookie = await _kept(alice)
    window = await alice.context.new_page()
    await window.goto(f"{demo.service_url}w/{place.id}/share")
    await expect(window.get_by_role("list", name="People with access")).to_contain_text("carol")
    assert 200 == await _me(demo, cookie)

    await alice.page.get_by_role("link", name="Log out").click()
    await alice.page.wait_for_url(_LOGIN)
    assert 401 == await _me(demo, cookie)
    assert _COOKIE not in {kept["name"] for kept in await alice.context.cookies()}

    # The share window that is still open in another tab is told nothing more, and asks for a sign-in.
    await demo.grant("admin", place.id, "erin", "viewer")
    await window.wait_for_url(_LOGIN)
    await alice.page.go_back()
    await alice.page.wait_for_url(_LOGIN)
    assert 0 == await alice.page.get_by_text("To be attacked").count()
    assert (await demo.api("alice", "DELETE", f"workspaces/{place.id}/grants/user/erin")).is_success


async def test_logging_out_at_the_hub_ends_the_session_at_the_service(demo: Demo, place: Place, alice: Person) -> None:
    cookie = await _kept(alice)
    assert 200 == await _me(demo, cookie)

    page = await alice.context.new_page()
    await page.goto(f"{demo.hub_url}hub/logout")
    await _is_over(demo, cookie)
    await alice.page.reload()
    assert "/hub/login" in alice.page.url
    # The cookie for a server ends with it: it was of the same sign-in.
    await page.goto(f"{place.url}lab", wait_until="commit")
    assert "/hub/login" in page.url


async def test_logging_out_holds_where_a_page_has_replaced_the_cookie_by_which_the_hub_finds_sessions(
    browser: Browser, demo: Demo, trap: Place
) -> None:
    async with somebody(browser, demo, "alice", trap) as alice:
        cookie = await _kept(alice)
        # What script comes to by setting so many cookies that the browser drops this one.
        await alice.context.clear_cookies(name="jupyterhub-session-id")
        page = await page_on(alice.context, trap_address(trap))
        await page.evaluate("document.cookie = 'jupyterhub-session-id=x; domain=hub.localhost; path=/'")

        await alice.page.goto(demo.service_url)
        await alice.page.get_by_role("link", name="Log out").click()
        await alice.page.wait_for_url(_LOGIN)

        assert 401 == await _me(demo, cookie)
        assert _COOKIE not in {kept["name"] for kept in await alice.context.cookies()}


async def test_a_token_that_is_revoked_at_the_hub_ends_the_session(demo: Demo, alice: Person) -> None:
    cookie = await _kept(alice)
    assert 200 == await _me(demo, cookie)

    for token in (await hub(demo, "alice", "GET", "users/alice/tokens"))["api_tokens"]:
        if token["session_id"] is not None:
            # One goes with all others of the same client.
            await demo.server("alice", "DELETE", f"{demo.hub_url}hub/api/users/alice/tokens/{token['id']}")
    await _is_over(demo, cookie)


async def test_somebody_who_is_deleted_at_the_hub_has_no_session(demo: Demo) -> None:
    name = f"leaver-{uuid4().hex[:6]}"
    await hub(demo, "admin", "POST", f"users/{name}")
    cookie = (await hub(demo, "admin", "POST", f"users/{name}/tokens", json={}))["token"]
    assert 200 == await _me(demo, cookie)

    await hub(demo, "admin", "DELETE", f"users/{name}")
    await _is_over(demo, cookie)
