"""Takes the pictures of the documentation, of a demo that it starts: ``python tests/browser/pictures.py``.

Needs a package index for the plot of the sample notebook, as whoever tries the demo does.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.person import START_MS, Person
from support.chromium import CHROMIUM
from support.demo import Demo, running_demo

IMAGES = Path(__file__).parents[2] / "docs" / "images"
FILE = "penguins.ipynb"


async def take_pictures(browser: Browser, demo: Demo) -> None:
    """Alice works in Penguins with Carol, while Bob looks on."""
    alice = await Person.arrive(browser, "alice", demo.hub_url, demo.service_url)
    await alice.open("Penguins")
    await alice.open_file(FILE)
    await alice.kernel_is_idle()
    await alice.choose("Run", "Run All Cells")
    plot = alice.page.locator(".jp-Notebook .jp-RenderedImage img").first
    await expect(plot).to_be_visible(timeout=3 * START_MS)
    await alice.kernel_is_idle()

    share = await alice.opens(alice.page.locator("#jp-top-panel").get_by_role("button", name="Share").click())
    await share.set_viewport_size({"width": 720, "height": 620})
    for kind, name, role in (
        ("User", "bob", "Viewer"),
        ("User", "carol", "Editor"),
        ("Group", "/astro/dust", "Viewer"),
    ):
        await share.get_by_role("combobox", name="Add people, groups or rights").press_sequentially(name)
        await share.get_by_role("option", name=f"{name} {kind}").click()
        await share.get_by_label("Role", exact=True).select_option(role)
        await share.get_by_role("button", name="Share", exact=True).click()
        await expect(share.get_by_label(f"Role of {name}")).to_be_visible()
    await share.screenshot(path=IMAGES / "share.png")

    others = [await Person.arrive(browser, name, demo.hub_url, demo.service_url) for name in ("carol", "bob")]
    for person in others:
        await person.open("Penguins")
        await person.open_file(FILE)
    carol, bob = others
    for person in (alice, bob, carol):
        await person.page.locator(".jp-Notebook .jp-RenderedImage img").first.scroll_into_view_if_needed()
    await carol.page.locator(".jp-Notebook .cm-line").filter(has_text="axes.grid").click()
    await carol.page.keyboard.press("End")
    await carol.page.keyboard.type("  # a quiet one")
    await expect(alice.page.locator(".jp-remote-userFlag-name")).to_contain_text("Carol")
    await alice.page.screenshot(path=IMAGES / "workspace.png")
    await bob.page.screenshot(path=IMAGES / "viewer.png")


async def main() -> None:
    """Start, take, stop."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "state") as demo:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**CHROMIUM)
            await take_pictures(browser, demo)


if __name__ == "__main__":
    asyncio.run(main())
