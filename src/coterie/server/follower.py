"""Follows the service: whose access to look at again. Whatever goes wrong, it goes on following."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from coterie.client import Alive, ServiceClient, ServiceError
from coterie.server.access import Access
from coterie.server.connections import Connections
from coterie.server.decisions import Decisions, Undecided

_RETRY_AFTER = 1.0
_TICK = 1.0
#: So many people are asked about one by one.
_FEW = 5

#: How many who have accepted may wait to be told of. What is more is not told; who is here is.
_ACCEPTED_MAX = 1000

log = logging.getLogger("coterie")


class Follower:
    """Keeps *connections* and *decisions* true. *on_change* is called with the name of somebody whose access may have
    changed (None: everybody's), before anything else is done about it; *on_accepted* with the access of somebody who
    accepted an invitation."""

    def __init__(
        self,
        client: ServiceClient,
        decisions: Decisions,
        connections: Connections,
        *,
        session: str,
        on_change: Callable[[str | None], None],
        on_accepted: Callable[[Access], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._decisions = decisions
        self._connections = connections
        self._session = session
        self._on_change = on_change
        self._on_accepted = on_accepted
        self._accepted: asyncio.Queue[str] = asyncio.Queue(_ACCEPTED_MAX)
        self._revision: int | None = None
        #: Who is being looked at since their time has come.
        self._due: set[str] = set()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._watch())
            tasks.create_task(self._tell_accepted())

    async def _follow(self) -> None:
        while True:
            try:
                async for event in self._client.events(self._session, self._revision):
                    self._revision = event.revision
                    if not isinstance(event, Alive):
                        await self._look_again(event.name)
                        if event.accepted and event.name is not None:
                            self._remember_accepted(event.name)
            except ServiceError as error:
                log.warning("Not following the service: %s", error)
            except Exception:
                # Nobody would be cut any more if this task ended.
                log.exception("An event could not be followed.")
                self._decisions.forget(None)
            await asyncio.sleep(_RETRY_AFTER)

    async def _watch(self) -> None:
        """Look at dates that pass, at groups and rights that change without an event, and at leases that end."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(_TICK)
                due = {name for name in self._connections.names() if self._decisions.is_due(name)}
                if fresh := due - self._due:
                    # Not waited for: while the service hangs nobody's turn comes later because of the others.
                    tasks.create_task(self._review_due(fresh))

    async def _review_due(self, names: set[str]) -> None:
        self._due |= names
        try:
            await self._review(names)
        finally:
            self._due -= names

    def _remember_accepted(self, name: str) -> None:
        with suppress(asyncio.QueueFull):
            self._accepted.put_nowait(name)

    async def _tell_accepted(self) -> None:
        """Apart from the following, which must not wait for the answers."""
        while True:
            name = await self._accepted.get()
            try:
                access = await self._decisions.get(name)
                if access is not None:
                    self._on_accepted(access)
            except Undecided:
                pass  # nobody can say what they are by now
            except Exception:
                log.exception("Nobody could be told that an invitation was accepted.")

    async def _look_again(self, name: str | None) -> None:
        self._decisions.forget(name)
        self._on_change(name)
        names = self._connections.names()
        await self._review(names if name is None else names & {name})

    async def _review(self, names: Iterable[str]) -> None:
        """All at once: by one question if they are many, and while the service hangs nobody's turn comes later because
        of the others."""
        wanted = set(names)
        if len(wanted) > _FEW:
            for name, access in (await self._decisions.look_again_at_all(wanted)).items():
                self._connections.apply(name, access)
                wanted.discard(name)
        async with asyncio.TaskGroup() as tasks:
            for name in wanted:
                tasks.create_task(self._review_one(name))

    async def _review_one(self, name: str) -> None:
        try:
            access = await self._decisions.get(name, for_connections=True)
        except Undecided:
            self._connections.suspend(name)
        except Exception:
            log.exception("A decision could not be read.")
            self._connections.suspend(name)
        else:
            self._connections.apply(name, access)
