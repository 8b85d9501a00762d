"""Speaking to the service as a workspace's server that was taken over: with a token like its own, and no manners."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, account_of, hub
from support.demo import Demo


@dataclass(frozen=True)
class Server:
    """The server of *place* in its present *session*, to the service at *api*."""

    place: Place
    session: str
    api: str
    token: str

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call below ``api/v1/server``."""
        headers = {"Authorization": f"token {self.token}"} | options.pop("headers", {})
        async with loopback_client() as http:
            return await http.request(method, f"{self.api}{path}", headers=headers, **options)

    async def decisions(self, names: list[str], session: str) -> list[dict[str, Any]]:
        """What the service says these people may do in *session*: asked one by one and at once, which must agree."""
        asked = [await self.ask("GET", f"/decisions/{name}?session={session}") for name in names]
        at_once = await self.ask("POST", f"/decisions?session={session}", json={"names": names})
        assert at_once.status_code == 200, at_once.text
        found: list[dict[str, Any]] = at_once.json()["decisions"]
        assert [answer.json() for answer in asked] == found
        return found

    @asynccontextmanager
    async def following(
        self, *, session: str | None = None, after: int | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """The event stream: each event with its body."""
        params: dict[str, str | int] = {"session": session or self.session}
        if after is not None:
            params["after"] = after
        async with (
            loopback_client() as http,
            http.stream(
                "GET",
                f"{self.api}/events",
                params=params,
                headers={"Authorization": f"token {self.token}", **(headers or {})},
                timeout=20,
            ) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            yield _events(answer.aiter_lines())


async def server_of(demo: Demo, place: Place) -> Server:
    """The server of *place*, which alice may look at, with a token that has the scopes of its own."""
    account = account_of(place.url)
    scopes = [f"access:servers!server={account}/", f"users:activity!user={account}"]
    made = await hub(demo, "admin", "POST", f"users/{account}/tokens", json={"note": "an attack", "scopes": scopes})
    page = await demo.server("alice", "GET", f"{place.url}lab", headers={"Accept": "text/html"})
    found = re.search(r'"coterieSession":\s*"([^"]+)"', page.text)
    assert found is not None, page.text[:500]
    return Server(place, found[1], f"{demo.service_url}api/v1/server", made["token"])


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    event = ""
    async for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))
