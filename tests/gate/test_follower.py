"""Looking at people's access again when its time has come, while the service hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from types import SimpleNamespace

import pytest
from tornado.web import RequestHandler

from coterie.client import ServiceClient
from coterie.policy import Role
from coterie.server import follower
from coterie.server.access import Access
from coterie.server.connections import Connections
from coterie.server.decisions import Decisions
from coterie.server.follower import Follower
from coterie.wire.bodies import ServerDecision
from support.demo import until

LEASE = 6.0


class _Handler(RequestHandler):
    """Of a connection that *name* has."""

    def __init__(self, name: str) -> None:
        self.coterie_access = Access(f"id-of-{name}", name, Role.EDITOR)
        self.coterie_ended = None
        self.was_closed = False
        self.request = SimpleNamespace(connection=SimpleNamespace(stream=SimpleNamespace(close=self._note)))

    def _note(self) -> None:
        self.was_closed = True


async def test_nobodys_lease_is_longer_because_the_service_hangs_over_somebody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follower, "_TICK", 0.01)
    seconds, hangs = 0.0, False
    asked: list[str] = []

    async def ask(name: str) -> ServerDecision:
        asked.append(name)
        if hangs:
            await asyncio.Event().wait()
        return ServerDecision(person=f"id-of-{name}", name=name, role="editor", reasons=[])

    async def ask_at_once(_: Collection[str]) -> Mapping[str, ServerDecision]:
        raise AssertionError("They are few.")

    connections, handlers = Connections(), {name: _Handler(name) for name in ("bob", "carol")}
    for handler in handlers.values():
        connections.add(handler)
    decisions = Decisions(ask, ask_at_once, owner=None, lease=LEASE, clock=lambda: seconds)
    await decisions.get("bob")
    seconds = 1.0
    await decisions.get("carol")
    hangs = True
    asked.clear()
    async with ServiceClient("http://127.0.0.1:1/", "unused") as client:
        following = Follower(client, decisions, connections, session="s", on_change=lambda _: None)
        watching = asyncio.create_task(following._watch())

        async def bob_is_asked_about() -> bool:
            return asked == ["bob"]

        async def both_are_asked_about() -> bool:
            return asked == ["bob", "carol"]

        seconds = LEASE / 2
        await until(bob_is_asked_about)
        seconds = LEASE / 2 + 1
        # Her turn comes while the question about him still hangs.
        await until(both_are_asked_about)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    assert [False, False] == [handler.was_closed for handler in handlers.values()]
