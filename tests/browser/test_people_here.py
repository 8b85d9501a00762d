"""Who is here: the panel in JupyterLab's left bar, the menu that leads to invitations, and word of who accepted one."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Arrive
from browser.person import START_MS, Person
from revocation.inviting import accept, at_home, invite, stop_home
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.hub]


async def _panel(person: Person) -> Locator:
    """The panel, brought up if it is not."""
    await _bring_up(_tab(person, "People here"))
    return person.page.locator("#coterie-people")


async def _bring_up(tab: Locator) -> None:
    if await tab.get_attribute("aria-selected") != "true":
        await tab.click()


def _tab(person: Person, name: str) -> Locator:
    return person.page.get_by_role("tab", name=name)


def _row(panel: Locator, name: str) -> Locator:
    people = panel.get_by_role("list", name="People here").locator("> li")
    return people.filter(has=panel.page.locator(".coterie-Person-name").get_by_text(name, exact=True))


async def _share_window(person: Person) -> Page:
    return await person.opens(person.choose("User sharing", "Open user sharing menu"))


async def _come_in(guest: Person, url: str) -> None:
    """Through JupyterHub's own question, for somebody who has not been asked it before."""
    await guest.page.goto(url)
    authorize = guest.page.get_by_role("button", name="Authorize")
    await expect(authorize.or_(guest.page.locator(".coterie-Chip")).first).to_be_visible(timeout=START_MS)
    if await authorize.count():
        await authorize.click()
    await guest.in_lab()


