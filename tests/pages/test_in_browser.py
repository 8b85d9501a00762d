"""What the pages do in a real browser, with the service's own security headers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from coterie.actions.sessions import report_session
from pages.visiting import Service

pytestmark = pytest.mark.browser
Visit = Callable[[str, str], Awaitable[Page]]


@pytest.fixture
async def visit(browser: Browser, service: Service) -> AsyncIterator[Visit]:
    """Opens a page as somebody. Fails the test where the browser had to block anything or a script broke."""
    complaints: list[str] = []
    context = await browser.new_context()

    async def open_page(name: str, path: str) -> Page:
        await context.clear_cookies()
        await context.add_cookies([{"name": "coterie", "value": name, "url": service.url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        await page.route("http://hub.localhost/**", lambda route: route.fulfill(body="JupyterLab"))
        await page.goto(service.url + path)
        return page

    yield open_page
    await context.close()
    assert complaints == []


async def test_a_workspace_is_created_in_place(visit: Visit) -> None:
    page = await visit("erin", "")

    await page.get_by_label("New workspace").fill("Krill & <3")
    await page.get_by_role("button", name="Create").click()

    await expect(page.get_by_role("list", name="Mine").get_by_role("link", name="Krill & <3")).to_be_visible()
    await expect(page.get_by_label("New workspace")).to_have_value("")


async def test_a_refused_name_stays_in_the_field_and_the_reason_is_said(visit: Visit) -> None:
    page = await visit("alice", "")

    await page.get_by_label("New workspace").fill("<b>Krill</b>")
    await page.keyboard.press("Enter")

    await expect(page.locator("#notice")).to_have_text("A name cannot contain HTML tags.")
    await expect(page.get_by_label("New workspace")).to_have_value("<b>Krill</b>")


async def test_somebody_is_found_chosen_and_added_by_keyboard_alone(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    field = page.get_by_role("combobox", name="Add people, groups or rights")

    await field.press_sequentially("astro")
    await expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(2)
    await field.press("ArrowDown")
    await field.press("ArrowDown")
    await field.press("ArrowUp")
    await expect(page.get_by_role("listbox").get_by_role("option", name="astro Group", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    await field.press("Enter")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await expect(field).to_have_value("astro")
    await field.press("Enter")

    await expect(page.get_by_role("list", name="People with access")).to_contain_text("astro")
    await expect(page.locator("#notice")).to_have_text("The group astro is now Viewer. Does not include /astro/dust.")
    await expect(field).to_have_value("")
    await expect(field).to_be_focused()


async def test_escape_closes_the_list_and_then_empties_the_field(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    field = page.get_by_role("combobox", name="Add people, groups or rights")

    await field.press_sequentially("car")
    await expect(field).to_have_attribute("aria-expanded", "true")
    await field.press("Escape")
    await expect(field).to_have_attribute("aria-expanded", "false")
    await expect(field).to_have_value("car")
    await field.press("Escape")

    await expect(field).to_have_value("")


async def test_enter_never_chooses_what_was_pointed_at_for_an_earlier_text(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    field = page.get_by_role("combobox", name="Add people, groups or rights")

    await field.press_sequentially("car")
    await expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    await field.press("ArrowDown")
    await field.fill("nobody at all")
    await field.press("Enter")

    await expect(page.locator("#notice")).to_contain_text("There is nobody of that name whom you may share with.")
    await expect(field).to_have_value("nobody at all")
    await expect(page.get_by_role("list", name="People with access").get_by_role("listitem")).to_have_count(1)


async def test_a_name_of_several_kinds_is_settled_by_a_button(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")

    await page.get_by_label("Add people, groups or rights").fill("bob")
    await page.get_by_label("Role", exact=True).select_option("Editor")
    await page.get_by_role("button", name="Share", exact=True).click()
    await page.get_by_role("button", name="The group").click()

    await expect(page.get_by_label("Role of bob")).to_have_value("editor")
    await expect(page.get_by_role("list", name="People with access")).to_contain_text("Group")


async def test_a_role_is_changed_in_place_and_keeps_the_focus(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    await page.get_by_label("Add people, groups or rights").fill("carol")
    await page.get_by_role("button", name="Share", exact=True).click()

    await page.get_by_label("Role of carol").focus()
    await page.get_by_label("Role of carol").select_option("Co-owner")

    await expect(page.locator("#notice")).to_have_text("carol is now Co-owner.")
    await expect(page.get_by_label("Role of carol")).to_have_value("co-owner")
    await expect(page.get_by_label("Role of carol")).to_be_focused()


async def test_a_change_that_is_refused_shows_the_role_that_is_still_there(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    await page.get_by_label("Add people, groups or rights").fill("carol")
    await page.get_by_role("button", name="Share", exact=True).click()
    await expect(page.locator("#notice")).to_have_text("carol is now Viewer.")

    service.hub.groups["astro"].remove("carol")
    try:
        await page.get_by_label("Role of carol").select_option("Editor")
        await expect(page.locator("#notice")).to_contain_text("There is nobody of that name")
    finally:
        service.hub.groups["astro"].append("carol")

    await expect(page.get_by_label("Role of carol")).to_have_value("viewer")


async def test_a_removal_moves_the_focus_to_the_list(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    await page.get_by_label("Add people, groups or rights").fill("carol")
    await page.get_by_role("button", name="Share", exact=True).click()

    await page.get_by_role("button", name="Remove carol").press("Enter")

    await expect(page.locator("#notice")).to_have_text("carol has been removed.")
    await expect(page.get_by_role("heading", name="People with access")).to_be_focused()


async def test_general_access_is_set_and_the_link_copied(service: Service, visit: Visit) -> None:
    workspace = await service.create("alice")
    page = await visit("alice", f"w/{workspace}/share")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    await page.get_by_label("General access").select_option("Anyone with link")
    await expect(page.locator("#notice")).to_have_text("General access is now Anyone with link.")
    await page.get_by_role("button", name="Copy link").click()
    await expect(page.locator("#notice")).to_have_text("The link has been copied.")

    assert f"{service.url}w/{workspace}" == await page.evaluate("navigator.clipboard.readText()")


async def test_the_menu_of_the_sidebar_opens_the_share_window(service: Service, visit: Visit) -> None:
    workspace = await service.create("alice", "Shared from the sidebar")
    page = await visit("alice", "sidebar")

    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Shared from the sidebar"))
    await row.locator("summary").click()
    async with page.context.expect_page() as opening:
        await row.get_by_role("link", name="Share", exact=True).click()
    window = await opening.value

    await expect(window.get_by_role("heading", level=1)).to_have_text('Share "Shared from the sidebar"')
    assert f"{service.url}w/{workspace}/share" == window.url


async def test_opening_shows_each_step_and_ends_in_jupyterlab(service: Service, visit: Visit) -> None:
    workspace = await service.create("alice")
    service.hub.may_start.clear()
    page = await visit("alice", "")
    await page.goto(f"{service.url}w/{workspace}")

    await expect(page.get_by_role("list", name="Steps").get_by_role("listitem")).to_have_text(
        ["Server requested", "Spawning server..."]
    )
    await expect(page.get_by_role("status").first).to_have_text("Spawning server...")
    await expect(page.get_by_role("progressbar", name="Opening")).to_have_attribute("value", "45")
    service.hub.may_start.set()
    await expect(page.get_by_role("list", name="Steps").get_by_role("listitem")).to_contain_text(["Letting you in"])
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    await report_session(service.world, stored, "a-session")
    await page.wait_for_url(f"http://hub.localhost/user/{stored.account}/lab")
    await page.go_back()

    assert service.url == page.url


async def test_viewing_as_a_viewer_leads_to_jupyterlab_that_shows_itself_so(service: Service, visit: Visit) -> None:
    workspace = await service.create("alice")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    page = await visit("alice", f"w/{workspace}/share")

    address = await page.get_by_role("link", name="View as Viewer").get_attribute("href")
    await page.goto(service.url.removesuffix("/services/coterie/") + str(address), wait_until="commit")
    await expect(page.get_by_role("list", name="Steps").get_by_role("listitem")).to_contain_text(["Letting you in"])
    await report_session(service.world, stored, "a-session")

    await page.wait_for_url(f"http://hub.localhost/user/{stored.account}/lab?coterie-view=viewer", wait_until="commit")


async def test_a_failed_start_is_said_and_can_be_tried_again(service: Service, visit: Visit) -> None:
    service.hub.start_fails = True
    page = await visit("alice", f"w/{await service.create('alice')}")

    await expect(page.get_by_role("heading", name="Not opened")).to_be_visible()
    await expect(page.get_by_role("status").first).to_have_text("The server could not start.")
    service.hub.start_fails = False
    await page.get_by_role("button", name="Try again").click()

    await expect(page.get_by_role("list", name="Steps").get_by_role("listitem")).to_have_text(
        ["Server requested", "Spawning server...", "Letting you in"]
    )


async def test_a_page_says_so_when_the_service_does_not_answer(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice')}/share")
    await page.route("**/share/grants", lambda route: route.abort())

    await page.get_by_label("Add people, groups or rights").fill("carol")
    await page.get_by_role("button", name="Share", exact=True).click()

    await expect(page.locator("#notice")).to_have_text("The service does not answer. Try again in a moment.")
    await expect(page.get_by_label("Add people, groups or rights")).to_have_value("carol")


@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("path", ["", "w/{id}/share"])
async def test_no_page_is_wider_than_its_window(service: Service, visit: Visit, width: int, path: str) -> None:
    workspace = await service.create("alice", "🐧" + "n" * 254)
    page = await visit("alice", "")
    await page.set_viewport_size({"width": width, "height": 700})
    await page.goto(service.url + path.replace("{id}", workspace))

    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_requests_for_access_are_answered_in_the_window_by_keyboard(service: Service, visit: Visit) -> None:
    workspace = await service.create("alice")
    for name in ("erin", "dave"):
        page = await visit(name, f"w/{workspace}")
        await page.get_by_label("Note (optional)").fill(f"It's {name}.")
        await page.get_by_role("button", name="Request access").press("Enter")
        await expect(page.get_by_role("heading", name="Request access")).to_be_focused()
    page = await visit("alice", f"w/{workspace}/share")
    requests = page.get_by_role("region", name="Requests for access")

    await expect(requests).to_contain_text("It's erin.")
    await requests.get_by_label("Role for erin").press("ArrowDown")
    await requests.get_by_role("button", name="Give access to erin").press("Enter")
    await expect(page.locator("#notice")).to_have_text("erin is now Editor.")
    await expect(page.get_by_label("Role of erin")).to_have_value("editor")
    await expect(requests.get_by_role("heading")).to_be_focused()
    await requests.get_by_role("button", name="Decline the request of dave").press("Enter")

    await expect(page.locator("#notice")).to_have_text("dave has been declined.")
    await expect(requests).to_be_hidden()
    await expect(page.get_by_role("heading", name="People with access")).to_be_focused()
    await expect(page.get_by_role("list", name="People with access").get_by_role("listitem")).to_have_count(2)


async def test_a_search_narrows_the_list_while_one_types_and_keeps_the_focus(service: Service, visit: Visit) -> None:
    for name in ("Krill count", "Whale count", "Ice"):
        await service.create("carol", name)
    page = await visit("carol", "")
    field = page.get_by_role("searchbox", name="Search workspaces")

    await field.press_sequentially("COUNT", delay=20)

    await expect(page.get_by_role("list", name="Mine").get_by_role("listitem")).to_have_count(2)
    await expect(page.locator("#found")).to_have_text("2 found")
    await expect(field).to_have_value("COUNT")
    await field.press("Enter")
    await expect(field).to_be_focused()


async def test_a_menu_works_by_keyboard_and_gives_the_focus_back(service: Service, visit: Visit) -> None:
    await service.create("erin", "Menus")
    page = await visit("erin", "?q=menus")
    row = page.get_by_role("listitem").filter(has_text="Menus")
    more, delete = row.locator("summary"), row.get_by_role("link", name="Delete")

    await more.press("ArrowDown")
    await expect(row.get_by_role("link", name="Open").last).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(delete).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(more).to_be_focused()
    await expect(delete).to_be_hidden()
    await more.press("Enter")
    await expect(delete).to_be_visible()
    await more.press("End")
    await expect(delete).to_be_focused()
    await page.get_by_role("searchbox").focus()

    await expect(delete).to_be_hidden()


async def test_a_star_moves_a_workspace_among_the_favourites_and_keeps_the_focus(
    service: Service, visit: Visit
) -> None:
    await service.create("dave", "Starlings")
    page = await visit("dave", "")
    star = page.get_by_role("listitem").filter(has_text="Starlings").locator("button.star")

    await star.press("Enter")

    await expect(page.get_by_role("list", name="Favourites")).to_contain_text("Starlings")
    await expect(star).to_have_attribute("aria-pressed", "true")
    await expect(star).to_be_focused()
    await expect(page.locator("#notice")).to_have_text("Starlings is one of your favourites.")


async def test_deleting_says_what_is_wrong_and_then_leads_back_to_the_list(service: Service, visit: Visit) -> None:
    page = await visit("alice", f"w/{await service.create('alice', 'Lost')}/delete")

    await page.get_by_label("To delete it, type its name").fill("Found")
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("This is not the name of the workspace.")
    await page.get_by_label("To delete it, type its name").fill("Lost")
    await page.get_by_role("button", name="Delete for good").click()

    await expect(page.locator("#notice")).to_have_text("The workspace has been deleted.")
