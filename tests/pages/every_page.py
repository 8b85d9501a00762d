"""Every page that the service shows, and a world in which each has something to show."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Page, expect

from pages.visiting import Service

Prepare = Callable[[Page], Awaitable[None]]
Call = Callable[..., Awaitable[httpx.Response]]


async def _nothing(_page: Page) -> None:
    pass


async def _search(page: Page) -> None:
    await page.get_by_role("combobox", name="Add people, groups or rights").press_sequentially("a")
    await expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()


async def _give_a_reason_to_refuse(page: Page) -> None:
    await page.get_by_label("New workspace").fill("<b>Krill</b>")
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("HTML")


async def _look_again(page: Page) -> None:
    found = [{"path": ".ssh/id_ed25519", "kind": "key"}, {"path": "thesis/.env", "kind": "environment"}]
    lines = [
        {"files": 800, "found": found, "is_over": False, "is_complete": False},
        {"files": 1234, "found": [], "is_over": True, "is_complete": True},
    ]
    # The home has an origin of its own, which says that this page may read what it answers.
    headers = {"Access-Control-Allow-Origin": urlsplit(page.url)._replace(path="", fragment="").geturl()}
    headers |= {"Access-Control-Allow-Credentials": "true", "Content-Type": "application/x-ndjson"}
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    await page.route("**/coterie/reach", lambda route: route.fulfill(body=body, headers=headers))
    panel = page.locator("#reach")
    if await panel.get_attribute("open") is None:
        await panel.locator("summary").click()
    await expect(page.get_by_role("button", name="Look again")).to_be_visible()
    await page.get_by_role("button", name="Look again").click()
    await expect(page.locator("#reach-result")).to_contain_text("1,234 files.")


async def _make_a_link(page: Page) -> None:
    await page.get_by_role("button", name="Create invitation link").click()
    await expect(page.locator("#invite-link")).to_be_visible()


async def _revoke_somebody(page: Page) -> None:
    await page.get_by_role("button", name="Revoke carol").click()
    await expect(page.locator("#notice")).to_contain_text("Links that they know still work.")


async def _see_the_offer(page: Page) -> None:
    await expect(page.get_by_role("heading", level=2)).to_be_focused()


@dataclass(frozen=True)
class Shown:
    """One page as somebody sees it, and what they do before it is looked at.

    *path* has ``{penguins}`` for a workspace of alice's that is shared with everybody there is, ``{krill}`` for one
    that is hers alone, ``{home}`` and ``{workspace}`` for the secrets of invitations to her home and to the first.
    *route* is the page's address as the service declares it.
    """

    name: str
    route: str
    who: str
    path: str
    prepare: Prepare = field(default=_nothing)
    status: int = 200

    def __str__(self) -> str:
        return self.name


PAGES = (
    Shown("workspaces", "/", "alice", ""),
    Shown("workspaces-none", "/", "erin", "?q=nothing+is+called+so"),
    Shown("workspaces-archived", "/", "alice", "?section=archived"),
    Shown("workspaces-refusal", "/", "alice", "", _give_a_reason_to_refuse),
    Shown("sidebar", "/sidebar", "alice", "sidebar"),
    Shown("sidebar-none", "/sidebar", "erin", "sidebar"),
    Shown("sidebar-nobody", "/sidebar", "", "sidebar"),
    Shown("entrance", "/w/{workspace_id}", "alice", "w/{krill}"),
    Shown("entrance-viewer", "/w/{workspace_id}", "dave", "w/{penguins}"),
    Shown("no-access", "/w/{workspace_id}", "erin", "w/{krill}", status=404),
    Shown("share", "/w/{workspace_id}/share", "alice", "w/{penguins}/share"),
    Shown("share-search", "/w/{workspace_id}/share", "alice", "w/{penguins}/share", _search),
    Shown("share-alone", "/w/{workspace_id}/share", "alice", "w/{krill}/share"),
    Shown("share-administrator", "/w/{workspace_id}/share", "admin", "w/{penguins}/share"),
    Shown("share-own-access", "/w/{workspace_id}/share", "dave", "w/{penguins}/share"),
    Shown("share-made", "/w/{workspace_id}/share", "alice", "w/{krill}/share", _make_a_link),
    Shown("share-revoked", "/w/{workspace_id}/share", "alice", "w/{penguins}/share", _revoke_somebody),
    Shown("share-home", "/w/{workspace_id}/share", "alice", "w/~alice/share", _look_again),
    Shown("share-home-first", "/w/{workspace_id}/share", "erin", "w/~erin/share"),
    Shown("share-own-access-home", "/w/{workspace_id}/share", "bob", "w/~alice/share"),
    Shown("no-access-home", "/w/{workspace_id}", "erin", "w/~alice", status=404),
    Shown("invite-nobody", "/invite/", "", "invite/", _see_the_offer),
    Shown("invite-home", "/invite/", "erin", "invite/#{home}", _see_the_offer),
    Shown("invite-workspace", "/invite/", "erin", "invite/#{workspace}", _see_the_offer),
    Shown("invite-refused", "/invite/", "alice", "invite/#{home}", _see_the_offer),
    Shown("rename", "/w/{workspace_id}/rename", "alice", "w/{penguins}/rename"),
    Shown("favourite", "/w/{workspace_id}/favourite", "alice", "w/{penguins}/favourite"),
    Shown("copy", "/w/{workspace_id}/copy", "alice", "w/{penguins}/copy"),
    Shown("archive", "/w/{workspace_id}/archive", "alice", "w/{penguins}/archive"),
    Shown("delete", "/w/{workspace_id}/delete", "alice", "w/{penguins}/delete"),
    Shown("delete-refused", "/w/{workspace_id}/delete", "dave", "w/{penguins}/delete", status=403),
    Shown("audit-workspace", "/w/{workspace_id}/audit", "alice", "w/{penguins}/audit"),
    Shown("audit", "/audit", "admin", "audit"),
    Shown("people", "/people", "admin", "people"),
    Shown("people-found", "/people", "admin", "people?q=a"),
    Shown("anonymise", "/people/anonymise", "admin", "people/anonymise?name=carol"),
    Shown("error", "", "alice", "no/such/page", status=404),
)

#: What browsers ask for from a page: parts of pages and streams.
PARTS = {
    "/invite/sign-in",
    "/w/{workspace_id}/row",
    "/w/{workspace_id}/share/check",
    "/w/{workspace_id}/share/events",
    "/w/{workspace_id}/share/guests",
    "/w/{workspace_id}/share/hub-shares",
    "/w/{workspace_id}/share/people",
    "/w/{workspace_id}/share/principals",
    "/w/{workspace_id}/share/state",
}


async def furnish(service: Service) -> dict[str, str]:
    """Make the workspaces that the pages show; their ids by the names that paths have for them."""
    url = f"{service.url}api/v1/"
    async with httpx.AsyncClient(base_url=url, verify=False, timeout=60) as client:

        async def call(who: str, method: str, path: str, **body: object) -> httpx.Response:
            headers = {"Authorization": f"Bearer {who}"}
            answer = await client.request(method, path, headers=headers, json=body or None)
            assert answer.is_success, answer.text
            return answer

        async def create(who: str, name: str) -> str:
            return str((await call(who, "POST", "workspaces", name=name)).json()["id"])

        ids = {
            "penguins": await create("alice", "Penguins of the Palmer Archipelago, all three species"),
            "krill": await create("alice", "Krill"),
            "ice": await create("alice", "Ice 'n' \"snow\" / مرحبا 🐧"),
        }
        week = (datetime.now(UTC) + timedelta(days=7)).isoformat()
        for kind, name, role, expires_at in (
            ("user", "bob", "co-owner", None),
            ("user", "carol", "editor", week),
            ("group", "astro", "viewer", None),
            ("group", "%2Fastro%2Fdust", "editor", None),
            ("group", "bio", "viewer", week),
            ("right", "gpu-users", "viewer", None),
        ):
            path = f"workspaces/{ids['penguins']}/grants/{kind}/{name}"
            await call("alice", "PUT", path, role=role, expires_at=expires_at)
        await call("erin", "POST", f"workspaces/{ids['penguins']}/requests", note="I count the same penguins. Erin")
        await call("dave", "POST", f"workspaces/{ids['penguins']}/requests", note="")
        await call("alice", "PUT", f"workspaces/{ids['penguins']}/favourite")
        await call("alice", "PATCH", f"workspaces/{ids['ice']}", archived=True)
        shared = await create("bob", "Ocean currents")
        await call("bob", "PUT", f"workspaces/{shared}/grants/user/alice", role="editor")
        everybodys = await create("admin", "Getting started")
        await call("admin", "PATCH", f"workspaces/{everybodys}", general_access="global")
        ids |= await _invite(service, call, ids["penguins"])
    return ids


async def _invite(service: Service, call: Call, workspace: str) -> dict[str, str]:
    """Make alice's home and the workspace have links, guests, somebody who is blocked and a share made at the Hub."""
    await service.run_home("alice")
    await call("alice", "DELETE", "workspaces/~alice/guests/blocks")  # of other tests
    secrets = {}
    for name, place in (("home", "~alice"), ("workspace", workspace)):
        made = await call("alice", "POST", f"workspaces/{place}/invitations", max_uses=20, expires_in=86400)
        await call("alice", "POST", f"workspaces/{place}/invitations", role="editor")
        secrets[name] = made.json()["url"].partition("#")[2]
        for who in ("bob", "carol", "dave"):
            await call(who, "POST", "invitations/accept", secret=secrets[name])
        await call("alice", "DELETE", f"workspaces/{place}/guests/dave?block=true")
    service.hub.shared.append(("alice", "erin"))
    service.hub.shared_with_groups.append(("alice", "bio"))
    return secrets
