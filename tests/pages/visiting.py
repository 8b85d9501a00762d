"""The running service as tests hold it, and people who visit its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from coterie import policy
from coterie.actions.actor import Actor
from coterie.actions.create import create_workspace
from coterie.actions.sessions import report_session
from coterie.actions.world import World
from coterie.wire.audit import Via
from pages.html import Element, read
from pages.hub_of_ours import HubOfOurs

#: What the requests carry that a page of another origin makes a browser send, or a program without a browser.
FORGED: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": ""},
    {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "wrong"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://ws-aaaaaaaaaaaaaaaa.hub.localhost"},
    {"Origin": "null"},
    {},
)


@dataclass
class Service:
    """The running service, and the Hub and world behind it."""

    url: str
    hub: HubOfOurs
    world: World

    async def person(self, name: str) -> policy.Person:
        """The person called *name*."""
        person = await self.world.people.find(name)
        assert person is not None
        return person

    async def create(self, creator: str, name: str = "Penguins") -> str:
        """A new workspace of *creator*'s: its id."""
        return (await create_workspace(self.world, Actor(await self.person(creator), Via.PAGE), name)).id

    async def run_home(self, name: str, session: str = "a-session") -> str:
        """Have the home of *name* run in *session*: its id."""
        person = await self.person(name)
        async with self.world.store.writing() as tx:
            home = await tx.see_home(person.id, name, self.world.now())
        await self.hub.run_home(name, f"http://{name}.localhost/user/{name}/")
        await report_session(self.world, home, session)
        return f"~{name}"

    async def accounts(self) -> list[str]:
        """The accounts of workspaces that were ever opened."""
        return [user.name for user in await self.hub.list_users() if user.name.startswith("ws-")]


@dataclass
class Visitor:
    """Somebody's browser without a screen: follows no redirect and runs no script."""

    client: httpx.AsyncClient

    async def get(self, path: str, *, fragment: bool = False) -> httpx.Response:
        """The page at *path*, or the fragment that htmx would get."""
        return await self.client.get(path, headers={"HX-Request": "true"} if fragment else {})

    async def post(
        self,
        path: str,
        form: dict[str, str] | None = None,
        *,
        fragment: bool = True,
        csrf: str | None = None,
        **fields: str,
    ) -> httpx.Response:
        """Send a form as a page of the service does."""
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"HX-Request": "true"} if fragment else {})
        token = await self.csrf() if csrf is None else csrf
        return await self.client.post(path, headers=headers, data=fields | (form or {}) | {"csrf": token})

    async def csrf(self) -> str:
        """The token that this person's pages carry."""
        found = re.search(r'<meta name="csrf" content="([^"]+)">', (await self.get("")).text)
        assert found is not None
        return found.group(1)

    async def people(self, workspace: str) -> list[tuple[str, str]]:
        """Name and role of everybody on the list of the share window, in its order."""
        items = read((await self.get(f"w/{workspace}/share")).text).one("ul", id="people").all("li")
        return [(item.one("span", dir="auto").text, _role(item)) for item in items]


def _role(item: Element) -> str:
    chosen = [option.text for option in item.all("option") if "selected" in option.attributes]
    fixed = [span.text for span in item.all("span") if span.attributes.get("class", "").startswith("role ")]
    return (chosen + fixed)[0]


async def forged(visitor: Visitor, path: str, fields: dict[str, str], headers: dict[str, str]) -> httpx.Response:
    """Send a form with these headers, and with the right token where they name no other."""
    token = {} if "X-CSRF-Token" in headers else {"X-CSRF-Token": await visitor.csrf()}
    return await visitor.client.post(path, headers=headers | token, data=fields)
