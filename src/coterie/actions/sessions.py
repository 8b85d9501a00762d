"""Sessions: when the gate of a server has reported, and when its run is over.

The Hub sends no event that cannot be missed (a Hub that is killed calls no hook), so that a session on record is
compared with the Hub's word: when its event stream breaks off, and every few seconds.
"""

from __future__ import annotations

from coterie.actions.world import World
from coterie.store import StoredWorkspace, Transaction
from coterie.wire.events import EventKind


async def report_session(world: World, stored: StoredWorkspace, session: str) -> None:
    """The gate is up in *session*. Another session on record is over by that."""
    async with world.store.writing() as tx:
        current = await tx.find_workspace_by_account(stored.account)
        if current is None or (current.session == session and current.session_reported):
            return
        if current.session is not None and current.session != session:
            await _end(world, tx, current)
        await tx.report_session(stored.id, session)
        await tx.append_event(stored.id, EventKind.REPORTED, None, world.now())
    world.on_their_way.pop(stored.id, None)


async def end_if_over(world: World, stored: StoredWorkspace) -> bool:
    """Ask the Hub whether the server is gone, and if it is, end the session on record. True when it is gone."""
    user = await world.hub.find_user(stored.account)
    if user is not None and user.server is not None:
        return False
    async with world.store.writing() as tx:
        current = await tx.find_workspace_by_account(stored.account)
        if current is not None and current.session is not None:
            await _end(world, tx, current)
    if world.on_their_way.get(stored.id) == "stopping":
        del world.on_their_way[stored.id]
    return True


async def _end(world: World, tx: Transaction, current: StoredWorkspace) -> None:
    if current.session is not None and await tx.end_session(current.id, current.session):
        await tx.append_event(current.id, EventKind.ENDED, None, world.now())
