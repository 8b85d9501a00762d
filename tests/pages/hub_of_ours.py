"""A Hub without a Hub: five people, their groups and rights, and servers that start in steps when a test says so.

It stands where ``coterie.hubapi.Hub`` stands; all the rest of the service is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Literal

from coterie.hubapi import Hub, HubGroup, HubServer, HubUnavailable, HubUser, TokenOwner

CREATED = datetime(2025, 1, 1, tzinfo=UTC)
GROUPS = {"astro": ["alice", "bob", "carol"], "/astro/dust": ["bob"], "bio": ["dave"], "bob": ["carol"]}
RIGHTS = {"gpu-users": ["alice", "bob"], "curators": ["carol"]}
PEOPLE = ("alice", "bob", "carol", "dave", "erin", "admin")


class HubOfOurs(Hub):
    """A token is the name of the person it belongs to."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1/", "none")
        self._names = set(PEOPLE)
        self._servers: dict[str, HubServer] = {}
        self.groups = {name: list(members) for name, members in GROUPS.items()}
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.start_fails = False
        self.shared: list[tuple[str, str]] = []
        self.shared_with_groups: list[tuple[str, str]] = []
        #: Whether the Hub answers when it is asked for shares and servers.
        self.answers = True

    async def token_owner(self, token: str) -> TokenOwner | None:
        if token not in self._names:
            return None
        return TokenOwner(kind="user", name=token, scopes=["access:services!service=coterie"], session_id="browser")

    async def find_user(self, name: str) -> HubUser | None:
        if name not in self._names:
            return None
        return HubUser(
            name=name,
            admin=name == "admin",
            created=CREATED,
            groups=[group for group, members in self.groups.items() if name in members],
            roles=[right for right, holders in RIGHTS.items() if name in holders],
            servers={"": self._servers[name]} if name in self._servers else {},
        )

    async def list_users(self, *, active: bool = False) -> list[HubUser]:
        found = [await self.find_user(name) for name in sorted(self._names)]
        return [user for user in found if user is not None and (user.server is not None or not active)]

    async def list_groups(self) -> list[HubGroup]:
        return [HubGroup(name=name, users=members) for name, members in self.groups.items()]

    async def create_user(self, name: str) -> None:
        self._names.add(name)

    async def remove_user(self, name: str) -> None:
        self._names.discard(name)

    async def start_server(self, name: str) -> None:
        self._servers[name] = HubServer(ready=False, pending="spawn", url=f"/user/{name}/")

    async def stop_server(self, name: str) -> None:
        self._servers.pop(name, None)

    async def follow_progress(self, name: str) -> AsyncIterator[dict[str, Any]]:
        if name not in self._servers:
            return
        yield {"progress": 0, "message": "Server requested"}
        yield {"progress": 50, "message": "Spawning server..."}
        await self.may_start.wait()
        if self.start_fails:
            yield {"progress": 100, "message": "Spawn failed", "failed": True}
            del self._servers[name]
            return
        self._servers[name] = HubServer(ready=True, url=f"/user/{name}/")
        yield {"progress": 100, "message": "Server ready", "ready": True}

    async def share(self, owner: str, user: str) -> None:
        self.shared.append((owner, user))

    async def withdraw(self, owner: str, user: str) -> None:
        self.shared = [pair for pair in self.shared if pair != (owner, user)]

    async def withdraw_from_group(self, owner: str, group: str) -> None:
        self.shared_with_groups = [pair for pair in self.shared_with_groups if pair != (owner, group)]

    async def list_shares(self, owner: str) -> list[tuple[Literal["user", "group"], str]]:
        if not self.answers:
            raise HubUnavailable("The Hub does not answer.")
        users: list[tuple[Literal["user", "group"], str]] = [("user", to) for of, to in self.shared if of == owner]
        return users + [("group", to) for of, to in self.shared_with_groups if of == owner]

    async def withdraw_all(self, owner: str) -> None:
        self.shared = [pair for pair in self.shared if pair[0] != owner]
        self.shared_with_groups = [pair for pair in self.shared_with_groups if pair[0] != owner]

    async def run_home(self, name: str, url: str | None = None) -> None:
        """Have the home of *name* run at *url*."""
        self._servers[name] = HubServer(ready=True, url=f"/user/{name}/", full_url=url)
