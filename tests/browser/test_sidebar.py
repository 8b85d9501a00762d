"""The sidebar in JupyterLab's left bar, a frame of the service, and the workspace as a Viewer has it."""

from __future__ import annotations

import pytest
from playwright.async_api import FrameLocator, expect

from browser.conftest import Arrive
from browser.person import START_MS, Person
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.hub]


async def _sidebar(person: Person) -> FrameLocator:
    tab = person.page.get_by_role("tab", name="Workspaces")
    if await tab.get_attribute("aria-selected") != "true":
        await tab.click()
    return person.page.frame_locator('iframe[title="Workspaces"]')


async def test_the_sidebar_lists_follows_and_opens_beside_the_page(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Fulmars")
    await demo.grant("alice", workspace, "carol", "viewer")
    carol = await arrive("carol", demo)
    await carol.open("Fulmars")

    sidebar = await _sidebar(carol)
    await expect(sidebar.get_by_role("link", name="Fulmars", exact=True)).to_have_attribute("aria-current", "true")
    other = await demo.create("alice", "Gannets")
    await demo.grant("alice", other, "carol", "editor")
    await sidebar.get_by_label("Search workspaces").fill("gANN")
    await expect(sidebar.get_by_role("link", name="Fulmars", exact=True)).to_have_count(0)
    await expect(sidebar.get_by_text("Shared with you by alice")).to_be_visible()
    await sidebar.get_by_text("More").locator("..").press("ArrowDown")
    await expect(sidebar.get_by_role("link", name="Open")).to_be_focused()
    await carol.page.keyboard.press("End")
    archive = await carol.opens(carol.page.keyboard.press("Enter"))
    await expect(archive.get_by_role("heading", name='Archive "Gannets"')).to_be_visible()
    gannets = await carol.opens(sidebar.get_by_role("link", name="Gannets", exact=True).click())
    assert f"{demo.service_url}w/{other}" == gannets.url
    assert [] == carol.popups

    # The frame takes JupyterLab's theme; and without a sign-in it has one button, which opens a page.
    await carol.page.locator(".lm-MenuBar-item").filter(has_text="Settings").click()
    await carol.page.locator(".lm-Menu-item:visible").filter(has_text="Theme").first.hover()
    await carol.page.locator(".lm-Menu-item:visible").filter(has_text="JupyterLab Dark").first.click()
    await expect(sidebar.locator("html")).to_have_attribute("data-theme", "dark")
    await carol.context.clear_cookies(name="__Host-coterie")
    await sidebar.locator("body").evaluate("location.reload()")
    signed_in = await carol.opens(sidebar.get_by_role("link", name="Sign in").click())
    await signed_in.wait_for_url(demo.service_url)
    await signed_in.close()
    await carol.page.bring_to_front()
    await expect(sidebar.get_by_role("link", name="Fulmars", exact=True)).to_be_visible(timeout=START_MS)


async def test_a_co_owner_sees_the_workspace_as_a_viewer_has_it_and_leaves(demo: Demo, arrive: Arrive) -> None:
    await demo.create("alice", "Storm petrels")
    alice = await arrive("alice", demo)
    await alice.open("Storm petrels")
    terminals = alice.page.locator(".jp-LauncherCard").filter(has_text="Terminal")
    await expect(terminals).to_be_visible()

    await alice.page.goto(f"{alice.page.url.split('/lab')[0]}/lab?coterie-view=viewer")
    await alice.in_lab()
    notice = alice.page.get_by_text("You see this workspace as a Viewer has it.")
    await expect(notice).to_be_visible()
    await expect(alice.page.locator(".coterie-Chip")).to_have_text("Storm petrelsViewer")
    await expect(alice.page.get_by_role("heading", name="You are viewing Storm petrels.")).to_be_visible()
    await expect(terminals).to_have_count(0)
    await alice.page.get_by_role("button", name="Leave").click()

    await expect(terminals).to_be_visible(timeout=START_MS)
    await expect(notice).to_have_count(0)
    assert "coterie-view" not in alice.page.url
    assert [] == alice.popups
