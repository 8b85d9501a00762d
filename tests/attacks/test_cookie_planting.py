"""A page of a workspace sets cookies for the Hub's name and all below it, too many of them, or has somebody finish a
sign-in that another began: people stay who they are."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Browser, Page

from attacks.looking import page_on, somebody, trap_address
from browser.person import Person
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.browser]

#: Sets cookies, each in every form that a script can write.
_PLANT = """
([cookies, domain, paths]) => {
  for (const [name, value] of Object.entries(cookies)) {
    for (const path of paths) {
      for (const more of ['', '; Secure', '; Secure; SameSite=None']) {
        document.cookie = `${name}=${value}; domain=${domain}; path=${path}${more}`;
      }
    }
  }
}
"""


@pytest.fixture
def paths(place: Place) -> list[str]:
    """Where each cookie is planted: closer to what is to be deceived than the real one."""
    return ["/services/coterie/", "/hub/", urlsplit(place.url).path]


async def test_nobody_becomes_somebody_else(
    browser: Browser, demo: Demo, place: Place, trap: Place, paths: list[str]
) -> None:
    async with somebody(browser, demo, "alice", trap, place) as alice:
        await alice.page.goto(f"{demo.hub_url}hub/home")
        real = {cookie["name"] for cookie in await alice.context.cookies()}
        plain = {name.removeprefix("__Host-") for name in real | {"__Host-coterie-sign-in"}}
        carols = demo.tokens["carol"]
        planted = dict.fromkeys(real | plain | {f"__Host-{name}" for name in plain}, carols)
        page = await page_on(alice.context, trap_address(trap))
        await page.evaluate(_PLANT, [planted, urlsplit(demo.hub_url).hostname, paths])

        kept = {cookie["name"] for cookie in await alice.context.cookies() if cookie["value"] == carols}
        # What script can plant is without the prefix; with it only the host itself sets a cookie. Browsers drop some.
        assert kept <= plain
        assert kept != set()
        await _is_still(alice.page, demo, place, "alice")


async def test_where_there_are_too_many_to_keep_people_are_signed_out_and_never_somebody_else(
    browser: Browser, demo: Demo, place: Place, trap: Place
) -> None:
    async with somebody(browser, demo, "alice", trap, place) as alice:
        page = await page_on(alice.context, trap_address(trap))
        many = {f"n{number}": "x" for number in range(400)}
        domain = urlsplit(demo.hub_url).hostname
        await page.evaluate(_PLANT, [many, domain, ["/"]])
        # A browser drops others for so many, whichever it likes: these would be the worst.
        for name in ("__Host-coterie", "__Host-jupyterhub-hub-login", "jupyterhub-session-id", "_xsrf"):
            await alice.context.clear_cookies(name=name)
        await page.evaluate(
            _PLANT, [dict.fromkeys(("jupyterhub-session-id", "_xsrf", "coterie"), "x"), domain, ["/", "/hub/"]]
        )
        await alice.page.goto(demo.service_url)
        assert [] == await alice.page.locator(".who bdi").all_inner_texts()
        # Nor does the Hub take her for anybody. Without those cookies all is as before.
        assert "/hub/login" in alice.page.url
        await alice.context.clear_cookies()
        await alice.page.goto(demo.service_url)
        await _sign_in(alice.page, "alice")
        await alice.page.wait_for_url(demo.service_url)
        await _is_still(alice.page, demo, place, "alice")


async def test_more_cookies_than_a_server_reads_are_refused_in_clear(browser: Browser, demo: Demo, trap: Place) -> None:
    async with somebody(browser, demo, "alice", trap) as alice:
        page = await page_on(alice.context, trap_address(trap))
        large = {f"n{number}": "x" * 4000 for number in range(60)}
        await page.evaluate(_PLANT, [large, urlsplit(demo.hub_url).hostname, ["/services/coterie/"]])
        # How many of them a browser keeps, and what it drops for them, is its own affair.
        await alice.page.goto(demo.service_url)
        assert await alice.page.locator(".who bdi").all_inner_texts() in ([], ["alice"])

    cookies = "; ".join(f"{name}={value}" for name, value in large.items())
    async with loopback_client() as http:
        answer = await http.get(f"{demo.hub_url}hub/login", headers={"Cookie": cookies})
        assert answer.status_code in (400, 431, 502)
        # h11 counts what has come in pieces: all at once it is read, and signs nobody in.
        answer = await http.get(demo.service_url, headers={"Cookie": cookies})
        assert answer.status_code in (302, 400)
        assert answer.is_redirect or "delete the cookies of this site" in answer.text


async def test_a_sign_in_that_somebody_else_began_signs_nobody_in(
    browser: Browser, demo: Demo, place: Place, trap: Place, paths: list[str]
) -> None:
    async with (
        loopback_client() as http,
        somebody(browser, demo, "carol") as carol,
        somebody(browser, demo, "alice", trap, place) as alice,
    ):
        began, cookie = await _begun_sign_in(demo, carol, http)
        (state,) = parse_qs(urlsplit(began).query)["state"]
        forged = base64.urlsafe_b64encode(json.dumps([state, "v" * 64, "/services/coterie/"]).encode()).decode()
        names = ("coterie-sign-in", "__Host-coterie-sign-in")
        page = await page_on(alice.context, trap_address(trap))
        await page.evaluate(_PLANT, [dict.fromkeys(names, forged), urlsplit(demo.hub_url).hostname, paths])

        for is_signed_in in (True, False):
            if not is_signed_in:
                await alice.context.clear_cookies(name="__Host-coterie")
            answer = await alice.page.goto(began)
            assert answer is not None
            assert 403 == answer.status
            await _is_still(alice.page, demo, place, "alice")

        ended = await http.get(began, headers={"Cookie": cookie})
        token = re.search("__Host-coterie=([^;]*)", ended.headers["set-cookie"])
        assert token is not None
        me = await http.get(f"{demo.service_url}api/v1/me", headers={"Cookie": token[0]})
        assert "carol" == me.json()["name"]


async def _is_still(page: Page, demo: Demo, place: Place, who: str) -> None:
    """Whoever is in front of this browser is *who*, for the Hub, the service and a server."""
    await page.goto(f"{demo.hub_url}hub/home")
    at_hub = await page.evaluate("window.jhdata.user")
    await page.goto(demo.service_url)
    at_service = await page.evaluate("fetch('api/v1/me').then((answer) => answer.json()).then((me) => me.name)")
    await page.goto(f"{place.url}lab", wait_until="commit")
    config = json.loads(await page.locator("#jupyter-config-data").text_content() or "{}")
    at_server = await page.evaluate(
        "([url, token]) => fetch(url, { headers: { Authorization: `token ${token}` } })"
        ".then((answer) => answer.json()).then((me) => me.identity.username)",
        [f"{place.url}api/me", config["token"]],
    )
    await page.goto("about:blank")
    assert [who, who, who] == [at_hub, at_service, at_server]


async def _begun_sign_in(demo: Demo, carol: Person, http: httpx.AsyncClient) -> tuple[str, str]:
    """The address with code and state at which carol's browser would end a sign-in, and the cookie it would send."""
    began = await http.get(demo.service_url)
    kept = re.search("__Host-coterie-sign-in=([^;]*)", began.headers["set-cookie"])
    assert kept is not None
    cookies = await carol.context.cookies(demo.hub_url)
    own = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
    ends = await http.get(began.headers["location"], headers={"Cookie": own, "Accept": "text/html"})
    return str(ends.headers["location"]), kept[0]


async def _sign_in(page: Page, who: str) -> None:
    for _ in range(3):  # the Hub takes a form for expired now and then, and answers with another
        await page.get_by_label("Username").fill(who)
        await page.get_by_label("Password").fill("coterie")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Sign in").click()
        if "/hub/login" not in page.url:
            return
