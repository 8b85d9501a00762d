"""Follows the service: whose access to look at again, and whether the service is there at all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from coterie.client import Alive, ServiceClient, ServiceError
from coterie.server.connections import Connections
from coterie.server.decisions import Decisions, Undecided

_RETRY_AFTER = 1.0
_TICK = 1.0

log = logging.getLogger("coterie")


class Follower:
    """Keeps *connections* and *decisions* true. *on_change* is called when somebody's access may have changed, before
    anything else is done about it."""

    def __init__(
        self,
        client: ServiceClient,
        decisions: Decisions,
        connections: Connections,
        *,
        session: str,
        lease: float,
        on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._decisions = decisions
        self._connections = connections
        self._session = session
        self._lease = lease
        self._on_change = on_change
        self._clock = clock
        self._heard_at = clock()
        self._revision: int | None = None

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._watch())

    async def _follow(self) -> None:
        while True:
            try:
                async for event in self._client.events(self._session, self._revision):
                    self._heard_at = self._clock()
                    self._revision = event.revision
                    if not isinstance(event, Alive):
                        await self._look_again(event.name)
            except ServiceError as error:
                log.warning("Not following the service: %s", error)
            await asyncio.sleep(_RETRY_AFTER)

    async def _watch(self) -> None:
        """Look at dates that pass, at groups and rights that change without an event, and at the lease."""
        while True:
            await asyncio.sleep(_TICK)
            if self._clock() - self._heard_at > self._lease:
                self._decisions.forget(None)
            for name in self._connections.names():
                if self._decisions.is_due(name):
                    await self._review(name)

    async def _look_again(self, name: str | None) -> None:
        self._decisions.forget(name)
        self._on_change()
        names = self._connections.names()
        async with asyncio.TaskGroup() as tasks:
            for each in names if name is None else names & {name}:
                tasks.create_task(self._review(each))

    async def _review(self, name: str) -> None:
        try:
            access = await self._decisions.get(name)
        except Undecided:
            self._connections.suspend(name)
        else:
            self._connections.apply(name, access)
