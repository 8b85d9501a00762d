"""What people meet besides the main job: other roles, other pages, a server that was stopped, the way out."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from browser.conftest import Arrive
from browser.person import START_MS
from revocation.inviting import stop_home
from support.demo import Demo, until

pytestmark = [pytest.mark.browser, pytest.mark.hub]


async def test_another_role_makes_the_page_another(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Terns")
    await demo.grant("alice", workspace, "carol", "editor")
    carol = await arrive("carol", demo)
    await carol.open("Terns")
    terminals = carol.page.locator(".jp-LauncherCard").filter(has_text="Terminal")
    await expect(terminals).to_be_visible()

    await demo.grant("alice", workspace, "carol", "co-owner")
    await expect(carol.page.locator(".coterie-Chip")).to_have_text("TernsCo-owner")
    await expect(carol.page.locator(".coterie-Banner")).to_have_text("Your role is now Co-owner.")
    await expect(carol.page.locator(".coterie-Banner")).to_be_hidden()

    # Only the page itself sees for certain what is there for moments.
    said = "document.body.innerText.includes('Your role is now Viewer. The page loads again in a moment.')"
    seen = asyncio.create_task(carol.page.wait_for_function(said))
    await demo.grant("alice", workspace, "carol", "viewer")
    await seen
    await expect(carol.page.get_by_role("heading", name="You are viewing Terns.")).to_be_visible(timeout=START_MS)
    await expect(terminals).to_have_count(0)

    await demo.grant("alice", workspace, "carol", "editor")
    await expect(terminals).to_be_visible(timeout=START_MS)
    assert [] == carol.popups


async def test_a_page_waits_for_a_server_that_was_stopped_and_shows_the_way_back(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Gulls")
    alice = await arrive("alice", demo)
    await alice.open("Gulls")

    stopped = await demo.api("alice", "POST", f"workspaces/{workspace}/stop")
    assert stopped.is_success
    banner = alice.page.locator(".coterie-Banner")
    await expect(banner).to_contain_text("The workspace's server cannot be reached", timeout=START_MS)
    beside = await alice.opens(banner.get_by_role("link", name="Start the server").click())
    await expect(beside.locator(".coterie-Chip")).to_be_visible(timeout=START_MS)

    # The sign-in that the other page made counts for this one too.
    await expect(banner).to_be_hidden(timeout=START_MS)
    assert [] == alice.popups


async def test_the_link_says_the_same_to_a_stranger_as_one_that_leads_nowhere(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Auks")
    dave = await arrive("dave", demo)

    for page in ("", "/share"):
        seen = set()
        for each in (workspace, "aaaaaaaaaaaaaaaa"):
            answer = await dave.page.goto(f"{demo.service_url}w/{each}{page}")
            assert answer is not None
            seen.add((answer.status, (await dave.page.locator("body").inner_html()).replace(each, "")))

        assert [404] == [status for status, _ in seen]


async def test_whoever_may_not_open_a_workspace_asks_for_access_and_gets_it(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Guillemots")
    erin = await arrive("erin", demo)
    await erin.page.goto(f"{demo.service_url}w/{workspace}")

    await erin.page.get_by_label("Note (optional)").fill("I count them.")
    await erin.page.get_by_role("button", name="Request access").click()

    region = erin.page.get_by_role("region", name="Request access")
    await expect(region).to_contain_text("If there is such a workspace, those who manage it will see your request.")
    await expect(region.get_by_role("button")).to_have_count(0)
    await expect(region.get_by_role("heading")).to_be_focused()

    async def is_answered() -> bool:
        path = f"workspaces/{workspace}/requests/erin"
        return (await demo.api("alice", "PUT", path, json={"role": "viewer"})).status_code == 204

    await until(is_answered)  # a request may be written after its answer
    assert "viewer" == (await demo.api("erin", "GET", f"workspaces/{workspace}")).json()["role"]


async def test_a_double_click_removes_one_person(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Skuas")
    for name in ("bob", "carol"):
        await demo.grant("alice", workspace, name, "viewer")
    alice = await arrive("alice", demo)
    await alice.page.goto(f"{demo.service_url}w/{workspace}/share")

    await alice.page.get_by_role("button", name="Remove bob").dblclick(delay=200)

    await expect(alice.page.locator("#notice")).to_have_text("bob has been removed.")
    await alice.page.reload()
    await expect(alice.page.get_by_role("button", name="Remove carol")).to_be_visible()


async def test_a_home_starts_from_the_control_panel_and_signing_out_there_ends_all(demo: Demo, arrive: Arrive) -> None:
    await stop_home(demo, "erin")
    erin = await arrive("erin", demo)
    workspaces = await erin.context.new_page()
    await workspaces.goto(demo.service_url)
    await erin.page.get_by_role("link", name="Control panel").click()
    await erin.page.get_by_role("button", name="Start My Server").click()
    await erin.in_lab()
    await expect(erin.page.locator(".coterie-Chip")).to_have_text("Home of erinCreator")
    await expect(erin.page.locator("#jp-top-panel").get_by_role("button", name="Share")).to_be_visible()

    panel = await erin.opens(erin.choose("File", "Hub Control Panel"))
    await expect(panel.get_by_text("Stop My Server")).to_be_visible()
    await erin.choose("File", "Log Out")
    await expect(erin.page.get_by_label("Username")).to_be_visible(timeout=START_MS)

    await workspaces.get_by_label("New workspace").fill("Too late")
    await workspaces.get_by_role("button", name="Create").click()
    await expect(workspaces.get_by_label("Username")).to_be_visible()
    assert [] == erin.popups
