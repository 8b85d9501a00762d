"""A page of a workspace, in the browser of whoever manages another: at the service it reads and changes nothing, and
does not learn what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from attacks.looking import attempt, page_on, somebody, trap_address
from revocation.holding import Place
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.browser]

_URLENCODED = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Looking:
    """alice looks at a page of carol's workspace, and at one of the service."""

    context: BrowserContext
    trap: Page
    own: Page


@pytest.fixture(scope="module")
async def looking(browser: Browser, demo: Demo, trap: Place) -> AsyncIterator[Looking]:
    async with somebody(browser, demo, "alice", trap) as alice:
        trap_page = await page_on(alice.context, trap_address(trap))
        await alice.page.goto(demo.service_url)
        yield Looking(alice.context, trap_page, alice.page)


async def test_it_reads_nothing(demo: Demo, place: Place, looking: Looking) -> None:
    paths = ("", "sidebar", f"w/{place.id}/share", "invite/", "api/v1/me", f"api/v1/workspaces/{place.id}/grants")

    foreign = {}
    for path in paths:
        for headers in ({}, {"X-Coterie-Session": "x"}, {"HX-Request": "true"}, {"X-CSRF-Token": "x"}):
            foreign[path, *headers] = await attempt(
                looking.trap, "fetch", demo.service_url + path, {"headers": headers}
            )
    own = {path: await attempt(looking.own, "fetch", demo.service_url + path) for path in paths}

    assert dict.fromkeys(foreign, "blocked") == foreign
    assert dict.fromkeys(paths, "200") == own


async def test_it_follows_no_event_stream(demo: Demo, place: Place, looking: Looking) -> None:
    paths = (f"w/{place.id}/share/events", f"api/v1/workspaces/{place.id}/progress")

    foreign = {path: await attempt(looking.trap, "stream", demo.service_url + path) for path in paths}
    own = {path: await attempt(looking.own, "stream", demo.service_url + path) for path in paths}

    assert dict.fromkeys(paths, "closed") == foreign
    assert dict.fromkeys(paths, "open") == own


async def test_no_tag_tells_it_what_there_is(demo: Demo, place: Place, looking: Looking) -> None:
    tags = (("script", "src"), ("img", "src"), ("iframe", "src"), ("object", "data"), ("embed", "src"))
    paths = ("api/v1/workspaces/{}", "w/{}", "static/page.js", "static/icon.svg")

    told = {
        (name, path): {
            await attempt(looking.trap, "tag", (name, attribute), demo.service_url + path.format(workspace))
            for workspace in (place.id, "a" * 16)
        }
        for name, attribute in tags
        for path in paths
    }
    sheet = {"rel": "stylesheet"}
    style = await attempt(looking.trap, "tag", ("link", "href"), f"{demo.service_url}static/coterie.css", sheet)
    own = await attempt(looking.own, "tag", ("script", "src"), f"{demo.service_url}static/page.js", {"type": "module"})

    # One outcome each, whether there is such a workspace or not; and nothing loads but the page that says "blocked".
    assert [] == [key for key, outcomes in told.items() if len(outcomes) != 1]
    assert set() == {
        outcome for (name, _), outcomes in told.items() if name in ("script", "img") for outcome in outcomes
    } - {"failed"}
    assert ("failed", "loaded") == (style, own)


