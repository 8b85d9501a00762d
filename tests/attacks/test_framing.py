"""A page of a workspace shows pages of the service in a frame of its own, to cover them and lead a hand: there is
nothing in the frame. The sidebar alone shows, to servers of this Hub alone, and nothing in it changes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from attacks.looking import page_on, somebody, trap_address
from coterie.cli.demo.web import loopback_client
from pages.every_page import PAGES
from revocation.holding import Place
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.browser]

#: Every way in which one page shows another.
WAYS = {
    "iframe": '<iframe src="{}"></iframe>',
    "sandbox": '<iframe sandbox="allow-scripts allow-forms" src="{}"></iframe>',
    "sandbox of this origin": '<iframe sandbox="allow-scripts allow-forms allow-same-origin" src="{}"></iframe>',
    "object": '<object data="{}" type="text/html"></object>',
    "embed": '<embed src="{}" type="text/html">',
    "nested": '<iframe srcdoc="&lt;iframe src=&quot;{}&quot;&gt;&lt;/iframe&gt;"></iframe>',
}


@dataclass(frozen=True)
class Luring:
    """The browser in which alice is led to the trap."""

    context: BrowserContext
    trap: Place

    async def show(self, markup: str, url: str | None = None) -> Page:
        """The page with *markup*, once all that it frames has come or was blocked."""
        return await page_on(self.context, url or trap_address(self.trap), markup)


@pytest.fixture(scope="module")
async def luring(browser: Browser, demo: Demo, trap: Place) -> AsyncIterator[Luring]:
    async with somebody(browser, demo, "alice", trap) as alice:
        yield Luring(alice.context, trap)


async def _seen(page: Page) -> list[str]:
    """The titles of the pages in the frames of *page* that are Coterie's, the Hub's or a server's."""
    titles = [await frame.title() for frame in page.frames if frame is not page.main_frame]
    return [title for title in titles if "Coterie" in title or "Jupyter" in title]


@pytest.mark.parametrize("way", WAYS)
async def test_no_page_but_the_sidebar_shows_in_a_frame(demo: Demo, place: Place, luring: Luring, way: str) -> None:
    routes = sorted({page.route for page in PAGES if page.route} - {"/sidebar"})
    addresses = [demo.service_url + route.lstrip("/").format(workspace_id=place.id) for route in routes]
    page = await luring.show("".join(WAYS[way].format(address) for address in [*addresses, f"{place.url}lab"]))

    assert [] == await _seen(page)
    await page.close()


@pytest.mark.parametrize(("way", "shows"), [("iframe", 1), ("nested", 1), ("object", 0), ("embed", 0)])
async def test_the_sidebar_shows_and_holds_no_form(demo: Demo, luring: Luring, way: str, shows: int) -> None:
    page = await luring.show(WAYS[way].format(f"{demo.service_url}sidebar"))

    assert ["Workspaces · Coterie"] * shows == await _seen(page)
    for frame in page.frames:
        if "/sidebar" in frame.url:
            assert 0 == await frame.locator("form, button, [name=csrf], [hx-post], a:not([target=_blank])").count()
    await page.close()


async def test_the_sidebar_shows_to_servers_of_this_hub_alone(demo: Demo, luring: Luring) -> None:
    sidebar = WAYS["iframe"].format(f"{demo.service_url}sidebar")
    for elsewhere in (f"http://evil.localhost:{demo.port}/", f"http://127.0.0.1:{demo.port}/hub/login"):
        page = await luring.show(sidebar, elsewhere)
        assert [] == await _seen(page), elsewhere
        await page.close()


async def test_a_browser_that_does_not_say_who_asks_is_told_to_show_nothing_in_a_frame(
    demo: Demo, place: Place
) -> None:
    async with loopback_client() as http:
        answers = [
            await http.get(demo.service_url + path, headers={"Cookie": f"__Host-coterie={demo.tokens['alice']}"})
            for path in ("", f"w/{place.id}", f"w/{place.id}/share", "invite/", f"w/{place.id}/delete")
        ]

    assert {(200, "DENY", True)} == {
        (
            answer.status_code,
            answer.headers["x-frame-options"],
            "frame-ancestors 'none'" in answer.headers["content-security-policy"],
        )
        for answer in answers
    }
