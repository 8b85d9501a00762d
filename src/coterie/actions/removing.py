"""Removing the accounts of deleted workspaces from the Hub, whose spawners remove their files with them.

An account is noted in the transaction that deletes its workspace, and tried again until the Hub says that it is gone:
the Hub may be away, or refuse because somebody opened the workspace at that moment, and this process may end at any.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.store import StoredRemoval, Unavailable
from coterie.wire.names import is_reserved

_LOOK_EVERY = 30.0
#: How long an account that is gone is looked at again: an opening that had begun before could make it anew.
_MADE_ANEW_WITHIN = timedelta(minutes=1)

log = logging.getLogger(__name__)


async def keep_removing_accounts(world: World) -> None:
    """Run for ever: remove what is noted, at once and then every half minute."""
    while True:
        try:
            await remove_accounts(world)
        except Unavailable as error:
            log.warning("Accounts of deleted workspaces wait to be removed: %s", error)
        except Exception:
            # Whatever it was, no files would be removed any more if this ended.
            log.exception("Accounts of deleted workspaces wait to be removed.")
        await asyncio.sleep(_LOOK_EVERY)


async def remove_accounts(world: World) -> None:
    """Try once to remove every account that is noted. Raises the store's Unavailable."""
    async with world.store.reading() as tx:
        noted = await tx.list_removals()
    for removal in noted:
        try:
            is_over = await _remove(world, removal)
        except HubError as error:
            log.warning("The account %s is still in the Hub, with its files: %s", removal.account, error)
            continue
        if is_over:
            async with world.store.writing() as tx:
                await tx.forget_removal(removal.account)


async def _remove(world: World, removal: StoredRemoval) -> bool:
    """Whether nothing is left to do. Never removes a person's account, or one that belongs to a workspace."""
    async with world.store.reading() as tx:
        owner = await tx.find_workspace_by_account(removal.account)
    if owner is not None or not is_reserved(removal.account):
        return True
    user = await world.hub.find_user(removal.account)
    if user is None:
        return world.now() - removal.at > _MADE_ANEW_WITHIN
    if user.server is not None:
        await world.hub.stop_server(removal.account)  # may take a while: the next look finds it stopped
    else:
        await world.hub.remove_user(removal.account)
    return False