async def test_people_see_one_another_and_go_where_the_others_are(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Dovekies")
    await demo.grant("alice", workspace, "carol", "viewer")
    url = await demo.open("alice", workspace)
    demo.put(url, "islands/skomer.txt", "a quarter of a million pairs\n")
    demo.put(url, "counts.txt", "one, two\n")
    alice, carol = await arrive("alice", demo), await arrive("carol", demo)
    await alice.open("Dovekies")
    seen_by_alice = await _panel(alice)
    await expect(seen_by_alice).to_contain_text("Nobody else is here. Invite somebody with User sharing.")
    await expect(_row(seen_by_alice, "Alice")).to_contain_text("(you)")
    await expect(_row(seen_by_alice, "Alice")).to_contain_text("Creator")
    await expect(_tab(alice, "People here")).not_to_have_attribute("data-coterie-others", "1")

    await carol.open("Dovekies")
    await _bring_up(_tab(carol, "File Browser"))
    await carol.file("counts.txt").dblclick()
    await carol.file("islands").dblclick()
    await carol.file("skomer.txt").dblclick()

    await expect(_row(seen_by_alice, "Carol")).to_contain_text("Viewer")
    await expect(_row(seen_by_alice, "Carol")).not_to_contain_text("(you)")
    await expect(_tab(alice, "People here")).to_have_attribute("data-coterie-others", "1")
    documents = seen_by_alice.get_by_role("list", name="Documents of Carol").get_by_role("button")
    await expect(documents).to_have_text(["skomer.txt islands", "counts.txt"])

    await documents.filter(has_text="skomer.txt").click()
    tabs = alice.page.locator(".lm-DockPanel .lm-TabBar-tab")
    await expect(tabs.filter(has_text="skomer.txt")).to_have_attribute("aria-selected", "true", timeout=START_MS)
    await documents.filter(has_text="counts.txt").focus()
    await alice.page.keyboard.press("Enter")
    await expect(tabs.filter(has_text="counts.txt")).to_have_attribute("aria-selected", "true")
    await documents.filter(has_text="skomer.txt").click()
    await expect(tabs.filter(has_text="skomer.txt")).to_have_attribute("aria-selected", "true")
    await expect(tabs.filter(has_text=".txt")).to_have_count(2)
    seen_by_carol = await _panel(carol)
    await expect(_row(seen_by_carol, "Carol")).to_contain_text("(you)")
    await expect(seen_by_carol.get_by_role("list", name="Documents of Alice").get_by_role("button")).to_have_count(2)

    await demo.grant("alice", workspace, "carol", "editor")
    await expect(_row(seen_by_alice, "Carol")).to_contain_text("Editor", timeout=START_MS)
    await carol.page.close()
    await expect(_row(seen_by_alice, "Carol")).to_have_count(0)
    await expect(seen_by_alice).to_contain_text("Nobody else is here.")
    assert [] == alice.popups


async def test_the_menu_opens_the_share_window_at_its_invitations(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Razorbills")
    alice = await arrive("alice", demo)
    await alice.open("Razorbills")

    menus = await alice.page.locator("#jp-MainMenu .lm-MenuBar-item").all_inner_texts()
    assert ["User sharing", "Help"] == [text.strip() for text in menus][-2:]
    window = await _share_window(alice)

    assert f"{demo.service_url}w/{workspace}/share#invitations" == window.url


async def test_the_owner_of_a_home_is_told_who_accepted_and_sees_them_there(demo: Demo, arrive: Arrive) -> None:
    await demo.open("alice", "~alice")
    alice, bob = await arrive("alice", demo), await arrive("bob", demo)
    await alice.page.goto(f"{demo.service_url}w/~alice")
    await alice.in_lab()
    seen_by_alice = await _panel(alice)

    made = await demo.api("alice", "POST", "workspaces/~alice/invitations", json={})
    assert 201 == made.status_code, made.text
    secret = made.json()["url"].partition("#")[2]
    accepted = await demo.api("bob", "POST", "invitations/accept", json={"secret": secret})
    assert 200 == accepted.status_code, accepted.text

    notice = alice.page.locator(".Toastify__toast").filter(has_text="bob accepted your invitation and is now Editor.")
    await expect(notice).to_be_visible()
    window = await alice.opens(notice.get_by_role("button", name="User sharing").click())
    assert f"{demo.service_url}w/~alice/share#invitations" == window.url
    assert 1 == len(alice.popups)

    await _come_in(bob, accepted.json()["url"])
    await expect(bob.page.locator(".coterie-Chip")).to_have_text("Home of aliceEditor")
    await expect(_row(seen_by_alice, "Bob")).to_contain_text("Editor")
    await expect(seen_by_alice.get_by_title("Bob (bob)", exact=True)).to_have_text("Bob")
    await expect(_row(await _panel(bob), "Alice")).to_contain_text("Creator")

    await demo.api("alice", "DELETE", "workspaces/~alice/guests")
    overlay = bob.page.get_by_role("alertdialog")
    await expect(overlay).to_contain_text("Home of alice")
    await expect(overlay).to_contain_text("Your access has been removed.")
    await expect(_row(seen_by_alice, "Bob")).to_have_count(0)


#: Counts on the page what it would ask and may not.
_COUNT_FORBIDDEN = """
window.forbidden = 0;
document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
  window.forbidden += effectiveDirective === 'connect-src' ? 1 : 0;
});
"""


async def test_a_guests_page_ends_and_is_silent_once_the_owner_has_started_the_server_anew(
    demo: Demo, arrive: Arrive
) -> None:
    async with at_home(demo) as home:
        demo.put(home.url, "terns.txt", "arctic and common\n")
        alice, bob = await arrive("alice", demo), await arrive("bob", demo)
        await alice.page.goto(f"{demo.service_url}w/~alice")
        await alice.in_lab()
        accepted = await accept(demo, "bob", await invite(demo, "alice", home.id))
        await _come_in(bob, accepted.json()["url"])
        await _bring_up(_tab(bob, "File Browser"))
        await bob.file("terns.txt").dblclick()
        await expect(bob.page.locator(".jp-FileEditor .cm-content")).to_contain_text("arctic", timeout=START_MS)
        await bob.page.evaluate(_COUNT_FORBIDDEN)

        await stop_home(demo, "alice")
        for person, sentence in (
            (alice, "If you stopped it, this page resumes once you start it again."),
            (bob, "If its owner stopped it, your access has ended."),
        ):
            await expect(person.page.locator(".coterie-Banner")).to_contain_text(sentence, timeout=START_MS)
        await demo.open("alice", home.id)

        overlay = bob.page.get_by_role("alertdialog")
        await expect(overlay).to_contain_text("Your access has ended", timeout=START_MS)
        asked: list[str] = []
        bob.page.on("request", lambda request: asked.append(request.url))
        bob.page.on("websocket", lambda socket: asked.append(socket.url))
        await bob.page.wait_for_function("window.forbidden >= 3", timeout=START_MS)
        await expect(bob.page.locator(".jp-FileEditor, .jp-Dialog, .coterie-Banner")).to_have_count(0)
        assert [] == asked
        await expect(alice.page.locator(".coterie-Banner")).to_contain_text("You are not signed in here any more")
        await overlay.get_by_role("link", name="Go to your workspaces").click()
        await bob.page.wait_for_url(demo.service_url)