async def test_it_changes_nothing(demo: Demo, place: Place, looking: Looking) -> None:
    before = await _state(demo, place)
    api, pages = f"{demo.service_url}api/v1/", demo.service_url

    for method, path, body in (
        ("POST", "workspaces", '{"name": "Planted"}'),
        ("PATCH", f"workspaces/{place.id}", '{"general_access": "link"}'),
        ("PUT", f"workspaces/{place.id}/grants/user/dave", '{"role": "co-owner"}'),
        ("DELETE", f"workspaces/{place.id}/grants/user/bob", None),
        ("POST", f"workspaces/{place.id}/invitations", "{}"),
        ("PUT", f"workspaces/{place.id}/favourite", None),
        ("DELETE", f"workspaces/{place.id}", None),
    ):
        sent = {"method": method, "body": body}
        json = sent | {"headers": {"Content-Type": "application/json"}}
        assert "blocked" == await attempt(looking.trap, "fetch", api + path, json)
        if method == "POST":
            await attempt(looking.trap, "fetch", api + path, sent | {"mode": "no-cors"})
            await attempt(looking.trap, "form", api + path, "text/plain", {'{"name": "Planted", "x': '": 1}'})
    for path, fields in (
        ("workspaces", {"name": "Planted"}),
        (f"w/{place.id}/favourite", {"on": "true"}),
        (f"w/{place.id}/rename", {"name": "Planted"}),
        (f"w/{place.id}/share/grants", {"kind": "user", "name": "dave", "role": "co-owner"}),
        (f"w/{place.id}/share/general-access", {"general_access": "link"}),
        (f"w/{place.id}/delete", {"confirmation": "To be attacked"}),
    ):
        for enctype in (_URLENCODED, "text/plain", "multipart/form-data"):
            assert "sent" == await attempt(looking.trap, "form", pages + path, enctype, fields | {"csrf": "x"})
        await looking.trap.evaluate(
            "([url, fields]) => navigator.sendBeacon(url, new URLSearchParams(fields))", [pages + path, fields]
        )
    assert before == await _state(demo, place)

    csrf = await looking.own.locator("meta[name=csrf]").get_attribute("content")
    sent = {"method": "POST", "body": "on=true", "headers": {"Content-Type": _URLENCODED, "X-CSRF-Token": csrf}}
    assert "200" == await attempt(looking.own, "fetch", f"{pages}w/{place.id}/favourite", sent)
    assert before != await _state(demo, place)


async def test_it_signs_nobody_out_at_the_service(demo: Demo, looking: Looking) -> None:
    address = f"{demo.service_url}sign-out"
    for mode in ("cors", "no-cors"):
        await attempt(looking.trap, "fetch", address, {"mode": mode})
    await attempt(looking.trap, "tag", ("img", "src"), address)
    await _open(looking, address, demo.service_url)

    assert "200" == await attempt(looking.own, "fetch", f"{demo.service_url}api/v1/me")


async def test_a_window_that_it_opens_is_out_of_its_hands(
    demo: Demo, place: Place, trap: Place, looking: Looking
) -> None:
    address = f"{demo.service_url}w/{place.id}/share"
    share = await _open(looking, address, address)
    await looking.trap.wait_for_function("window.opened.closed")
    await share.evaluate("window.heard = []; addEventListener('message', ({ data }) => window.heard.push(data))")
    await looking.trap.evaluate("window.opened.postMessage('x', '*'); window.opened.location = 'about:blank#taken'")
    assert [None, ""] == await share.evaluate("[opener, name]")
    assert ([], f"/services/coterie/w/{place.id}/share") == (
        await share.evaluate("window.heard"),
        urlsplit(share.url).path,
    )

    another = await _open(looking, trap_address(trap), trap_address(trap))
    assert [False, True] == [
        await looking.trap.evaluate("window.opened.closed"),
        await another.evaluate("opener !== null"),
    ]


async def _open(looking: Looking, url: str, ends_at: str) -> Page:
    """The window that the trap opens, and keeps a hold of as far as it may, once it is at *ends_at*."""
    async with looking.context.expect_page() as coming:
        await looking.trap.evaluate("(url) => { window.opened = window.open(url, 'held'); }", url)
    opened = await coming.value
    await opened.wait_for_url(ends_at)
    return opened


async def _state(demo: Demo, place: Place) -> list[Any]:
    """What a page could have changed."""
    calls = (
        "workspaces",
        f"workspaces/{place.id}",
        *(f"workspaces/{place.id}/{part}" for part in ("grants", "invitations")),
    )
    answers = [await demo.api("alice", "GET", call) for call in calls]
    return [answer.json() for answer in answers]
