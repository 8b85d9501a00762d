"""Invitations as tests make and accept them, and sessions of workspaces and homes whose servers do not really run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from uuid import uuid4

import httpx

from api.accounts import Account, account
from api.service import Service
from coterie.actions.sessions import end_session, report_session
from coterie.hubapi import Hub, HubServer, HubUser
from coterie.service.app import create_app
from coterie.store import StoredWorkspace


class Caller(Protocol):
    """Somebody who calls the API."""

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Their answer."""
        ...


@dataclass(frozen=True)
class Somebody:
    """A person of the demo."""

    service: Service
    name: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as this person."""
        return await self.service.call(self.name, method, path, **options)


@dataclass
class Place:
    """A workspace, or a home, as *maker* shares it."""

    service: Service
    maker: Caller
    id: str
    running: set[str]

    @property
    def path(self) -> str:
        """Its address in the API."""
        return f"workspaces/{self.id}"

    async def stored(self) -> StoredWorkspace:
        """What the store has of it."""
        async with self.service.world.store.reading() as tx:
            by_account = await tx.find_workspace_by_account(self.id.removeprefix("~"))
            found = by_account if self.id.startswith("~") else await tx.find_workspace(self.id)
        assert found is not None
        return found

    async def start(self) -> str:
        """Begin a session, as when the gate of a new run reports; its id."""
        stored, session = await self.stored(), uuid4().hex
        self.running.add(stored.account)
        await report_session(self.service.world, stored, session)
        return session

    async def stop(self) -> None:
        """End the session."""
        stored = await self.stored()
        self.running.discard(stored.account)
        await end_session(self.service.world, stored)

    async def invite(self, by: Caller | None = None, **body: Any) -> str:
        """The secret of a new invitation, of the maker's unless *by* is named."""
        made = await (by or self.maker).call("POST", f"{self.path}/invitations", json=body)
        assert made.status_code == 201, made.text
        return secret_of(made)

    async def guests(self) -> list[str]:
        """The names of all guests, as the maker sees them."""
        answer = await self.maker.call("GET", f"{self.path}/guests?limit=500")
        assert answer.status_code == 200, answer.text
        return [guest["name"] for guest in answer.json()["items"]]

    async def invitations(self) -> list[dict[str, Any]]:
        """The invitations that work, as the maker sees them."""
        answer = await self.maker.call("GET", f"{self.path}/invitations")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def role(self, who: Caller) -> str | None:
        """The role that *who* has here; None for somebody who is told of no such workspace."""
        answer = await who.call("GET", self.path)
        if answer.status_code == 404:
            assert answer.json()["code"] == "workspace-not-found"
            return None
        return str(answer.json()["role"])


def secret_of(made: httpx.Response) -> str:
    """The secret in the link of an invitation that has just been made."""
    address, _, secret = made.json()["url"].partition("#")
    assert address.endswith("/services/coterie/invite/")
    return str(secret)


async def accept(who: Caller, secret: str) -> httpx.Response:
    """The answer to *who* accepts."""
    return await who.call("POST", "invitations/accept", json={"secret": secret})


async def preview(who: Caller, secret: str) -> httpx.Response:
    """The answer to *who* only looks."""
    return await who.call("POST", "invitations/preview", json={"secret": secret})


async def refusals(who: Caller, secret: str) -> set[tuple[int, str]]:
    """How *who* is refused, by looking and by accepting."""
    answers = [await preview(who, secret), await accept(who, secret)]
    return {(answer.status_code, answer.json().get("code", "")) for answer in answers}


def later(service: Service, **span: float) -> Service:
    """The same service with a clock that is ahead (or behind) by so much."""
    now = service.world.now
    world = replace(service.world, now=lambda: now() + timedelta(**span))
    return replace(service, world=world, app=create_app(service.settings, world))


class RunningHub:
    """Has the Hub say of the accounts in *running* that their servers run, so that no review ends their sessions."""

    def __init__(self, hub: Hub) -> None:
        self.running: set[str] = set()
        self._list_users = hub.list_users

    async def list_users(self, *, active: bool = False) -> list[HubUser]:
        """The accounts, with those that are taken to run."""
        users = {user.name: user for user in await self._list_users()}
        said = {user.name: user for user in await self._list_users(active=True)} if active else users
        server = HubServer(ready=True, url="/")
        return [
            *(user for name, user in said.items() if name not in self.running),
            *(users[name].model_copy(update={"servers": {"": server}}) for name in self.running if name in users),
            *(
                HubUser(name=name, created="2030-01-01T00:00:00Z", servers={"": server})  # type: ignore[arg-type]
                for name in self.running
                if name not in users
            ),
        ]


@asynccontextmanager
async def home_of_somebody(service: Service, running: set[str]) -> AsyncIterator[tuple[Place, Account]]:
    """A new account and its home, which does not run yet."""
    async with account(service) as owner:
        place = Place(service, owner, f"~{owner.name}", running)
        assert (await owner.call("GET", place.path)).status_code == 200
        yield place, owner
        running.discard(owner.name)
