"""The share window in a real browser: every act by keyboard, and two windows that keep up with each other."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Arrive
from browser.person import Person
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.hub]


async def window(person: Person, demo: Demo, workspace: str) -> Page:
    """A share window of *person*'s, beside what they have open already."""
    page = await person.context.new_page()
    page.on("pageerror", lambda error: person.errors.append(str(error)))
    # The window keeps a stream open: wait until it does, or a change could come before it listens.
    async with page.expect_response("**/share/events"):
        await page.goto(f"{demo.service_url}w/{workspace}/share")
    return page


def row(page: Page, name: str) -> Locator:
    rows = page.get_by_role("list", name="People with access").get_by_role("listitem")
    return rows.filter(has=page.locator(".name").get_by_text(name, exact=True))


async def tab_to(page: Page, target: Locator) -> None:
    """Move the focus with the Tab key alone until *target* has it."""
    for _ in range(60):
        if await target.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError("the Tab key does not lead there")


async def test_every_act_of_the_window_works_by_keyboard(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Shearwaters")
    alice = await arrive("alice", demo)
    page = await window(alice, demo, workspace)
    keyboard, notice = page.keyboard, page.locator("#notice")

    # Search, choose with the arrows and Home, End, and share.
    who = page.get_by_role("combobox", name="Add people, groups or rights")
    await tab_to(page, who)
    await keyboard.type("a")
    options = page.get_by_role("listbox").get_by_role("option")
    await expect(options.first).to_be_visible()
    await keyboard.press("ArrowDown")
    await keyboard.press("End")
    await expect(options.last).to_have_attribute("aria-selected", "true")
    await keyboard.press("Home")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await expect(who).to_have_attribute("aria-activedescendant", str(await options.first.get_attribute("id")))
    await keyboard.press("ControlOrMeta+a")
    await keyboard.type("car")
    await expect(options).to_have_count(1)
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await expect(who).to_have_value("carol")
    await keyboard.press("Tab")
    await keyboard.type("Ed")  # the role, by its first letters
    await tab_to(page, page.get_by_role("button", name="Share", exact=True))
    await keyboard.press("Enter")
    await expect(notice).to_have_text("carol is now Editor.")
    await expect(page.get_by_label("Role of carol")).to_have_value("editor")

    # Another role, in place.
    await tab_to(page, page.get_by_label("Role of carol"))
    await keyboard.type("Vi")
    await expect(notice).to_have_text("carol is now Viewer.")
    await expect(page.get_by_label("Role of carol")).to_be_focused()

    # An end, and none again.
    menu = row(page, "carol").locator("summary")
    await tab_to(page, menu)
    await keyboard.press("Enter")
    until = page.get_by_label("Last day of access")
    await tab_to(page, until)
    await keyboard.type("12312099")
    await expect(until).to_have_value("2099-12-31")
    await keyboard.press("Enter")
    await expect(notice).to_contain_text("carol is now Viewer, until Dec 31, 2099")
    await expect(menu).to_be_focused()
    await keyboard.press("Enter")
    await tab_to(page, page.get_by_role("button", name="No end"))
    await keyboard.press("Enter")
    await expect(notice).to_have_text("carol is now Viewer.")

    # Away with them.
    await tab_to(page, page.get_by_role("button", name="Remove carol"))
    await keyboard.press("Enter")
    await expect(notice).to_have_text("carol has been removed.")
    await expect(page.get_by_role("heading", name="People with access")).to_be_focused()

    # General access, the link, and why.
    await tab_to(page, page.get_by_label("General access"))
    await keyboard.type("Any")
    await expect(notice).to_have_text("General access is now Anyone with link.")
    await alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await tab_to(page, page.get_by_role("button", name="Copy link"))
    await keyboard.press("Enter")
    await expect(notice).to_have_text("The link has been copied.")
    await tab_to(page, page.get_by_label("What may this person do here, and why?"))
    await keyboard.type("erin")
    await keyboard.press("Enter")
    await expect(page.locator("#checked")).to_contain_text("erin has no access, as far as you can check.")
    await tab_to(page, page.get_by_role("link", name="View as Viewer"))
    await tab_to(page, page.get_by_role("link", name="History"))
    assert [] == alice.errors


async def test_two_windows_keep_up_with_each_other_and_with_what_somebody_is_doing(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Kittiwakes")
    await demo.grant("alice", workspace, "carol", "co-owner")
    await demo.grant("alice", workspace, "bob", "viewer")
    alice, carol = await arrive("alice", demo), await arrive("carol", demo)
    hers, his = await window(alice, demo, workspace), await window(carol, demo, workspace)

    # Alice types, and has a menu open with a date that she has not set yet.
    await row(hers, "bob").locator("summary").click()
    await row(hers, "bob").get_by_label("Last day of access").fill("2099-12-31")
    field = hers.get_by_role("combobox", name="Add people, groups or rights")
    await field.press_sequentially("astr")

    await his.get_by_label("Role of bob").select_option("Editor")
    await his.get_by_role("combobox", name="Add people, groups or rights").fill("gpu-users")
    await his.get_by_label("General access").select_option("Anyone with link")
    await expect(hers.get_by_label("Role of bob")).to_have_value("editor")
    await expect(hers.get_by_label("General access")).to_have_value("link")
    await expect(hers.locator("#live")).to_contain_text("Changed meanwhile")

    await expect(field).to_be_focused()
    await expect(field).to_have_value("astr")
    await expect(row(hers, "bob").get_by_label("Last day of access")).to_have_value("2099-12-31")
    await expect(his.locator("#live")).to_be_empty()

    # Both change bob at the same moment: what Alice's window shows is not what is there any more.
    await hers.route("**/share/state**", lambda route: route.abort())
    await his.get_by_label("Role of bob").select_option("Co-owner")
    await expect(his.locator("#notice")).to_have_text("bob is now Co-owner.")
    await hers.get_by_label("Role of bob").select_option("Viewer")
    await expect(hers.locator("#notice")).to_have_text(
        "carol made bob Co-owner a moment ago. The list shows it now; choose again if you still want to change it."
    )
    await expect(hers.get_by_label("Role of bob")).to_have_value("co-owner")
    await hers.unroute("**/share/state**")

    # Carol is removed, and her window turns into what is there for somebody without access.
    await hers.get_by_role("button", name="Remove carol").click()
    await expect(his.get_by_role("list", name="People with access")).to_have_count(0)
    await expect(his.get_by_role("heading", level=1)).not_to_have_text("Workspaces")
    assert [[], []] == [alice.errors, carol.errors]


async def test_a_grant_that_ends_by_itself_shows_so_without_a_reload(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Albatrosses")
    alice = await arrive("alice", demo)
    page = await window(alice, demo, workspace)
    ends = await page.evaluate("new Date(Date.now() + 10_000).toISOString()")

    path, body = f"workspaces/{workspace}/grants/user/bob", {"role": "editor", "expires_at": ends}
    assert (await demo.api("alice", "PUT", path, json=body)).is_success
    await expect(page.get_by_label("Role of bob")).to_be_visible()

    await expect(row(page, "bob")).to_contain_text("ended")
    await expect(page.get_by_label("Role of bob")).to_have_count(0)
