"""Sessions: when the gate of a server has reported, and when its run is over.

The Hub sends no event that cannot be missed (a Hub that is killed calls no hook), so a session on record is compared
with the Hub's word: when its event stream breaks off, and every few seconds.
"""

from __future__ import annotations

from coterie.actions.world import World
from coterie.store import StoredWorkspace
from coterie.wire.events import EventKind


async def report_session(world: World, stored: StoredWorkspace, session: str) -> None:
    """The gate is up in *session*. Another session on record is over by that, with its guests, and a copy has its
    files."""
    async with world.store.writing() as tx:
        earlier = await tx.find_by_id(stored.id)
        if not await tx.report_session(stored.id, session):
            return
        await tx.forget_past_guests(stored.id, session, world.now())
        if earlier is not None and earlier.copied_from is not None:
            await tx.finish_copy(stored.id)
        if earlier is not None and earlier.session is not None:
            await tx.append_event(stored.id, EventKind.ENDED, None, world.now())
        await tx.append_event(stored.id, EventKind.REPORTED, None, world.now())
    world.on_their_way.pop(stored.account, None)


async def end_if_over(world: World, stored: StoredWorkspace) -> bool:
    """Ask the Hub whether the server is gone, and if it is, end the session on record. True when it is gone."""
    async with world.store.reading() as tx:
        before = await tx.find_by_id(stored.id)
    user = await world.hub.find_user(stored.account)
    if user is not None and user.server is not None:
        return False
    if before is not None:
        await end_session(world, before)
    return True


async def end_session(world: World, stored: StoredWorkspace) -> None:
    """End the session of *stored*, whose server the Hub says is gone. A session that began since goes on."""
    if stored.session is not None:
        async with world.store.writing() as tx:
            if await tx.end_session(stored.id, stored.session):
                await tx.append_event(stored.id, EventKind.ENDED, None, world.now())
    if world.on_their_way.get(stored.account) == "stopping":
        del world.on_their_way[stored.account]
