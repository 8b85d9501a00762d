"""Accounts of the demo's Hub that a test makes, renames and removes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from api.service import Service
from coterie.cli.demo.web import loopback_client


@dataclass
class Account:
    """An account with a token of its own. *name* is the present one."""

    service: Service
    name: str
    token: str

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as this account's person."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.service.call(None, method, path, headers=headers, **options)

    async def create(self, name: str = "Snails") -> str:
        """A new workspace of theirs; its id."""
        answer = await self.call("POST", "workspaces", json={"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def rename(self, name: str) -> None:
        """Give the account another name, as an administrator of the Hub does."""
        await hub(self.service, "PATCH", f"users/{quote(self.name)}", json={"name": name})
        self.name = name

    async def remove(self) -> None:
        """Remove the account from the Hub."""
        await hub(self.service, "DELETE", f"users/{quote(self.name)}")


async def hub(service: Service, method: str, path: str, **options: Any) -> Any:
    """The Hub's answer to an administrator."""
    async with loopback_client() as http:
        answer = await http.request(
            method,
            f"{service.settings.hub_api_url}/{path}",
            headers={"Authorization": f"token {service.demo.tokens['admin']}"},
            **options,
        )
    assert answer.is_success or (method == "DELETE" and answer.status_code == 404), answer.text
    return answer.json() if answer.content else None


def forget_what_the_hub_said(service: Service) -> None:
    """As if the seconds had passed for which the service keeps it."""
    service.world.directory._accounts.clear()
    service.world.directory._groups = float("-inf"), {}
    service.app.state.tokens._owners.clear()


def unused_name() -> str:
    """A name that nobody has had yet."""
    return f"p{uuid4().hex[:8]}"


@asynccontextmanager
async def account(service: Service, name: str | None = None) -> AsyncIterator[Account]:
    """A new account, removed at the end."""
    made = Account(service, name or unused_name(), "")
    await hub(service, "POST", f"users/{made.name}")
    made.token = (await hub(service, "POST", f"users/{made.name}/tokens", json={"note": "of a test"}))["token"]
    yield made
    await made.remove()
