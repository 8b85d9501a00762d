"""The service as tests here call it: in this process, with the demo's Hub and people behind it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI

from coterie.actions.world import World
from coterie.service.settings import Limits, Settings
from support.demo import Demo


@dataclass(frozen=True)
class Service:
    """A service in this process. Calls are made as people of the demo."""

    app: FastAPI
    world: World
    settings: Settings
    demo: Demo

    async def call(self, who: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as *who* (None: as nobody)."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.demo.tokens[who]}"}
        return await self.request(method, f"api/v1/{path}", headers=headers | options.pop("headers", {}), **options)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request below the service's address."""
        await asyncio.gather(*self.world.asking)  # requests for access may be written after their answer
        # A path as given, escapes and all: httpx would tidy it.
        url = httpx.URL(self.settings.origin).copy_with(raw_path=(self.settings.prefix + path).encode())
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, **options)

    async def create(self, who: str, name: str = "Penguins") -> str:
        """A new workspace; its id."""
        answer = await self.call(who, "POST", "workspaces", json={"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def grant(self, by: str, workspace: str, kind: str, name: str, role: str, **more: Any) -> httpx.Response:
        """Give somebody a role."""
        path = f"workspaces/{workspace}/grants/{kind}/{quote(name, safe='')}"
        return await self.call(by, "PUT", path, json={"role": role} | more)


def settings_for(demo: Demo, database_url: str) -> Settings:
    """The settings of a service in this process that has the demo's Hub and this database. Tests may ask as much as
    they like."""
    return Settings(
        listen_host="127.0.0.1",
        listen_port=0,
        hub_api_url=f"http://127.0.0.1:{demo.port}/hub/api",
        # An administrator's token may do at the Hub what the service's own may; scopes are tested with the demo's own.
        api_token=demo.tokens["admin"],
        client_id="service-coterie",
        public_url=demo.service_url,
        hub_url=demo.hub_url,
        database_url=database_url,
        limits=Limits(requests_per_second=0, requests_at_once=0),
    )
