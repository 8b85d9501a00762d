"""Invitations in a real browser: making a link, what a wrong clock changes, other windows, and accepting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from coterie.actions.accept import accept_invitation
from coterie.actions.actor import Actor
from coterie.actions.guests import list_guests
from coterie.actions.invite import make_invitation
from coterie.wire.audit import Via
from coterie.wire.invitations import NewInvitation
from pages.visiting import Service

pytestmark = pytest.mark.browser


@dataclass
class Seen:
    """Every address that a browser asked for, and every line that a script wrote."""

    urls: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


@dataclass
class Windows:
    """Opens windows of people, each in a browser of their own."""

    service: Service
    open_browser: Callable[[str], Awaitable[BrowserContext]]
    seen: Seen = field(default_factory=Seen)

    async def open(self, name: str, path: str = "") -> Page:
        """A new window of the person called *name*, or of nobody in particular (empty), at *path*."""
        context = await self.open_browser(name)
        page = await context.new_page()
        # A browser names the fragment of what it is told to open, and sends it nowhere.
        page.on("request", lambda request: self.seen.urls.append(request.url.partition("#")[0]))
        if path:
            await page.goto(self.service.url + path)
        return page


@pytest.fixture
async def windows(browser: Browser, service: Service) -> AsyncIterator[Windows]:
    """Fails the test where a browser had to block anything or a script broke."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def open_browser(name: str) -> BrowserContext:
        context = await browser.new_context()
        contexts.append(context)
        if name:
            await context.add_cookies([{"name": "coterie", "value": name, "url": service.url}])
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda line: windows.seen.lines.append(line.text))
        await context.route("http://hub.localhost/**", lambda route: route.fulfill(body="JupyterHub"))
        await context.route("http://*.localhost/**", lambda route: route.fulfill(body="JupyterLab"))
        return context

    windows = Windows(service, open_browser)
    yield windows
    for context in contexts:
        await context.close()
    assert complaints == []
    assert [line for line in windows.seen.lines if "Content Security" in line] == []


async def link(service: Service, workspace: str, by: str = "alice", **more: object) -> str:
    """The secret of a new invitation."""
    actor = Actor(await service.person(by), Via.PAGE)
    made = await make_invitation(service.world, actor, workspace, NewInvitation.model_validate(more))
    return made.url.partition("#")[2]


async def accept(service: Service, secret: str, name: str) -> None:
    await accept_invitation(service.world, Actor(await service.person(name), Via.PAGE), secret)


# --- The share window ------------------------------------------------------------------------------------------------


