"""Every page, in light and dark, narrow and wide: axe-core finds nothing, nothing is cut off, and there is a picture of
each in ``test-results/screens``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Literal

import pytest
from fastapi.routing import APIRoute, APIRouter
from playwright.async_api import Browser, Page

from coterie.service import pages
from pages.every_page import PAGES, PARTS, Shown, furnish
from pages.visiting import Service

pytestmark = pytest.mark.browser

TESTS = Path(__file__).parents[1]
SCREENS = TESTS.parent / "test-results" / "screens"
AXE = (TESTS / "axe" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
#: The widths that every page fits into, and in which schemes it is pictured so.
PICTURED: dict[int, tuple[Literal["light", "dark"], ...]] = {320: (), 360: ("light",), 1280: ("light", "dark")}
#: What axe says of each violation: the rule, and the elements with what is wrong.
_FIND = """
async () => (await axe.run()).violations.map(
  ({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`)]
)
"""


@pytest.fixture(scope="module")
async def ids(service: Service) -> dict[str, str]:
    """The workspaces that the pages show."""
    return await furnish(service)


@pytest.fixture(scope="module", params=PAGES, ids=str)
async def shown(
    request: pytest.FixtureRequest, browser: Browser, service: Service, ids: dict[str, str]
) -> AsyncIterator[tuple[str, Page]]:
    """A page in a window of its own, and its name. Fails where the browser had to block anything or a script broke."""
    asked: Shown = request.param
    complaints: list[str] = []
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    if asked.who:
        await context.add_cookies([{"name": "coterie", "value": asked.who, "url": service.url}])
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    answer = await page.goto(service.url + asked.path.format_map(ids))
    assert answer is not None
    assert asked.status == answer.status
    await asked.prepare(page)
    yield asked.name, page
    await context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(shown: tuple[str, Page], scheme: Literal["light", "dark"]) -> None:
    _, page = shown
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate(AXE)

    assert [] == await page.evaluate(_FIND)


async def test_axe_would_find_what_is_wrong(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content("<p style='color: #ddd; background: #fff'>pale</p><img src='data:,'>")
    await page.evaluate(AXE)

    assert {"color-contrast", "image-alt"} <= {rule for rule, *_ in await page.evaluate(_FIND)}
    await page.close()


@pytest.mark.parametrize("width", PICTURED)
async def test_it_fits_into_its_window_and_is_pictured(shown: tuple[str, Page], width: int) -> None:
    name, page = shown
    await page.set_viewport_size({"width": width, "height": 800})

    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in PICTURED[width]:
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=SCREENS / f"{name}-{width}-{scheme}.png", full_page=True, animations="disabled")


def test_no_page_is_forgotten() -> None:
    modules = [import_module(f"{pages.__name__}.{found.name}") for found in iter_modules(pages.__path__)]
    routes = {
        route.path
        for module in modules
        for route in getattr(module, "router", APIRouter()).routes
        if isinstance(route, APIRoute) and "GET" in route.methods
    }

    assert routes - PARTS == {page.route for page in PAGES if page.route}
