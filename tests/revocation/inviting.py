"""Inviting people and being a guest, over the API as people of the demo, and people by the dozen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from revocation.holding import Place, furnish, hub
from support.demo import Demo

#: So many calls to the Hub at once leave it time for everything else.
_AT_ONCE = 8


@dataclass(frozen=True)
class Link:
    """An invitation that was made, as whoever was given its link knows it."""

    id: str
    url: str

    @property
    def secret(self) -> str:
        """What stands behind the # of the link."""
        return self.url.partition("#")[2]


async def invite(demo: Demo, who: str, workspace: str, **body: Any) -> Link:
    """A link that *who* makes."""
    answer = await demo.api(who, "POST", f"workspaces/{workspace}/invitations", json=body)
    assert answer.status_code == 201, answer.text
    return Link(answer.json()["id"], answer.json()["url"])


async def preview(demo: Demo, who: str, link: Link) -> httpx.Response:
    """What the service says of *link* to *who*."""
    return await demo.api(who, "POST", "invitations/preview", json={"secret": link.secret})


async def accept(demo: Demo, who: str, link: Link) -> httpx.Response:
    """What comes of it when *who* accepts."""
    return await demo.api(who, "POST", "invitations/accept", json={"secret": link.secret})


async def come_in(demo: Demo, who: str, place: Place, link: Link) -> None:
    """Accept, and be let through the Hub."""
    answer = await accept(demo, who, link)
    assert answer.status_code == 200, answer.text
    await demo.open(who, place.id)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """How something was refused: the status, and the code of the problem; an empty one where it was not."""
    return answer.status_code, "" if answer.is_success else str(answer.json()["code"])


async def guests_of(demo: Demo, owner: str, workspace: str) -> list[str]:
    """Who is a guest there now, sorted."""
    answer = await demo.api(owner, "GET", f"workspaces/{workspace}/guests?limit=500")
    assert answer.status_code == 200, answer.text
    return sorted(guest["name"] for guest in answer.json()["items"])


async def is_in(demo: Demo, who: str, place: Place) -> bool:
    """Whether the server answers *who*."""
    return (await demo.server(who, "GET", f"{place.url}api/contents")).status_code == 200


async def revoke_everything(demo: Demo, owner: str, workspace: str) -> None:
    """No link works, nobody is a guest and nobody is blocked."""
    for path in ("invitations", "guests", "guests/blocks"):
        answer = await demo.api(owner, "DELETE", f"workspaces/{workspace}/{path}")
        assert answer.status_code == 204, answer.text


async def opened_home(demo: Demo, owner: str = "alice") -> Place:
    """*owner*'s home, running, with a file, a kernel and a terminal."""
    home = f"~{owner}"
    return await furnish(demo, owner, home, await demo.open(owner, home))


@asynccontextmanager
async def at_home(demo: Demo, owner: str = "alice") -> AsyncIterator[Place]:
    """*owner*'s home, running; nobody is a guest there before and after."""
    place = await opened_home(demo, owner)
    await revoke_everything(demo, owner, place.id)
    yield place
    await revoke_everything(demo, owner, place.id)


async def stop_home(demo: Demo, owner: str) -> None:
    """Have *owner* stop their home as the Hub's own page does, and wait until nothing of it runs."""
    await hub(demo, owner, "DELETE", f"users/{quote(owner)}/server")
    await demo.until_stopped(quote(owner))


@asynccontextmanager
async def with_people(demo: Demo, count: int) -> AsyncIterator[tuple[Demo, list[str]]]:
    """The demo with *count* more people, and their names. Those who are still there at the end go."""
    names = [f"p{uuid4().hex[:8]}" for _ in range(count)]
    tokens: dict[str, str] = {}

    async def get_token(name: str) -> None:
        tokens[name] = (await hub(demo, "admin", "POST", f"users/{name}/tokens", json={"note": "of a test"}))["token"]

    async def remove(name: str) -> None:
        answer = await demo.server("admin", "DELETE", f"{demo.hub_url}hub/api/users/{name}")
        assert answer.status_code in (204, 404), answer.text

    await hub(demo, "admin", "POST", "users", json={"usernames": names})
    await a_few_at_a_time(get_token(name) for name in names)
    try:
        yield replace(demo, tokens={**demo.tokens, **tokens}), names
    finally:
        await a_few_at_a_time(remove(name) for name in names)


async def a_few_at_a_time(doing: Iterable[Any]) -> None:
    """Run all of *doing*, a few at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(awaitable: Any) -> None:
        async with room:
            await awaitable

    async with asyncio.TaskGroup() as tasks:
        for each in doing:
            tasks.create_task(one(each))
