"""The stream that a server follows to learn whose access to look at again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from coterie.actions.bell import heard
from coterie.actions.sessions import end_if_over
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import PrincipalKind
from coterie.store import StoredEvent, StoredPerson, StoredWorkspace
from coterie.wire.bodies import AccessEvent
from coterie.wire.events import STREAM_ACCESS, STREAM_ALIVE, EventKind

#: How often a stream without news says that it is alive (seconds); a server's lease is many times as long.
_ALIVE_EVERY = 5.0
_BATCH = 500

log = logging.getLogger(__name__)


async def follow_events(
    world: World, stored: StoredWorkspace, *, after: int | None, is_still_there: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    """Server-sent events for the server of *stored* from the revision *after* on; None: from now on.

    Ends when *is_still_there* says that the server's token is no longer good. A revision the outbox has not reached, as
    after a database was restored, starts with "look at everybody again".
    """
    async with world.store.reading() as tx:
        latest = await tx.latest_revision()
    if after is None or after > latest:
        if after is not None:
            yield _event(STREAM_ACCESS, AccessEvent(revision=latest, name=None))
        after = latest
    yield _event(STREAM_ALIVE, AccessEvent(revision=after))
    alive_at = time.monotonic() + _ALIVE_EVERY
    try:
        while not world.closing.is_set():
            ticket = world.outbox_bell.ticket()
            async with world.store.reading() as tx:
                events = await tx.read_after(after, limit=_BATCH, workspace_id=stored.id)
                people = await tx.get_people([e.principal.key for e in events if _names_a_user(e) and e.principal])
            for event in events:
                after = event.revision
                if event.kind in (EventKind.ACCESS, EventKind.ACCEPTED):
                    user = people.get(event.principal.key) if event.principal and _names_a_user(event) else None
                    accepted = event.kind == EventKind.ACCEPTED
                    yield _event(STREAM_ACCESS, AccessEvent(revision=after, name=_known_name(user), accepted=accepted))
            if time.monotonic() >= alive_at:
                if not await is_still_there():
                    return
                alive_at = time.monotonic() + _ALIVE_EVERY
                yield _event(STREAM_ALIVE, AccessEvent(revision=after))
            if not events:
                await heard(ticket, within=max(0.0, alive_at - time.monotonic()))
    finally:
        # A stream that breaks off is the first sign that a session is over.
        task = asyncio.get_running_loop().create_task(_look(world, stored))
        _LOOKING.add(task)
        task.add_done_callback(_LOOKING.discard)


_LOOKING: set[asyncio.Task[None]] = set()


async def _look(world: World, stored: StoredWorkspace) -> None:
    try:
        await end_if_over(world, stored)
    except HubError as error:
        log.info("Whether a session is over is asked again later: %s", error)


def _known_name(user: StoredPerson | None) -> str | None:
    """The name by which a server may know *user*: None, for everybody, where it no longer can be told."""
    return None if user is None or user.is_anonymised else user.name


def _names_a_user(event: StoredEvent) -> bool:
    return event.principal is not None and event.principal.kind is PrincipalKind.USER


def _event(kind: str, body: AccessEvent) -> str:
    return f"event: {kind}\nid: {body.revision}\ndata: {body.model_dump_json()}\n\n"
