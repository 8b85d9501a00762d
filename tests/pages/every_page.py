"""Every page that the service shows, and a world in which each has something to show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from playwright.async_api import Page, expect

from pages.visiting import Service

Prepare = Callable[[Page], Awaitable[None]]


async def _nothing(_page: Page) -> None:
    pass


async def _search(page: Page) -> None:
    await page.get_by_role("combobox", name="Add people, groups or rights").press_sequentially("a")
    await expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()


async def _give_a_reason_to_refuse(page: Page) -> None:
    await page.get_by_label("New workspace").fill("<b>Krill</b>")
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("HTML")


@dataclass(frozen=True)
class Shown:
    """One page as somebody sees it, and what they do before it is looked at.

    *path* has ``{penguins}`` for a workspace of alice's that is shared with everybody there is, ``{krill}`` for one
    that is hers alone. *route* is the page's address as the service declares it.
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
    "/w/{workspace_id}/row",
    "/w/{workspace_id}/share/check",
    "/w/{workspace_id}/share/events",
    "/w/{workspace_id}/share/people",
    "/w/{workspace_id}/share/principals",
    "/w/{workspace_id}/share/state",
}


async def furnish(service: Service) -> dict[str, str]:
    """Make the workspaces that the pages show; their ids by the names that paths have for them."""
    url = f"{service.url}api/v1/"
    async with httpx.AsyncClient(base_url=url) as client:

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
    return ids