async def test_a_link_is_made_and_copied_by_keyboard(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    page = await windows.open("alice", f"w/{workspace}/share#invitations")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    await page.locator("#invite-uses").press_sequentially("3")
    await page.locator("#invite-uses").press("Enter")
    await expect(page.locator("#invite-link")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#copy-invite-link")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice")).to_have_text("The link has been copied.")

    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{service.url}invite/#")
    await expect(page.locator("#links > li")).to_contain_text("0 of 3 accepted")
    await page.get_by_role("button", name="Revoke this link").press("Enter")
    await expect(page.get_by_role("heading", name="Links that work")).to_be_focused()
    await expect(page.locator(".made")).to_contain_text("This link works no longer.")
    await expect(page.locator("#copy-invite-link")).to_be_disabled()


@pytest.mark.parametrize("year", [1999, 2099])
async def test_a_wrong_clock_of_the_browser_changes_nothing_of_what_is_left(
    service: Service, windows: Windows, year: int
) -> None:
    workspace = await service.create("alice")
    await link(service, workspace, expires_in=3600)
    page = await windows.open("alice")
    # A stream that opens has the list read again, and what the service says then counts, whatever the clock did.
    await page.route("**/share/events", _never_answer)
    await page.clock.install(time=datetime(year, 1, 1))
    await page.goto(f"{service.url}w/{workspace}/share")
    left = page.locator("#links [data-remaining]")

    await expect(left).to_contain_text("59 min")
    await page.clock.run_for(600_000)
    await expect(left).to_contain_text("49 min")
    await page.clock.set_system_time(datetime(year + 1, 1, 1))
    await page.clock.run_for(60_000)

    await expect(left).to_contain_text("48 min")


async def test_a_link_that_has_run_out_goes_from_the_list_by_itself(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    await link(service, workspace, expires_in=60)
    page = await windows.open("alice")
    await page.clock.install()
    await page.goto(f"{service.url}w/{workspace}/share")
    await expect(page.locator("#links > li[data-invitation]")).to_have_count(1)
    await page.route("**/share/state?*", _without_links)

    await page.clock.run_for(63_000)

    await expect(page.locator("#links")).to_contain_text("No link works now.")
    await expect(page.locator("#revoke-links")).to_be_hidden()
    await page.unroute_all(behavior="ignoreErrors")


async def _never_answer(_: Route) -> None:
    pass


async def _without_links(route: Route) -> None:
    """What the service answers once the minute is over."""
    answer = await route.fetch()
    text = await answer.text()
    begin, end = text.index('<ul id="links"'), text.index("</ul>", text.index('<ul id="links"'))
    row = '<li id="no-links" class="nobody">No link works now.</li>'
    head = '<ul id="links" class="people links" aria-labelledby="links-heading">'
    before = text[:begin].replace('<form id="revoke-links"', '<form id="revoke-links" hidden')
    await route.fulfill(body=before + head + row + text[end:])


async def test_what_others_do_shows_at_once_and_takes_nothing_away(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    page = await windows.open("alice", f"w/{workspace}/share")
    other = await windows.open("admin", f"w/{workspace}/share")

    await page.get_by_role("button", name="Create invitation link").click()
    url = await page.locator("#invite-link").input_value()
    await expect(other.locator("#links > li[data-invitation]")).to_have_count(1)
    await expect(other.locator("#revoke-links")).to_be_visible()
    await page.locator("#invite-uses").fill("7")
    await accept(service, url.partition("#")[2], "erin")
    await expect(page.locator("#guests")).to_contain_text("erin")
    await expect(page.locator("#links")).to_contain_text("1 accepted")
    await page.locator("#guests summary").press("Enter")
    await accept(service, url.partition("#")[2], "dave")
    await expect(page.locator("#guests > li")).to_have_count(2)

    await expect(page.locator("#invite-link")).to_have_value(url)
    await expect(page.locator("#invite-uses")).to_have_value("7")
    await expect(page.get_by_role("button", name="Revoke and block").first).to_be_visible()
    await expect(page.locator("#live")).to_contain_text("dave")
    await other.get_by_role("button", name="Revoke all share links").click()
    await expect(page.locator(".made .over")).to_be_visible()
    assert [] == [seen for seen in windows.seen.urls if url.partition("#")[2] in seen]


async def test_guests_are_revoked_blocked_and_let_back_by_keyboard(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    secret = await link(service, workspace)
    for name in ("bob", "erin"):
        await accept(service, secret, name)
    page = await windows.open("alice", f"w/{workspace}/share")
    heading = page.get_by_role("heading", name="People who accepted")

    await page.get_by_role("button", name="Revoke bob").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("Links that they know still work.")
    await expect(heading).to_be_focused()
    await page.get_by_role("button", name="Block bob").press("Enter")
    await expect(page.locator("#blocked")).to_contain_text("bob")
    await page.locator("#guests summary").press("ArrowDown")
    await expect(page.get_by_role("button", name="Revoke and block")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#blocked > li")).to_have_count(2)
    await page.get_by_role("button", name="Lift block of bob").press("Enter")
    await expect(page.locator("#notice")).to_contain_text("The block is lifted.")

    await expect(page.get_by_role("heading", name="Blocked")).to_be_focused()
    await page.get_by_role("button", name="Refresh").press("Enter")
    await expect(page.locator("#notice")).to_have_text("Up to date.")


async def test_refresh_says_so_when_nobody_answers(service: Service, windows: Windows) -> None:
    page = await windows.open("alice", f"w/{await service.create('alice')}/share")
    await page.route("**/share/state?*", lambda route: route.abort())

    await page.get_by_role("button", name="Refresh").click()

    await expect(page.locator("#notice")).to_have_text("The service does not answer. Try again in a moment.")


async def test_shares_made_at_the_hub_are_admitted_and_removed(service: Service, windows: Windows) -> None:
    home = await service.run_home("carol")
    service.hub.shared += [("carol", "dave"), ("carol", "erin")]
    page = await windows.open("carol", f"w/{home}/share")
    shares = page.get_by_role("region", name="Shares made at JupyterHub")

    await shares.get_by_label("Role for dave").select_option("Viewer")
    await shares.get_by_role("button", name="Admit dave").press("Enter")
    await expect(page.locator("#notice")).to_have_text("dave is Viewer until you stop your server.")
    await expect(page.locator("#guests")).to_contain_text("dave")
    await shares.get_by_role("button", name="Remove the share with erin").press("Enter")

    await expect(shares).to_be_hidden()
    await expect(page.get_by_role("heading", name="People who accepted")).to_be_focused()


# --- What guests will reach ------------------------------------------------------------------------------------------


async def home_answers(page: Page, status: int, *lines: dict[str, object]) -> None:
    """Have the home answer so from now on; it lets the page read that."""
    headers = {"Access-Control-Allow-Origin": urlsplit(page.url)._replace(path="", fragment="").geturl()}
    headers |= {"Access-Control-Allow-Credentials": "true", "Content-Type": "application/x-ndjson"}
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    await page.route("**/coterie/reach", lambda route: route.fulfill(status=status, body=body, headers=headers))


def line(files: int, *found: tuple[str, str], over: bool = False, complete: bool = False) -> dict[str, object]:
    items = [{"path": path, "kind": kind} for path, kind in found]
    return {"files": files, "found": items, "is_over": over, "is_complete": complete}


async def test_the_window_shows_what_guests_will_reach_as_text(service: Service, windows: Windows) -> None:
    hostile = "a/<img src=x onerror='alert(1)'>.pem"
    page = await windows.open("erin", f"w/{await service.run_home('erin')}/share")
    result = page.locator("#reach-result")

    await expect(result).to_have_text("Your server does not answer. Open it in this browser, then look again.")
    await expect(page.get_by_role("link", name="Open your server")).to_be_visible()
    first = line(10, (".ssh/id_rsa", "key"), (hostile, "key"), (".env", "environment"))
    await home_answers(page, 200, first, line(1234, ("<b>", "<i>kind</i>"), over=True, complete=True))
    await page.get_by_role("button", name="Look again").click()

    await expect(result).to_have_text("1,234 files. 4 well-known places of secrets among them:")
    await expect(page.locator("#reach-found h3")).to_have_text(["Private keys", "Environment files", "<i>kind</i>"])
    await expect(page.locator("#reach-found li")).to_have_text([".ssh/id_rsa", hostile, ".env", "<b>"])
    assert 0 == await page.locator("#reach-found img, #reach-found b, #reach-found i").count()


@pytest.mark.parametrize(
    ("status", "lines", "sentence"),
    [
        (200, [line(1, over=True, complete=True)], "1 file. No well-known place of secrets is among them."),
        (200, [line(9, over=True)], "9 files. Not all was looked at: there may be more."),
        (200, [line(9)], "Your server stopped looking before the end. Look again."),
        (403, [], "Open your server once in this browser, then look again."),
        (500, [], "Your server could not look. Try again in a moment."),
    ],
)
async def test_every_end_of_looking_is_said(
    service: Service, windows: Windows, status: int, lines: list[dict[str, object]], sentence: str
) -> None:
    page = await windows.open("erin", f"w/{await service.run_home('erin')}/share")
    await expect(page.get_by_role("button", name="Look again")).to_be_visible()

    await home_answers(page, status, *lines)
    await page.get_by_role("button", name="Look again").click()

    await expect(page.locator("#reach-result")).to_contain_text(sentence)


# --- Accepting -------------------------------------------------------------------------------------------------------


async def is_nowhere(page: Page, windows: Windows, secret: str) -> bool:
    """Whether the secret was asked for nowhere and is in neither the address, the page, the tab's memory nor a log."""
    return await is_kept_alone(page, windows, secret) and not await is_kept(page, secret)


async def is_kept_alone(page: Page, windows: Windows, secret: str) -> bool:
    """Whether the secret is in none of these but, perhaps, this tab's memory."""
    texts = [*windows.seen.urls, *windows.seen.lines, page.url, await page.content()]
    texts.append(await page.evaluate("JSON.stringify([{ ...localStorage }, history.state])"))
    return [text for text in texts if secret in text] == []


async def is_kept(page: Page, secret: str) -> bool:
    """Whether this tab's memory has the secret."""
    return secret in await page.evaluate("JSON.stringify({ ...sessionStorage })")


async def test_who_is_signed_in_sees_the_offer_and_accepts(service: Service, windows: Windows) -> None:
    home = await service.run_home("alice")
    secret = await link(service, home)
    page = await windows.open("bob", f"invite/#{secret}")

    await expect(page.get_by_role("heading", name="alice invites you")).to_be_focused()
    assert f"{service.url}invite/" == page.url
    assert await is_kept_alone(page, windows, secret)
    await page.get_by_role("button", name="Accept").press("Enter")
    await page.wait_for_url("http://alice.localhost/user/alice/lab")

    assert [url for url in windows.seen.urls if url == f"{service.url}w/~alice"]
    assert await is_nowhere(page, windows, secret)


async def test_who_is_not_signed_in_signs_in_and_comes_back(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    secret = await link(service, workspace, role="editor")
    page = await windows.open("")

    async def sign_in(route: Route) -> None:
        await page.context.add_cookies([{"name": "coterie", "value": "erin", "url": service.url}])
        await route.fulfill(status=302, headers={"Location": f"{service.url}invite/sign-in"})

    await page.context.route("http://hub.localhost/hub/api/oauth2/**", sign_in)
    await page.goto(f"{service.url}invite/#{secret}")

    await expect(page.get_by_role("heading", name="alice invites you")).to_be_visible()
    assert f"{service.url}invite/" == page.url
    assert await is_kept_alone(page, windows, secret)
    await page.get_by_role("button", name="Accept").click()
    await page.wait_for_url(f"{service.url}w/{workspace}")
    assert await is_nowhere(page, windows, secret)


async def test_somebody_who_declines_is_told_that_nothing_changed(service: Service, windows: Windows) -> None:
    secret = await link(service, await service.create("alice"))
    page = await windows.open("erin", f"invite/#{secret}")

    await page.get_by_role("button", name="Decline").press("Enter")

    await expect(page.get_by_role("heading", name="Declined")).to_be_focused()
    assert await is_nowhere(page, windows, secret)
    await page.reload()
    await expect(page.get_by_role("heading", name="Open the link once more")).to_be_visible()


async def test_a_refusal_says_what_to_do_and_another_link_can_be_opened_in_its_place(
    service: Service, windows: Windows
) -> None:
    workspace = await service.create("alice")
    own, good = await link(service, workspace), await link(service, await service.create("bob"), "bob")
    page = await windows.open("alice", f"invite/#{own}")

    await expect(page.get_by_role("heading", name="Your own invitation")).to_be_focused()
    await expect(page.get_by_role("link", name="Open it")).to_have_attribute("href", f"/services/coterie/w/{workspace}")
    assert await is_nowhere(page, windows, own)
    await page.evaluate("secret => { location.hash = secret; }", good)

    await expect(page.get_by_role("heading", name="bob invites you")).to_be_visible()
    assert f"{service.url}invite/" == page.url


async def test_no_answer_can_be_tried_again(service: Service, windows: Windows) -> None:
    page = await windows.open("erin")
    await page.route("**/invite/preview", lambda route: route.abort())
    await page.goto(f"{service.url}invite/#{await link(service, await service.create('alice'))}")

    await expect(page.get_by_role("heading", name="No answer")).to_be_focused()
    await page.unroute("**/invite/preview")
    await page.get_by_role("button", name="Try again").click()

    await expect(page.get_by_role("heading", name="alice invites you")).to_be_visible()


async def test_only_the_invitation_that_is_shown_can_be_accepted(service: Service, windows: Windows) -> None:
    first, second = await service.create("alice"), await service.create("bob")
    secrets = await link(service, first), await link(service, second, "bob")
    page = await windows.open("erin")
    has_come, may_go, has_gone = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def delay(route: Route) -> None:
        if secrets[0] in (route.request.post_data or ""):
            has_come.set()
            await may_go.wait()
            await route.continue_()
            has_gone.set()
        else:
            await route.continue_()

    await page.route("**/invite/preview", delay)
    await page.goto(f"{service.url}invite/#{secrets[0]}")
    await has_come.wait()
    await page.evaluate("secret => { location.hash = secret; }", secrets[1])
    await expect(page.get_by_role("heading", name="bob invites you")).to_be_visible()
    may_go.set()
    await has_gone.wait()
    await expect(page.get_by_role("heading", name="bob invites you")).to_be_visible()
    await page.get_by_role("button", name="Accept").click()
    await page.wait_for_url(f"{service.url}w/{second}")

    guests = [
        [guest.name for guest in (await list_guests(service.world, await service.person(by), workspace)).items]
        for by, workspace in (("alice", first), ("bob", second))
    ]
    assert [[], ["erin"]] == guests


async def test_the_page_can_be_loaded_anew_for_ten_minutes(service: Service, windows: Windows) -> None:
    secret = await link(service, await service.create("alice"))
    offer = "alice invites you"
    page = await windows.open("erin")
    await page.clock.install()
    await page.goto(f"{service.url}invite/#{secret}")
    await expect(page.get_by_role("heading", name=offer)).to_be_visible()

    await page.clock.run_for(300_000)
    await page.reload()
    await expect(page.get_by_role("heading", name=offer)).to_be_focused()
    assert await is_kept(page, secret)
    await page.clock.run_for(301_000)

    assert await is_nowhere(page, windows, secret)
    await expect(page.get_by_role("button", name="Accept")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="Open the link once more")).to_be_visible()


async def test_what_was_kept_for_long_is_forgotten(service: Service, windows: Windows) -> None:
    secret = await link(service, await service.create("alice"))
    page = await windows.open("erin", "invite/")

    for until in ("Date.now() - 1", "Date.now() + 700_000", "null", "'soon'"):
        keep = f"text => sessionStorage.setItem('coterie-invitation', JSON.stringify({{ text, until: {until} }}))"
        await page.evaluate(keep, secret)
        await page.reload()

        await expect(page.get_by_role("heading", name="Open the link once more")).to_be_focused()
        assert await is_nowhere(page, windows, secret)


async def test_a_refusal_that_passes_keeps_the_invitation(service: Service, windows: Windows) -> None:
    secret = await link(service, await service.create("alice"))
    page = await windows.open("erin")

    async def wrong_token(route: Route) -> None:
        await route.continue_(headers=route.request.headers | {"x-csrf-token": "of-a-sign-in-before"})

    await page.route("**/invite/preview", wrong_token)
    await page.goto(f"{service.url}invite/#{secret}")

    await expect(page.get_by_role("heading", name="Not now")).to_be_focused()
    await expect(page.locator("#not-now")).to_contain_text("Reload and try again.")
    await page.unroute("**/invite/preview")
    await page.get_by_role("button", name="Try again").click()

    await expect(page.get_by_role("heading", name="alice invites you")).to_be_visible()


async def test_a_sign_in_that_is_left_leaves_no_secret_behind(service: Service, windows: Windows) -> None:
    secret = await link(service, await service.create("alice"))
    page = await windows.open("", f"invite/#{secret}")
    await page.wait_for_url("http://hub.localhost/**")
    await page.goto(f"{service.url}static/icon.svg")
    assert await is_kept(page, secret)

    await page.context.add_cookies([{"name": "coterie", "value": "erin", "url": service.url}])
    await page.goto(service.url)

    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert await is_nowhere(page, windows, secret)


async def test_one_link_too_many_leaves_the_form_and_the_last_link_as_they_are(
    service: Service, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.actions.invite.INVITATIONS_MAX", 1)
    page = await windows.open("alice", f"w/{await service.create('alice')}/share")
    create = page.get_by_role("button", name="Create invitation link")
    await create.click()
    url = await page.locator("#invite-link").input_value()

    await page.locator("#invite-role").select_option("Editor")
    await page.locator("#invite-uses").fill("7")
    await create.click()

    await expect(page.locator("#notice .problem")).to_contain_text("links work here already.")
    await expect(page.locator("#invite-role")).to_have_value("editor")
    await expect(page.locator("#invite-uses")).to_have_value("7")
    await expect(page.locator("#invite-link")).to_have_value(url)


async def test_the_two_links_of_a_window_are_told_apart(service: Service, windows: Windows) -> None:
    workspace = await service.create("alice")
    page = await windows.open("alice", f"w/{workspace}/share")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Create invitation link").click()
    await expect(page.get_by_role("button", name="Copy link", exact=True)).to_have_count(1)

    await page.get_by_role("button", name="Copy link of the workspace").click()
    await expect(page.locator("#notice")).to_have_text("The link has been copied.")

    assert f"{service.url}w/{workspace}" == await page.evaluate("navigator.clipboard.readText()")
    await expect(page.get_by_role("heading", name="Link of the workspace")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Link of the workspace")).to_have_value(f"{service.url}w/{workspace}")
